"""What calls nobody, the duty record and what is read out to 119, over HTTP."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alarms.model import Attention, Condition, Signal, Suppression, Transition
from alarms.out_of_service import OutOfService
from alarms.requests import BeginTest, Shelve, TakeOut
from sites.facts import Fact
from storage.database import writing
from storage.project import apply
from storage.projection import Outcome
from tests.api.conftest import Service
from tests.api.plant import NOON, alarm, out_of_service

LATER = "2026-11-22T05:00:00Z"


def record(service: Service, outcome: Outcome) -> None:
    with writing(service.records.engine) as connection:
        apply(connection, [outcome])


def shelved(site: str) -> Suppression:
    return Suppression(
        kind="shelved", reason="shelved: known", reason_zh="搁置：known", source_id=f"{site}-out", until_ms=NOON, by="u-operator"
    )


def test_everything_that_stands_is_listed_with_its_end_and_as_a_sentence(service: Service) -> None:
    why = replace(shelved("mall"), kind="out_of_service")
    held = alarm("mall", attention=Attention.SUPPRESSED, suppression=why, suppressions=(why,))
    gateway = alarm("mall", id="gw-alarm", device_name="gateway 1", subject="device:gw")
    behind = Suppression(kind="inhibited", reason="its gateway is lost", alarm_id="gw-alarm")
    silent = alarm("mall", id="silent", attention=Attention.SUPPRESSED, suppression=behind, suppressions=(behind,))
    service.board.alarms |= {held.id: held, gateway.id: gateway, silent.id: silent}
    listed = service.call("operator", "GET", "/suppressions")
    assert listed["counts"] == {"out_of_service": 1, "proof_test": 1, "inhibited": 1}
    assert listed["alarms"] == 2
    by_kind = {item["kind"]: item for item in listed["items"]}
    assert by_kind["out_of_service"]["alarm_ids"] == ["mall-alarm"]
    assert (by_kind["inhibited"]["until"], by_kind["inhibited"]["alarm_ids"]) == (None, ["silent"])
    sentence = by_kind["out_of_service"]["sentence"]
    assert sentence == "gas: out of service until 2026-11-22T05:00:00.000Z, by Name of operator: repair"
    assert "屏蔽" in by_kind["out_of_service"]["sentence_zh"]
    assert listed["items"][-1]["kind"] == "inhibited", "what has an end comes first"
    assert service.call("operator", "GET", "/suppressions?kind=proof_test")["counts"] == {"proof_test": 1}
    assert service.call("plant", "GET", "/suppressions?site=mall")["items"] == []


def test_an_alarm_shows_everything_that_suppresses_it(service: Service) -> None:
    whys = (replace(shelved("mall"), kind="out_of_service"), shelved("mall"))
    service.board.alarms["mall-alarm"] = alarm("mall", attention=Attention.SUPPRESSED, suppression=whys[0], suppressions=whys, realarms=2)
    (shown,) = service.call("operator", "GET", "/alarms")["items"]
    assert (shown["isa_state"], shown["realarms"]) == ("I", 2)
    assert [why["kind"] for why in shown["suppressions"]] == ["out_of_service", "shelved"]
    assert shown["suppressions"][0] == shown["suppression"]
    assert shown["suppression"]["until"] == "2026-11-22T04:00:00.000Z"


def test_what_is_asked_reaches_the_scan_whole(service: Service) -> None:
    service.call("operator", "POST", "/alarms/mall-alarm/shelve", {"until": LATER, "reason": "known", "one_shot": True})
    body = {
        "zone_id": "mall-kitchen",
        "kinds": ["gas"],
        "until": LATER,
        "reason": "repair",
        "permit": "P-7",
        "patrol": "hourly",
        "from": LATER,
    }
    service.call("operator", "POST", "/out-of-service", body, 201)
    service.call("operator", "POST", "/proof-tests", {"device_id": "mall-gas", "until": LATER, "reason": "yearly"}, 201)
    shelve, out, test = service.desk.asked
    until_ms = NOON + 3_600_000
    assert shelve == Shelve(alarm_id="mall-alarm", who="u-operator", until_ms=until_ms, reason="known", one_shot=True)
    assert out == TakeOut(
        who="u-operator", reason="repair", until_ms=until_ms, from_ms=until_ms, zone_id="mall-kitchen", kinds=("gas",), permit="P-7",
        patrol="hourly",
    )  # fmt: skip
    assert test == BeginTest(who="u-operator", until_ms=until_ms, reason="yearly", device_id="mall-gas")


def test_a_gas_detector_goes_out_of_service_with_permit_and_patrol_only(service: Service) -> None:
    body = {"device_id": "mall-gas", "until": LATER, "reason": "repair"}
    assert service.call("operator", "POST", "/out-of-service", body, 422)["errors"][0]["pointer"] == "/permit"
    assert service.call("operator", "POST", "/out-of-service", body | {"permit": "P-7"}, 422)["errors"][0]["pointer"] == "/patrol"
    service.call("operator", "POST", "/out-of-service", body | {"permit": "P-7", "patrol": "hourly"}, 201)
    service.call("operator", "POST", "/out-of-service", {**body, "device_id": "mall-switch"}, 201)


def test_those_that_are_over_come_from_the_records(service: Service) -> None:
    standing = out_of_service("mall")
    ended = replace(standing, id="old", state="ended", is_over=True, body=replace(standing.body, id="old", state="ended"))
    record(service, Outcome(position=2, now_ms=NOON, facts=[ended]))
    assert [item["id"] for item in service.call("operator", "GET", "/out-of-service")["items"]] == ["mall-out"]
    assert [item["id"] for item in service.call("operator", "GET", "/out-of-service?over=true")["items"]] == ["old"]
    assert service.call("operator", "GET", "/out-of-service/old")["body"]["permit"] == "P-7"


def test_the_script_for_119_is_prefilled_and_says_what_is_missing(service: Service) -> None:
    service.board.alarms["mall-2"] = alarm("mall", id="mall-2", device_id="mall-spare")
    script = service.call("operator", "GET", "/alarms/mall-alarm/call-script?phone=13900000000")
    lines = {line["label"]: line["text"] for line in script["lines"]}
    assert (lines["Unit"], lines["What"], lines["Your name"]) == ("Mall", "gas leak, 27.1 %LEL", "Name of operator")
    assert (lines["Size"], lines["Your telephone"]) == ("2 detectors in alarm in the zone", "13900000000")
    assert script["missing"] == ["Address"]
    assert {line["label"] for line in script["lines_zh"]} >= {"单位名称", "着火部位", "联系电话"}


def test_whom_an_alarm_can_be_given_to(service: Service) -> None:
    found = service.call("operator", "GET", "/assignees?site=mall")["items"]
    assert {person["id"] for person in found if person["may_acknowledge"]} == {"u-operator", "u-manager", "u-enterprise"}
    assert "u-plant" not in {person["id"] for person in found}
    assert found[0]["may_acknowledge"]


def day(service: Service) -> None:
    raised = alarm("mall", id="day-alarm", subject="point:mall-spare:lel", raised_ms=NOON - 7_200_000, arrived_ms=NOON - 7_200_000,
                   asked_ms=NOON - 7_200_000)  # fmt: skip
    taken = replace(raised, attention=Attention.ACKNOWLEDGED, seq=2, acknowledged_ms=NOON - 7_170_000, acknowledged_by="u-operator")
    sent = replace(taken, seq=3, progress=("dispatched",))
    over = replace(sent, seq=4, condition=Condition.NORMAL, cleared_ms=NOON - 600_000, ended_ms=NOON - 600_000)
    transitions = [
        Transition(alarm=raised, signal=Signal.RAISED, at_ms=NOON - 7_200_000),
        Transition(alarm=taken, signal=Signal.ACKNOWLEDGED, at_ms=NOON - 7_170_000, who="u-operator", before="active/unacknowledged"),
        Transition(
            alarm=sent, signal=Signal.PROGRESSED, at_ms=NOON - 7_000_000, who="u-operator", step="dispatched", whom="<Li>", phone="139"
        ),
        Transition(alarm=over, signal=Signal.CLEARED, at_ms=NOON - 600_000, before="active/acknowledged"),
    ]
    facts: list[Fact] = [out_of_service("mall")]
    record(service, Outcome(position=2, now_ms=NOON, transitions=transitions, facts=facts))


def test_the_duty_record_fills_itself_from_the_days_transitions(service: Service) -> None:
    day(service)
    found = service.call("operator", "GET", "/duty-record?site=mall&date=2026-11-22")
    assert (found["from"], found["timezone"]) == ("2026-11-21T16:00:00.000Z", "Asia/Shanghai")
    line = next(line for line in found["alarms"] if line["alarm_id"] == "day-alarm")
    assert (line["local_time"], line["acknowledged_s"], line["acknowledged_by"]["id"]) == ("10:00:00", 30.0, "u-operator")
    assert [(step["step"], step["whom"], step["phone"]) for step in line["steps"]] == [
        ("raised", "", ""), ("acknowledged", "", ""), ("dispatched", "<Li>", "139"), ("cleared", "", ""),
    ]  # fmt: skip
    status = {line["local_time"]: (line["fire"], line["out_of_service"]) for line in found["status"]}
    assert status["08:00:00"] == (0, 0)
    assert status["10:00:00"] == (1, 0), "at ten it stood"
    assert status["12:00:00"] == (1, 1), "at noon another stands, and something is out of service"
    assert len(status) == 7, "what has not come yet is not written"
    assert [person["id"] for person in found["people"]] == ["u-operator"]
    assert [other["kind"] for other in found["others"]] == ["out_of_service"]


@pytest.mark.parametrize(("language", "word"), [("zh", "消防控制室值班记录"), ("en", "Control room duty record")])
def test_it_is_printed_in_both_languages_with_every_text_escaped(service: Service, language: str, word: str) -> None:
    day(service)
    path = f"/api/v1/duty-record/page?site=mall&date=2026-11-22&language={language}"
    page = service.client.get(path, headers=service.as_("operator")).text
    assert word in page
    assert "&lt;Li&gt;" in page
    assert "<Li>" not in page
    assert "10:00:00" in page


def test_a_day_that_no_calendar_has_is_refused(service: Service) -> None:
    assert service.call("operator", "GET", "/duty-record?site=mall&date=2026-02-30", status=422)["type"].endswith("invalid")


def test_the_values_are_the_same_after_the_records(service: Service) -> None:
    record(service, Outcome(position=2, now_ms=NOON, facts=[out_of_service("mall")]))
    kept = service.records.fact("out_of_service", "mall-out")
    assert isinstance(kept.body, OutOfService)
    assert kept.body == out_of_service("mall").body
