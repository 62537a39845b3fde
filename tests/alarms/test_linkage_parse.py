from pathlib import Path

import pytest
import yaml

from alarms.errors import LinkageError
from alarms.linkage_parse import linkage_data, parse_linkage
from rules.model import Severity

SET = Path(__file__).parents[2] / "alarms" / "sets" / "linkages.yaml"


def test_the_shipped_linkages_are_accepted_and_read_back_the_same():
    linkages = [parse_linkage(data) for data in yaml.safe_load(SET.read_text(encoding="utf-8"))]
    assert len({linkage.id for linkage in linkages}) == len(linkages) == 4
    for linkage in linkages:
        assert parse_linkage(linkage_data(linkage)) == linkage
        assert linkage.name
        assert linkage.name_en


def test_the_shipped_automatic_cut_needs_two_triggers_and_high_severity():
    linkages = [parse_linkage(data) for data in yaml.safe_load(SET.read_text(encoding="utf-8"))]
    (cutting,) = [linkage for linkage in linkages if linkage.cut == "automatic"]
    assert cutting.triggers == 2
    assert cutting.min_severity >= Severity.HIGH
    assert cutting.kinds == ("gas",)


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
