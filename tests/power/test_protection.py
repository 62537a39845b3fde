"""Classes and interlocks: who may switch what, each no with a code and a sentence in both languages."""

from dataclasses import replace
from itertools import product

import pytest

from alarms.classes import MAY_CUT, By
from power.measure import Poles, Sample
from power.model import Action, Order, OrderState
from power.protection import Circumstances, cut_refusal, restore_refusal
from power.setup import Lock
from sites.model import Circuit, CircuitClass, Site, Trial

NOW = 1_700_000_000_000
SITE = Site(id="s", enterprise_id="e", name="S", commanding=True)
HEARD = Poles(closed=Sample(value=1, taken_ms=NOW - 1_000, arrived_ms=NOW - 1_000))
AROUND = Circumstances(site=SITE, poles=HEARD, stale_after_ms=90_000)
TRIAL = Trial(at_ms=1, first_name="A", second_name="B")
CIRCUIT = Circuit(id="c", site_id="s", zone_id="z", name="C", device_id="d", circuit_class=CircuitClass.USE, trial=TRIAL)


def order(action):
    return Order(
        id="o", site_id="s", zone_id="z", circuit_id="c", circuit_name="C", device_id="d", channel="", action=action, cause="x",
        alarm_id=None, who="u", reason="", state=OrderState.SENT, requested_ms=NOW, expires_ms=NOW, changed_ms=NOW,
    )  # fmt: skip


def code(refusal):
    if refusal is None:
        return None
    assert refusal.text_en
    assert refusal.text_zh
    return refusal.code


@pytest.mark.parametrize(("circuit_class", "by"), list(product(CircuitClass, By)))
def test_every_class_against_every_path(circuit_class, by):
    circuit = replace(CIRCUIT, circuit_class=circuit_class)
    expected = {
        CircuitClass.FIRE: "class_fire",
        CircuitClass.LIFE: "class_life",
        CircuitClass.UNCLASSIFIED: "class_unclassified",
        CircuitClass.MANUAL: None if by is By.PERSON else "class_person_only",
        CircuitClass.PERMIT_24H: "class_person_only" if by is By.LINKAGE else "permit_without_end" if by is By.PLAN else None,
    }.get(circuit_class)
    assert code(cut_refusal(circuit, by, AROUND, NOW)) == expected
    if expected == "permit_without_end":
        return  # the class would allow it, once its permit has ended
    assert (by in MAY_CUT[circuit_class]) == (expected is None)


@pytest.mark.parametrize("circuit_class", [CircuitClass.FIRE, CircuitClass.LIFE, CircuitClass.UNCLASSIFIED])
def test_what_is_never_cut_is_never_restored_from_here_either(circuit_class):
    assert code(restore_refusal(replace(CIRCUIT, circuit_class=circuit_class), AROUND, NOW)) == f"class_{circuit_class}"


def test_a_valid_permit_keeps_a_circuit_out_of_plans_until_it_ends():
    circuit = replace(CIRCUIT, circuit_class=CircuitClass.PERMIT_24H, permit_until_ms=NOW + 1)
    assert code(cut_refusal(circuit, By.PLAN, AROUND, NOW)) == "permit_valid"
    assert cut_refusal(circuit, By.PLAN, AROUND, NOW + 1) is None
    assert cut_refusal(circuit, By.PERSON, AROUND, NOW) is None


LOCK = Lock(circuit_id="c", who="zhang", reason="cable", at_ms=NOW - 5)
TRIPPED = replace(HEARD, trip=Sample(value=1, taken_ms=NOW, arrived_ms=NOW))
CASES = [
    # phrase, circuit, circumstances, cut, restore
    ("all well", {}, {}, None, None),
    ("no trial", {"trial": None}, {}, "no_trial", "no_trial"),
    ("monitor-only site", {}, {"site": replace(SITE, commanding=False)}, "monitor_only", "monitor_only"),
    ("site unknown", {}, {"site": None}, "monitor_only", "monitor_only"),
    ("locked out", {}, {"lock": LOCK}, "locked_out", "locked_out"),
    ("tripped", {}, {"poles": TRIPPED}, None, "tripped"),
    ("critical alarm in the zone", {}, {"zone_has_critical": True}, None, "critical_open"),
    ("a cut is under way", {}, {"open_order": order(Action.CUT)}, "order_open", "order_open"),
    ("a restore is under way: a cut takes its place", {}, {"open_order": order(Action.RESTORE)}, None, "order_open"),
    ("never heard", {}, {"poles": Poles()}, "stale", "stale"),
    ("heard 90 s ago", {}, {"poles": replace(HEARD, closed=replace(HEARD.closed, arrived_ms=NOW - 90_000))}, None, None),
    ("heard longer ago", {}, {"poles": replace(HEARD, closed=replace(HEARD.closed, arrived_ms=NOW - 90_001))}, "stale", "stale"),
]


@pytest.mark.parametrize(("phrase", "circuit", "around", "cut", "restore"), CASES, ids=[case[0] for case in CASES])
def test_interlocks(phrase, circuit, around, cut, restore):
    circuit, around = replace(CIRCUIT, **circuit), replace(AROUND, **around)
    assert code(cut_refusal(circuit, By.PERSON, around, NOW)) == cut
    assert code(restore_refusal(circuit, around, NOW)) == restore


def test_a_lock_names_who_and_when():
    no = cut_refusal(CIRCUIT, By.PERSON, replace(AROUND, lock=LOCK), NOW)
    assert no is not None
    assert "zhang" in no.text_en
    assert "2023-11-14T22:13:19Z" in no.text_en
