from pathlib import Path

import pytest
import yaml

from alarms.errors import LinkageError
from alarms.linkage_parse import linkage_data, parse_linkage
from rules.model import Severity

SET = Path(__file__).parents[2] / "alarms" / "sets" / "linkages.yaml"


def test_the_shipped_linkages_are_accepted_and_read_back_the_same():
    linkages = [parse_linkage(data) for data in yaml.safe_load(SET.read_text(encoding="utf-8"))]
    assert len({linkage.id for linkage in linkages}) == len(linkages) == 11
    for linkage in linkages:
        assert parse_linkage(linkage_data(linkage)) == linkage
        assert linkage.name
        assert linkage.name_en


def test_the_shipped_automatic_cuts_need_two_triggers_or_the_high_set_point_of_gas():
    linkages = [parse_linkage(data) for data in yaml.safe_load(SET.read_text(encoding="utf-8"))]
    cutting = {linkage.id: linkage for linkage in linkages if linkage.cut == "automatic"}
    assert set(cutting) == {"cut-on-gas", "cut-on-gas-high"}
    assert all(linkage.kinds == ("gas",) and linkage.outside_gas_area for linkage in cutting.values())
    assert (cutting["cut-on-gas"].triggers, cutting["cut-on-gas"].min_severity) == (2, Severity.HIGH)
    assert (cutting["cut-on-gas-high"].triggers, cutting["cut-on-gas-high"].min_severity) == (1, Severity.CRITICAL)


WHOLE = {
    "id": "whole",
    "name": {"zh": "全", "en": "whole"},
    "on": ["raised", "unresolved"],
    "kinds": ["gas"],
    "rules": ["gas-lel", "service:power_not_proved"],
    "metrics": ["lel"],
    "schedule": {"weekdays": ["mon"], "windows": ["22:00-06:00"]},
    "unresolved_s": 600,
    "delay_s": 1.5,
    "cancel_if_cleared": False,
    "circuits": ["c1"],
    "outside_gas_area": True,
    "plan": "p1",
    "commands": [{"kind": "valve", "action": "close"}, {"kind": "siren", "action": "sound", "actuator_id": "a1"}],
    "hazard": True,
    "hazard_days": 7,
    "hazard_apart_h": 12,
}


def test_everything_that_a_linkage_can_say_is_read_back_the_same():
    linkage = parse_linkage(WHOLE)
    assert linkage.triggers == 2, "a plan by itself needs two triggers like a cut"
    assert set(linkage_data(linkage)) >= set(WHOLE)
    assert parse_linkage(linkage_data(linkage)) == linkage


@pytest.mark.parametrize(
    ("phrase", "change", "message"),
    [
        ("a valve that opens", {"commands": [{"kind": "valve", "action": "open"}]}, "valve: close"),
        ("an unknown actuator", {"commands": [{"kind": "door", "action": "open"}]}, "commands.0"),
        ("a command with more", {"commands": [{"kind": "fan", "action": "start", "x": 1}]}, "commands.0"),
        ("no time for unresolved", {"unresolved_s": 0}, "together with the signal unresolved"),
        ("a time without the signal", {"on": ["raised"]}, "together with the signal unresolved"),
        ("a delay of days", {"delay_s": 10**6}, "from 0 to 86400"),
        ("a plan because an alarm ends", {"on": ["cleared", "unresolved"]}, "nothing is cut because an alarm ends"),
        ("a plan for whatever", {"kinds": []}, "so that it is meant"),
        ("a bad schedule", {"schedule": {"windows": ["25:00-26:00"]}}, "schedule.windows"),
        ("a metric with a channel", {"metrics": ["closed.2"]}, "metrics"),
        ("a bad plan", {"plan": "a b"}, "plan: given"),
        ("an endless count", {"hazard_days": 99}, "from 1 to 30"),
    ],
)
def test_what_cannot_be_meant_of_the_further_fields_is_refused(phrase, change, message):
    with pytest.raises(LinkageError) as refused:
        parse_linkage({**WHOLE, **change})
    assert message in str(refused.value), phrase


def test_an_automatic_cut_needs_two_triggers_unless_said_otherwise():
    data = {"id": "x", "name": "x", "cut": "automatic", "kinds": ["smoke"]}
    assert parse_linkage(data).triggers == 2
    assert parse_linkage({**data, "triggers": 1}).triggers == 1


@pytest.mark.parametrize(
    ("phrase", "change", "message"),
    [
        ("no id", {"id": None}, "id: given nothing"),
        ("a bad id", {"id": "a b"}, "id: given 'a b'"),
        ("no name", {"name": ""}, "name: given ''"),
        ("an unknown signal", {"on": ["raised", "exploded"]}, "raised, stepped_up"),
        ("no signal", {"on": []}, "on: given"),
        ("an unknown kind", {"kinds": ["fire"]}, "kinds: given"),
        ("an unknown severity", {"min_severity": "huge"}, "info, low, high, critical"),
        ("a severity as number", {"min_severity": 3}, "info, low, high, critical"),
        ("no trigger", {"triggers": 0}, "from 1 to 10"),
        ("true triggers", {"triggers": True}, "from 1 to 10"),
        ("an unknown cut", {"cut": "maybe"}, "none, offer, automatic"),
        ("an address without @", {"notify": ["nobody"]}, "e-mail addresses"),
        ("two addresses smuggled into one", {"notify": ["a@b\nBcc: c@d"]}, "e-mail addresses"),
        ("a text for a list", {"notify": "a@b"}, "e-mail addresses"),
        ("a yes for true", {"hazard": "yes"}, "true or false"),
        ("an unknown field", {"cutt": "none"}, "cutt: given 'an unknown field'"),
        ("a cut because an alarm ends", {"cut": "automatic", "kinds": ["gas"], "on": ["cleared"]}, "nothing is cut because an alarm ends"),
        ("a cut for whatever kind", {"cut": "automatic"}, "so that it is meant"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_field(phrase, change, message):
    with pytest.raises(LinkageError) as refused:
        parse_linkage({"id": "x", "name": "x", **change})
    assert message in str(refused.value), phrase


def test_all_problems_are_told_at_once():
    with pytest.raises(LinkageError) as refused:
        parse_linkage({"id": "", "name": 3, "cut": "x", "triggers": -1})
    assert [problem.field for problem in refused.value.problems] == ["id", "name", "cut", "triggers"]


def test_what_is_no_mapping_is_refused():
    with pytest.raises(LinkageError, match="a mapping of fields"):
        parse_linkage(["x"])  # type: ignore[arg-type]
