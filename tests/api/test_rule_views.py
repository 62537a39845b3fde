"""Rules looked at over HTTP: dry checks, cover, live standing, explanations live and past, versions, texts, calendars, overrides."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from storage import tables
from storage.database import writing
from tests.api.conftest import Service
from tests.api.plant import NOON

GAS = {
    "id": "mall-rule", "version": 1, "name": {"zh": "燃气", "en": "Gas"}, "kind": "level", "metric": "lel",
    "above": [{"limit": 25, "severity": "high", "deadband": 2.5}], "scope": {"sites": ["mall"]},
}  # fmt: skip
TEXT = """# the owner asked for this
id: mall-rule
name: {zh: 燃气, en: Gas}
kind: level
metric: lel
above:
  - {limit: 20, severity: high}  # after the incident of May
scope: {sites: [mall]}
"""


def checked(service: Service, **body: Any) -> Any:
    return service.call("manager", "POST", "/rules/check", body)


def test_a_check_says_what_a_rule_would_cover_and_who_does_the_same(service: Service) -> None:
    told = checked(service, data={**GAS, "id": "another"})
    assert told["is_ok"] is True
    assert (told["cover"]["total"], told["cover"]["subjects"]) == (1, ["point:mall-gas:lel"])
    assert told["cover"]["by_zone"][0]["zone_name"] == "厨房"
    assert told["cover"]["without"] == ["mall-spare", "mall-switch"]
    assert [(each["rule_id"], each["is_same"], each["subjects"]) for each in told["beside"]] == [("mall-rule", True, 1)]
    assert told["rule"]["version"] == 1
    service.call("manager", "GET", "/rules/another", status=404)


@pytest.mark.parametrize(
    ("phrase", "change", "fate"),
    [
        ("the same condition", {"name": "other words"}, "kept"),
        ("another limit", {"above": [{"limit": 20, "severity": "high", "deadband": 2.5}]}, "judged_anew"),
        ("disabled", {"enabled": False}, "withdrawn"),
        ("out of scope", {"scope": {"devices": ["mall-spare"]}}, "left"),
    ],
)
def test_a_check_says_what_becomes_of_alarms_that_stand(service: Service, phrase: str, change: Any, fate: str) -> None:
    assert [each["fate"] for each in checked(service, data=GAS | change)["alarms"]] == [fate], phrase


def test_a_check_of_a_text_points_at_line_and_column(service: Service) -> None:
    told = checked(service, text=TEXT.replace("limit: 20", "limit: 90").replace("metric: lel", "metrix: lel"))
    assert told["is_ok"] is False
    places = {each["pointer"]: (each["line"], each["column"]) for each in told["problems"]}
    assert places["/metrix"] == (5, 9)
    assert places["/metric"] == (2, 1)
    told = checked(service, text=TEXT.replace("limit: 20", "limit: 90"))
    assert [(each["pointer"], each["line"], each["column"]) for each in told["problems"]] == [("/above/0/limit", 7, 13)]
    assert "GB/T 50493" in told["problems"][0]["allowed_zh"]


@pytest.mark.parametrize(
    ("text", "line"), [("kind: [", 1), ("a: 1\nb: &x 2\nc: *x", 3), ("- 1", 1), ("[" * 40, 1), ("x" * 20_000, 1), ("a: 1\n\tb: 2", 2)]
)
def test_a_text_that_is_no_rule_is_told_so(service: Service, text: str, line: int) -> None:
    problem = checked(service, text=text)["problems"][0]
    assert problem["line"] == line


def test_form_and_text_give_the_same_rule(service: Service) -> None:
    by_form = checked(service, data=GAS)
    by_text = checked(service, text=by_form["text"])
    assert by_text["rule"] == by_form["rule"]


def test_an_unknown_expression_is_pointed_at(service: Service) -> None:
    told = checked(service, data={"id": "e", "name": "e", "kind": "expression", "expression": "lel > 20 °C", "severity": "high"})
    problem = next(each for each in told["problems"] if each["pointer"] == "/expression")
    assert (problem["line"], problem["column"]) == (1, 7)


def test_a_rule_that_is_referred_to_must_be_there(service: Service) -> None:
    counting = {"id": "c", "name": "c", "kind": "count", "of": "nobody", "window_s": 600, "above": [{"limit": 3, "severity": "high"}]}
    assert [each["pointer"] for each in checked(service, data=counting)["problems"]] == ["/of"]


def test_an_alarm_that_would_never_be_known_is_refused(service: Service) -> None:
    mall = {"scope": {"sites": ["mall"]}}
    three = [{"limit": 3, "severity": "high"}]
    counting = {"id": "busy", "name": "b", "kind": "count", "of": "mall-rule", "window_s": 600, "above": three, **mall}
    service.call("manager", "POST", "/rules", counting, status=201)
    asking = {"id": "ask", "name": "a", "kind": "expression", "expression": "lel > 20 %LEL and alarm(busy)", "severity": "high", **mall}
    (problem,) = checked(service, data=asking)["problems"]
    assert (problem["pointer"], problem["given"]) == ("/expression", "alarm(busy)")
    assert "永远未知" in problem["allowed_zh"]
    refused = service.call("manager", "POST", "/rules", asking, status=422)
    assert [each["pointer"] for each in refused["errors"]] == ["/expression"]
    service.call("manager", "POST", "/rules", {**asking, "expression": "lel > 20 %LEL and alarm(mall-rule)"}, status=201)
    windowed = {**GAS, "kind": "window", "window_s": 600, "statistic": "mean"}
    assert [each["pointer"] for each in checked(service, data=windowed)["problems"]] == ["/kind"], "ask would no longer know"
    circle = {**GAS, "only_while": "not alarm(ask)"}
    assert [each["pointer"] for each in checked(service, data=circle)["problems"]] == ["/only_while", "/expression"]


@pytest.mark.parametrize(
    ("phrase", "change", "seconds"),
    [
        ("a level judges at once", {}, (0, 0)),
        ("half of the span must be seen", {"kind": "window", "window_s": 28_800, "statistic": "mean"}, (14_400, 28_800)),
        ("as it says itself", {"kind": "window", "window_s": 600, "statistic": "max", "covered": 0.1}, (60, 600)),
        ("what is many already is many", {"kind": "count", "window_s": 600, "share_of": {"above": 20}}, (0, 600)),
        ("unmoved for so long", {"kind": "stuck"}, (25, 25)),
    ],
)
def test_a_check_says_when_the_rule_can_first_judge(service: Service, phrase: str, change: Any, seconds: tuple[float, float]) -> None:
    data = {**GAS, **change, "id": "another"}
    if change.get("kind") == "count":
        data["above"] = [{"limit": 3, "severity": "high"}]
    if change.get("kind") == "stuck":
        data["above"] = [{"limit": 25, "severity": "low"}]
    told = checked(service, data=data)
    assert told["problems"] == []
    assert (told["judges_after_s"], told["whole_after_s"]) == seconds, phrase


def test_the_live_state_of_a_rule_is_that_of_the_engine(service: Service) -> None:
    service.workshop.feed("mall-gas:lel", [(30, 10.0), (20, 27.0), (10, 26.0)])
    page = service.call("operator", "GET", "/rules/mall-rule/state")
    assert (page["total"], page["next_cursor"]) == (1, None)
    item = page["items"][0]
    assert (item["subject"], item["value"], item["unit"]) == ("point:mall-gas:lel", 26.0, "%LEL")
    assert (item["quality"], item["gate"]) == ("fresh", "open")
    assert (item["is_raised"], item["level"]) == (True, 0)
    level = item["levels"][0]
    assert (level["limit"], level["returns_at"], level["margin"], level["is_met"], level["phase"]) == (25.0, 22.5, -1.0, True, "active")


def explained(service: Service, **asked: Any) -> Any:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return service.call("operator", "GET", f"/rules/mall-rule/explain?{query}")


def test_why_it_stands_now_is_said_in_both_languages(service: Service) -> None:
    service.workshop.feed("mall-gas:lel", [(30, 10.0), (3, 27.0)])
    told = explained(service, point="mall-gas:lel")
    assert (told["is_live"], told["is_raised"], told["verdict"]["code"]) == (True, True, "raised")
    assert "27 %LEL" in told["verdict"]["zh"]
    assert "at or above the limit 25 %LEL" in told["verdict"]["en"]
    assert [step["code"] for step in told["steps"]][:2] == ["alarm", "version"]


@pytest.mark.parametrize(
    ("phrase", "readings", "code"),
    [
        ("nothing heard", [], "never_heard"),
        ("below", [(20, 10.0)], "not_met"),
        ("back within the deadband", [(30, 30.0), (20, 23.0)], "raised_deadband"),
        ("past the deadband", [(30, 30.0), (20, 20.0)], "not_met"),
    ],
)
def test_why_is_told_by_what_the_engine_has(service: Service, phrase: str, readings: list[tuple[int, float]], code: str) -> None:
    if readings:
        service.workshop.feed("mall-gas:lel", readings)
    assert explained(service, point="mall-gas:lel")["verdict"]["code"] == code, phrase


def test_a_past_moment_is_replayed_with_the_version_of_then(service: Service) -> None:
    with writing(service.records.engine) as connection:
        connection.execute(update(tables.rule_versions).values(at_ms=NOON - 86_400_000))
    service.call("manager", "PUT", "/rules/mall-rule", {**GAS, "above": [{"limit": 10, "severity": "high"}]})  # not yet in force then
    service.workshop.feed("mall-gas:lel", [(seconds, 30.0 if 600 < seconds <= 900 else 5.0) for seconds in range(3600, 0, -10)])
    then = explained(service, point="mall-gas:lel", at="2026-11-22T03:47:00Z")  # 780 s before noon
    assert (then["is_live"], then["is_raised"], then["verdict"]["code"]) == (False, True, "raised")
    assert then["standing"]["levels"][0]["margin"] == -5.0
    assert "raised" in [step["code"] for step in then["steps"]]
    before = explained(service, point="mall-gas:lel", at="2026-11-22T03:30:00Z")
    assert (before["is_raised"], before["verdict"]["code"]) == (False, "not_met")
    assert before["standing"]["value"] == 5.0


def test_a_time_before_the_rule_says_that_there_was_none(service: Service) -> None:
    told = explained(service, point="mall-gas:lel", at="2026-11-21T03:47:00Z")
    assert (told["is_raised"], told["verdict"]["code"]) == (None, "no_rule")


def test_a_point_that_the_rule_does_not_cover_says_so(service: Service) -> None:
    assert explained(service, point="mall-spare:lel")["verdict"]["code"] == "not_covered"
    service.call("operator", "GET", "/rules/mall-rule/explain?point=plant-gas:lel", status=404)
    service.call("operator", "GET", "/rules/mall-rule/explain", status=422)


def test_text_is_kept_with_its_comments_and_its_version_can_be_brought_back(service: Service) -> None:
    made = service.call("manager", "GET", "/rules/mall-rule/text")
    assert (made["is_as_written"], "limit: 25" in made["text"]) == (False, True)
    kept = service.call("manager", "PUT", "/rules/mall-rule/text", {"text": TEXT, "version": 1})
    assert (kept["version"], kept["is_as_written"], kept["text"]) == (2, True, TEXT)
    assert service.call("manager", "GET", "/rules/mall-rule")["levels"][0]["limit"] == 20
    service.call("manager", "PUT", "/rules/mall-rule/text", {"text": TEXT, "version": 1}, status=409)
    back = service.call("manager", "POST", "/rules/mall-rule/restore", {"version": 1, "present": 2})
    assert (back["version"], back["levels"][0]["limit"]) == (3, 25)
    again = service.call("manager", "POST", "/rules/mall-rule/restore", {"version": 2, "present": 3})
    assert again["version"] == 4
    assert service.call("manager", "GET", "/rules/mall-rule/text")["text"] == TEXT
    versions = service.call("operator", "GET", "/rules/mall-rule/versions")["items"]
    assert [each["version"] for each in versions] == [4, 3, 2, 1]
    assert versions[0]["by"]["name"] == "Name of manager"
    assert {change["field"] for change in versions[1]["changes"]} == {"above", "guidance"}
    service.call("manager", "POST", "/rules/mall-rule/restore", {"version": 9, "present": 4}, status=404)


def test_a_text_of_another_rule_is_refused(service: Service) -> None:
    refused = service.call("manager", "PUT", "/rules/mall-rule/text", {"text": TEXT.replace("mall-rule", "x"), "version": 1}, status=422)
    assert refused["errors"][0]["pointer"] == "/id"
    refused = service.call("manager", "PUT", "/rules/mall-rule/text", {"text": TEXT.replace("20", "90"), "version": 1}, status=422)
    assert (refused["errors"][0]["line"], refused["errors"][0]["pointer"]) == (7, "/above/0/limit")


def test_shipped_sets_tell_what_is_different_here(service: Service) -> None:
    sets = service.call("operator", "GET", "/rule-sets")["items"]
    assert {"gas", "fire", "electrical"} <= {each["id"] for each in sets}
    assert {rule["state"] for each in sets for rule in each["rules"]} == {"missing"}
    lel = next(rule for each in sets for rule in each["rules"] if rule["rule_id"] == "lel")
    service.call("root", "POST", "/rules", {**GAS, "id": "lel", "scope": {}}, status=201)
    sets = service.call("operator", "GET", "/rule-sets")["items"]
    here = next(rule for each in sets for rule in each["rules"] if rule["rule_id"] == "lel")
    assert (lel["state"], here["state"], here["version"]) == ("missing", "changed", 1)
    assert "above" in {change["field"] for change in here["changes"]}


def test_numbers_tell_which_place_set_them(service: Service) -> None:
    body = {
        "rule_id": "mall-rule",
        "node_kind": "zone",
        "node_id": "mall-kitchen",
        "levels": [{"level": 0, "limit": 20}],
        "reason": "steam",
    }
    made = service.call("manager", "POST", "/overrides", body, status=201)
    configured = service.desk.configured[-1]
    assert configured[:3] == ("override", made["id"], 1)
    service.workshop.change("override", configured[3])
    numbers = {each["number"]: each for each in service.call("operator", "GET", "/rules/mall-rule/numbers?device_id=mall-gas")["items"]}
    limit = numbers["above[0].limit"]
    assert (limit["value"], limit["node_kind"], limit["node_id"], limit["reason"]) == (20, "zone", "mall-kitchen", "steam")
    assert numbers["above[0].deadband"]["node_kind"] is None
    service.workshop.feed("mall-gas:lel", [(30, 10.0), (20, 21.0)])
    level = service.call("operator", "GET", "/rules/mall-rule/state")["items"][0]["levels"][0]
    assert (level["limit"], level["phase"]) == (20.0, "active")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"levels": [{"level": 0, "limit": 60}]}, "/above/0/limit"),
        ({"reason": " "}, "/reason"),
        ({"levels": []}, "/levels"),
        ({"node_id": "nowhere"}, "/node_id"),
        ({"rule_id": "nothing"}, "/rule_id"),
    ],
)
def test_an_override_that_the_rule_could_not_say_is_refused(service: Service, change: Any, pointer: str) -> None:
    body = {"rule_id": "mall-rule", "node_kind": "site", "node_id": "mall", "levels": [{"level": 0, "limit": 20}], "reason": "steam"}
    refused = service.call("manager", "POST", "/overrides", body | change, status=403 if change.get("node_id") == "nowhere" else 422)
    if refused["status"] == 422:
        assert refused["errors"][0]["pointer"] == pointer


def test_a_place_sets_the_numbers_of_a_rule_once(service: Service) -> None:
    body = {"rule_id": "mall-rule", "node_kind": "site", "node_id": "mall", "hold_s": 5, "reason": "steam"}
    made = service.call("manager", "POST", "/overrides", body, status=201)
    service.call("manager", "POST", "/overrides", body, status=422)
    changed = service.call("manager", "PUT", f"/overrides/{made['id']}", {**body, "hold_s": 9, "version": 1})
    assert (changed["hold_s"], changed["version"]) == (9, 2)
    assert [each["id"] for each in service.call("operator", "GET", "/overrides?rule_id=mall-rule")["items"]] == [made["id"]]
    service.call("plant", "GET", f"/overrides/{made['id']}", status=404)
    service.call("manager", "DELETE", f"/overrides/{made['id']}", status=204)


def test_a_calendar_says_whether_it_is_open(service: Service) -> None:
    body = {
        "name": "商场", "site_id": "mall", "weekdays": [["09:00-21:30"]] * 6 + [["10:00-12:30", "20:00-02:00"]],
        "holidays": [{"first": "2026-10-01", "last": "2026-10-07", "name": "国庆"}],
        "special_days": [{"day": "2026-12-31", "windows": ["09:00-24:00"]}],
    }  # fmt: skip
    made = service.call("manager", "POST", "/calendars", body, status=201)
    assert (made["is_open"], made["next_change_at"]) == (True, "2026-11-22T04:30:00.000Z")  # a Sunday noon in Shanghai
    assert made["weekdays"][6] == ["10:00-12:30", "20:00-02:00"]
    assert service.desk.configured[-1][0] == "calendar"
    refused = service.call("manager", "POST", "/calendars", body | {"weekdays": [["25:00-26:00"]] + [[]] * 6}, status=422)
    assert refused["errors"][0]["pointer"] == "/weekdays/0"
    assert service.call("plant", "GET", "/calendars")["items"] == []
    scheduled = {**GAS, "version": 1, "schedule": {"when": "open", "calendar": made["id"]}}
    service.call("manager", "PUT", "/rules/mall-rule", scheduled)
    service.call("manager", "DELETE", f"/calendars/{made['id']}", status=409)
