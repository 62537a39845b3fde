"""Linkages over HTTP: their sentences, what became of them at an alarm, and dry runs."""

from __future__ import annotations

from alarms.linkage import Firing
from storage.database import writing
from storage.project import apply
from storage.projection import Outcome
from tests.api.conftest import Service
from tests.api.plant import NOON


def test_a_linkage_reads_as_a_sentence_in_both_languages(service: Service) -> None:
    shape = service.call("manager", "GET", "/linkages/mall-linkage")
    assert shape["sentence"] == "Mall的报警发生或升级时，不执行任何动作。"
    assert shape["sentence_en"] == "When an alarm in Mall is raised or becomes more severe: nothing is done."


def test_every_firing_and_non_firing_of_an_alarm_is_explained(service: Service) -> None:
    def told(at_ms: int, fired: bool, code: str, reason: str, reason_zh: str) -> dict[str, object]:
        firing = Firing(
            linkage_id="mall-linkage",
            alarm_id="mall-alarm",
            alarm_seq=1,
            at_ms=at_ms,
            fired=fired,
            code=code,
            reason=reason,
            reason_zh=reason_zh,
        )
        with writing(service.records.engine) as connection:
            apply(connection, [Outcome(position=99, now_ms=at_ms, firings=[firing])])
        (shape,) = service.call("operator", "GET", "/alarms/mall-alarm/linkages")["items"]
        return dict(shape)

    shape = told(NOON, False, "waiting", "waits: 30 s", "等待 30 秒")
    assert (shape["code"], shape["fired"], shape["name"]) == ("waiting", False, "通知")
    shape = told(NOON + 30_000, True, "fired", "after 30 s; notify 1", "30 秒后；通知 1 人")
    assert (shape["code"], shape["fired"], shape["reason"], shape["reason_en"]) == (
        "fired",
        True,
        "30 秒后；通知 1 人",
        "after 30 s; notify 1",
    )
    shape = told(NOON, False, "waiting", "waits: 30 s", "等待 30 秒")
    assert shape["code"] == "fired", "what is told again by a replay takes nothing back"


def test_a_dry_run_of_a_saved_and_of_an_unsaved_linkage(service: Service) -> None:
    saved = service.call("manager", "POST", "/linkages/mall-linkage/dry-run", {"alarm_id": "mall-alarm"})
    assert saved["would_fire"] is False
    assert [firing["code"] for firing in saved["firings"]] == ["nothing"]
    ask = {"alarm_id": "mall-alarm", "linkage": {"name": "x", "notify": ["a@example.org"]}}
    tried = service.call("manager", "POST", "/linkages/dry-run", ask)
    assert tried["would_fire"] is True
    assert tried["is_whole"] is True
    assert [each["what"] for each in tried["wanted"]] == ["notify"]
    assert tried["sentence"] == "任一场所的报警发生或升级时，通知a@example.org。"


def test_a_linkage_that_cannot_be_meant_is_refused_with_its_fields(service: Service) -> None:
    ask = {"alarm_id": "mall-alarm", "linkage": {"triggers": 0}}
    assert "triggers" in str(service.call("manager", "POST", "/linkages/dry-run", ask, 422))
    service.call("manager", "POST", "/linkages/dry-run", {"alarm_id": "mall-alarm"}, 422)
