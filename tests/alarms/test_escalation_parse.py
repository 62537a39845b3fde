"""Escalation policies as data: read, written back, limited for fire by the clauses, and said in sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from alarms.errors import DocumentError
from alarms.escalation_parse import escalation_data, parse_escalation
from alarms.escalation_words import sentences

SHIPPED = Path(__file__).parents[2] / "alarms" / "sets" / "escalations"
DATA: dict[str, Any] = {
    "id": "fire",
    "name": {"zh": "火警", "en": "Fire"},
    "kinds": ["smoke"],
    "unacknowledged": [{"after_s": 60, "whom": ["duty:lead"], "otherwise": ["role:operator"], "channels": ["voice", "sms"]}],
    "unverified": [{"after_s": 180, "whom": ["role:manager", "user:u1", "group:g"], "repeat_s": 120, "repeats": 3}],
}


def test_the_shipped_policies_are_read_and_written_back() -> None:
    shipped = [entry for file in sorted(SHIPPED.glob("*.yaml")) for entry in yaml.safe_load(file.read_text(encoding="utf-8"))]
    policies = [parse_escalation(entry) for entry in shipped]
    assert {kind for policy in policies for kind in policy.kinds} == {"smoke", "heat", "manual_call", "gas", "electrical"}
    assert [parse_escalation(escalation_data(policy)) for policy in policies] == policies


def _with(ladder: str, **changed: Any) -> dict[str, Any]:
    return {**DATA, ladder: [{**DATA[ladder][0], **changed}]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_with("unacknowledged", after_s=181), "at most 180.*GB 25201"),
        (_with("unverified", after_s=301), "at most 300"),
        ({**DATA, "unverified": []}, "at least one step"),
        ({**DATA, "kinds": [], "unverified": []}, "at least one step"),  # every kind: fire too
        (_with("unacknowledged", whom=["everybody"]), "role:ROLE"),
        (_with("unacknowledged", whom=[]), "at least one"),
        (_with("unacknowledged", channels=["pigeon"]), "email, sms, voice"),
        (_with("unacknowledged", repeats=2, repeat_s=5), "at least 30 s"),
        (_with("unacknowledged", after_s=True), "whole number"),
        ({**DATA, "unacknowledged": DATA["unacknowledged"] * 2}, "no two at the same"),
        ({**DATA, "kinds": ["fire"]}, "kinds"),
        ({**DATA, "id": "a b"}, "letters"),
        ("fire", "a mapping"),
    ],
)
def test_what_cannot_be_meant_is_refused(data: Any, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        parse_escalation(data)


def test_other_kinds_than_fire_may_take_their_time() -> None:
    policy = parse_escalation({**_with("unacknowledged", after_s=3_600), "kinds": ["water"], "unverified": []})
    assert policy.unacknowledged[0].after_s == 3_600


def test_a_policy_is_told_in_sentences_of_both_languages() -> None:
    zh, en = sentences(parse_escalation(DATA), lambda kind, which: {"u1": "王建国", "g": "夜班"}.get(which, which))
    assert zh == [
        "所有场所的烟感报警，级别重要及以上。",
        "报警 60 秒未接警：通知在岗的 lead（电话、短信），无人在岗时通知该场所的值班员。",
        "接警即停止，转入未核实计时。",
        "报警 3 分钟未核实：通知该场所的负责人、王建国、通知组“夜班”（其登记的全部方式），每 2 分钟重复，共 3 次。",
        "仅核实结论可停止。",
    ]
    assert en[1] == "60 s unacknowledged: tell the lead on duty by voice call, SMS, or operators of the site where nobody is on duty."
    assert en[-1] == "Only a verdict ends this."
