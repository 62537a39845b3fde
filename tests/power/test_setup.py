"""Class, trial, lock, commanding: what may be set and what voids a trial."""

from dataclasses import replace

import pytest

from power.errors import RequestRefused
from power.requests import LockOut, RecordTrial, SetClass, SetCommanding, Unlock
from power.setup import Lock, check_unlock, edited, locked, with_class, with_commanding, with_trial
from sites.model import Circuit, CircuitClass, Site, Trial

CIRCUIT = Circuit(id="c", site_id="s", zone_id="z", name="C", device_id="d", circuit_class=CircuitClass.USE, version=4)
TRIED = replace(CIRCUIT, trial=Trial(at_ms=1, first_name="A", second_name="B"))
SITE = Site(id="s", enterprise_id="e", name="S")


def trial(first, second):
    return RecordTrial(circuit_id="c", who="u", first_name=first, second_name=second)


def test_a_trial_by_two_people_is_recorded():
    changed = with_trial(CIRCUIT, trial(" Wang ", "Li"), 77)
    assert (changed.trial, changed.version) == (Trial(at_ms=77, first_name="Wang", second_name="Li"), 5)


@pytest.mark.parametrize(("first", "second"), [("Wang", ""), ("", "Li"), ("Wang", "Wang"), ("wang", " WANG "), (" ", " ")])
def test_a_trial_needs_two_different_names(first, second):
    with pytest.raises(RequestRefused, match="two different names"):
        with_trial(CIRCUIT, trial(first, second), 77)


def test_a_circuit_without_a_class_takes_no_trial():
    with pytest.raises(RequestRefused, match="set its class first"):
        with_trial(replace(CIRCUIT, circuit_class=CircuitClass.UNCLASSIFIED), trial("A", "B"), 77)


def test_another_class_voids_the_trial():
    changed = with_class(TRIED, SetClass(circuit_id="c", who="u", circuit_class="night_off", reason="shop"))
    assert (changed.circuit_class, changed.trial, changed.version) == (CircuitClass.NIGHT_OFF, None, 5)


@pytest.mark.parametrize(("name", "reason", "message"), [("use", "x", "already"), ("gold", "x", "one of fire"), ("life", " ", "a reason")])
def test_a_class_change_that_means_nothing_is_refused(name, reason, message):
    with pytest.raises(RequestRefused, match=message):
        with_class(TRIED, SetClass(circuit_id="c", who="u", circuit_class=name, reason=reason))


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"name": "new"}, True),
        ({"tenant": "new"}, True),
        ({"device_id": "other"}, False),
        ({"channel": "2"}, False),
        ({"poles": ("l1", "l2", "l3")}, False),
        ({"circuit_class": CircuitClass.NIGHT_OFF}, False),
    ],
)
def test_an_edit_of_class_breaker_or_mapping_voids_the_trial(change, kept):
    assert (edited(TRIED, replace(TRIED, **change)).trial is not None) == kept


def test_an_edit_of_an_older_row_does_not_bring_back_a_trial_that_was_voided():
    assert edited(replace(TRIED, trial=None), TRIED).trial is None


def test_commanding_is_switched_with_a_reason():
    on = with_commanding(SITE, SetCommanding(site_id="s", who="u", commanding=True, reason="checked"))
    assert (on.commanding, on.version) == (True, 2)
    with pytest.raises(RequestRefused, match="on already"):
        with_commanding(on, SetCommanding(site_id="s", who="u", commanding=True, reason="checked"))
    with pytest.raises(RequestRefused, match="a reason"):
        with_commanding(SITE, SetCommanding(site_id="s", who="u", commanding=True, reason=""))


LOCK = Lock(circuit_id="c", who="zhang", reason="cable", at_ms=5, id="l1")
OTHER = Lock(circuit_id="c", who="li", reason="cable", at_ms=6, id="l2")


def test_each_person_hangs_one_lock_of_their_own():
    made = locked(LockOut(circuit_id="c", who="zhang", reason="cable", number="T-7"), [], 5, "s")
    assert (made.circuit_id, made.who, made.number, made.at_ms, made.site_id, made.purpose) == ("c", "zhang", "T-7", 5, "s", "work")
    assert locked(LockOut(circuit_id="c", who="zhang", reason="again"), [LOCK], 9) is LOCK
    second = locked(LockOut(circuit_id="c", who="li", reason="me too"), [LOCK], 9)
    assert second.who == "li"
    assert second.id != LOCK.id
    veto = locked(LockOut(circuit_id="c", who="zhang", reason="fair", purpose="veto"), [LOCK], 9)
    assert veto.purpose == "veto"
    with pytest.raises(RequestRefused, match="needs a reason"):
        locked(LockOut(circuit_id="c", who="li", reason=""), [], 9)
    with pytest.raises(RequestRefused, match="no purpose"):
        locked(LockOut(circuit_id="c", who="li", reason="r", purpose="spite"), [], 9)


def test_only_the_same_person_or_a_manager_with_a_reason_takes_a_lock_off():
    assert check_unlock(Unlock(circuit_id="c", who="zhang"), [LOCK, OTHER]) is LOCK
    assert check_unlock(Unlock(circuit_id="c", who="boss", as_manager=True, reason="he went home", lock_id="l2"), [LOCK, OTHER]) is OTHER
    with pytest.raises(RequestRefused, match="say which"):
        check_unlock(Unlock(circuit_id="c", who="boss", as_manager=True, reason="he went home"), [LOCK, OTHER])
    with pytest.raises(RequestRefused, match="has no lock l9"):
        check_unlock(Unlock(circuit_id="c", who="zhang", lock_id="l9"), [LOCK])
    with pytest.raises(RequestRefused, match="only that person or a manager"):
        check_unlock(Unlock(circuit_id="c", who="li", reason="want"), [LOCK])
    with pytest.raises(RequestRefused, match="needs a reason"):
        check_unlock(Unlock(circuit_id="c", who="boss", as_manager=True), [LOCK])
    with pytest.raises(RequestRefused, match="not locked"):
        check_unlock(Unlock(circuit_id="c", who="zhang"), [])
