"""The checker finds what it is there for: each kind of loss and doubling is one row of the table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.checker import Kept, Sent, compare


def _sent() -> Sent:
    return Sent({("a", 1, 1.0), ("a", 2, 2.0)}, {("slow", 3.0)}, {"a"}, {"click": "o1", "cut off": ""}, {"o1"})


def _kept() -> Kept:
    return Kept(
        readings=[("a", 1, 1.0), ("a", 2, 2.0), ("slow", 99, 3.0)],
        transitions=[("alarm", 1, "point:a:lel", "a"), ("alarm", 2, "point:a:lel", "a")],
        open_alarms=[("lel", "point:a:lel")],
        orders=[("o1", "cut stove by click", "proved"), ("o2", "restore stove by click", "unknown")],
        commands=[("o1", "cut"), ("o1", "cut"), ("o2", "restore")],
    )


def test_a_faithful_service_is_found_clean() -> None:
    assert compare(_sent(), _kept()).is_clean


@pytest.mark.parametrize(
    ("harm", "kind", "word"),
    [
        (lambda kept: kept.readings.remove(("a", 2, 2.0)), "lost", "reading"),
        (lambda kept: kept.readings.remove(("slow", 99, 3.0)), "lost", "number 3 of slow"),
        (lambda kept: kept.readings.append(("a", 7, 2.0)), "doubled", "number 2 of a"),
        (lambda kept: kept.readings.append(("a", 7, 7.0)), "invented", "never sent"),
        (lambda kept: kept.transitions.clear(), "lost", "the fire at a"),
        (lambda kept: kept.transitions.pop(0), "lost", "transition 1"),
        (lambda kept: kept.transitions.append(kept.transitions[0]), "doubled", "transition 1"),
        (lambda kept: kept.quiet.add("point:a:lel"), "invented", "nothing burns"),
        (lambda kept: kept.open_alarms.append(kept.open_alarms[0]), "doubled", "open alarms"),
        (lambda kept: kept.orders.pop(0), "lost", "order o1"),
        (lambda kept: kept.orders.append(("o3", "cut stove by click", "proved")), "doubled", "orders for cut stove"),
        (lambda kept: kept.orders.append(kept.orders[0]), "doubled", "order o1 2 times"),
        (lambda kept: kept.orders.__setitem__(0, ("o1", "cut stove by click", "failed")), "lost", "the proof of order o1"),
        (lambda kept: kept.commands.append(("o2", "restore")), "doubled", "restore o2"),
        (lambda kept: kept.commands.append(("o9", "cut")), "invented", "command o9"),
    ],
)
def test_what_is_wrong_is_found(harm: Callable[[Kept], object], kind: str, word: str) -> None:
    kept = _kept()
    harm(kept)
    verdict = compare(_sent(), kept)
    assert any(word in text for text in getattr(verdict, kind)), verdict


def test_what_the_service_names_as_gone_is_not_lost_in_silence() -> None:
    kept = _kept()
    kept.readings.remove(("a", 2, 2.0))
    kept.named.add(("a", 2, 2.0))
    assert compare(_sent(), kept).is_clean
