"""Proof tests (检测试验): a zone or a device in test for a stated time, and what each detector answered; a section of the scan.

What is raised there meanwhile is tagged and calls nobody, orders for its circuits are simulated, and all else stays live. An alarm that
stood before the test goes on calling. The test ends by itself, and what is still in alarm then calls at once. Each detector's answer is
kept as its periodic test record. Only the scan writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from alarms.book import Book
from alarms.errors import SuppressionRefused
from alarms.instants import iso_utc
from alarms.model import Alarm, Signal, Suppression, Transition
from alarms.requests import BeginTest, EndTest, MarkApplied
from alarms.section import Products
from alarms.service_alarms import RULE_PREFIX
from alarms.suppression import PROOF_TEST, is_silence, standing_on
from sites.facts import Fact
from sites.model import Circuit, Device, derived_id
from sites.roster import Roster

MOST_MS = 8 * 3_600_000  # a working shift; a longer stop is a taking out of service
MOST_DEVICES = 2_000
DETECTORS = frozenset({"smoke", "heat", "gas", "co", "electrical", "water", "manual_call", "other"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofItem:
    """One detector on the checklist. `applied_ms`: when the tester said that smoke (gas, heat) was applied; `responded_ms`: when the
    service knew of its alarm; `response_ms`: between the two, None when nobody said; `taken_ms`: by the device's own time."""

    device_id: str
    device_name: str
    kind: str
    applied_ms: int | None = None
    applied_by: str | None = None
    responded_ms: int | None = None
    response_ms: int | None = None
    taken_ms: int | None = None
    value: float | None = None
    unit: str = ""
    metric: str = ""
    rule_id: str = ""
    rule_name: str = ""
    alarm_id: str = ""
    responses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofTest:
    """`state`: standing, ended. `items`: every detector in it, by name."""

    id: str
    site_id: str
    target: str  # zone:<id> or device:<id>
    target_name: str
    zone_id: str
    device_id: str
    reason: str
    who: str
    from_ms: int
    until_ms: int
    items: tuple[ProofItem, ...] = ()
    state: str = "standing"
    ended_ms: int | None = None
    ended_by: str | None = None
    ended_why: str = ""
    ended_why_zh: str = ""
    seq: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRecord:
    """A detector's periodic test record: fact kind `proof_record`, state `passed` or `no_response`."""

    test_id: str
    zone_id: str
    who: str
    at_ms: int
    item: ProofItem


@dataclass(slots=True)
class ProofTestsState:
    tests: list[ProofTest] = field(default_factory=list)


class ProofTests:
    """A section. `causes` is asked by the book before an alarm calls, `of_circuit` by the orders before they leave."""

    name = "proof_tests"
    requests: tuple[type, ...] = (BeginTest, MarkApplied, EndTest)
    state_type: Any = ProofTestsState

    def __init__(self, book: Book, roster: Roster) -> None:
        self._book = book
        self._roster = roster
        self._tests: dict[str, ProofTest] = {}

    # -- what others ask -------------------------------------------------------------------------------------------

    def causes(self, alarm: Alarm) -> Iterator[Suppression]:
        """The tests in which this alarm was raised."""
        for test in self._tests.values():
            if _covers(test, alarm) and alarm.arrived_ms >= test.from_ms:
                yield _cause(test)

    def of_circuit(self, circuit: Circuit) -> str | None:
        """Until when (ISO 8601) a test holds this circuit's orders back; None: none does."""
        for test in self._tests.values():
            if circuit.zone_id == test.zone_id or (test.device_id and circuit.device_id == test.device_id):
                return iso_utc(test.until_ms)
        return None

    # -- time ------------------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        return min((test.until_ms for test in self._tests.values()), default=None)

    def due(self, at_ms: int) -> Products:
        products = Products()
        for test in [test for test in self._tests.values() if test.until_ms <= at_ms]:
            self._end(test, at_ms, products, "its time is over", "试验时间到")
        return products

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        return Products()

    # -- requests --------------------------------------------------------------------------------------------------

    def request(self, request: Any, at_ms: int) -> Products:
        match request:
            case BeginTest():
                return self._begin(request, at_ms)
            case MarkApplied():
                return self._mark(request, at_ms)
            case _:
                products = Products()
                test = self._standing(request.test_id)
                self._end(test, at_ms, products, request.note or "ended by hand", request.note or "人工结束", who=request.who)
                return products

    def _begin(self, request: BeginTest, at_ms: int) -> Products:
        zone, device = self._roster.zones.get(request.zone_id), self._roster.device(request.device_id)
        if (zone is None) == (device is None) or (request.zone_id and request.device_id):
            raise SuppressionRefused("name one zone or one device that there is", "请指定一个存在的区域或设备")
        if not request.reason.strip():
            raise SuppressionRefused("a proof test needs a reason or its work order", "试验需要填写原因或工单")
        if not at_ms < request.until_ms <= at_ms + MOST_MS:
            raise SuppressionRefused(
                f"a proof test ends within 8 h: asked until {iso_utc(request.until_ms)}, it may last until {iso_utc(at_ms + MOST_MS)}",
                "试验最长 8 小时，请填写结束时间",
            )
        target = f"zone:{zone.id}" if zone else f"device:{request.device_id}"
        for other in self._tests.values():
            if other.target == target or (device is not None and other.zone_id == device.zone_id):
                raise SuppressionRefused(f"{other.target_name} is in test already, until {iso_utc(other.until_ms)}", "该对象已在试验中")
        tested = [device] if device else sorted(self._detectors(request.zone_id), key=lambda d: (d.name, d.id))
        if len(tested) > MOST_DEVICES:
            raise SuppressionRefused(f"{len(tested)} detectors are more than {MOST_DEVICES}: test part of it", "试验范围过大，请分区进行")
        place = zone or device
        assert place is not None
        test = ProofTest(
            id=derived_id("proof_test", target, at_ms, request.who),
            site_id=place.site_id,
            target=target,
            target_name=place.name,
            zone_id=request.zone_id,
            device_id=request.device_id,
            reason=request.reason,
            who=request.who,
            from_ms=at_ms,
            until_ms=request.until_ms,
            items=tuple(ProofItem(device_id=d.id, device_name=d.name, kind=d.kind) for d in tested),
        )
        self._tests[test.id] = test
        return Products(facts=[_fact(test, at_ms, request.who, "begin_proof_test")])

    def _detectors(self, zone_id: str) -> list[Device]:
        return [device for device in self._roster.devices() if device.zone_id == zone_id and device.kind in DETECTORS]

    def _mark(self, request: MarkApplied, at_ms: int) -> Products:
        test = self._standing(request.test_id)
        item = next((item for item in test.items if item.device_id == request.device_id), None)
        if item is None:
            raise SuppressionRefused(f"device {request.device_id} is not in this test", "该设备不在本次试验范围内")
        # applied again: what it answered before was to an earlier application
        again = replace(item, applied_ms=at_ms, applied_by=request.who, responded_ms=None, response_ms=None)
        return Products(facts=[self._put(test, again, at_ms, request.who, "mark_applied")])

    # -- what happens to alarms and things ---------------------------------------------------------------------------

    def follow(self, transition: Transition, at_ms: int) -> Products:
        """A detector in test has raised its alarm: that is its answer."""
        products = Products()
        alarm = transition.alarm
        if not self._tests or transition.signal not in (Signal.RAISED, Signal.STEPPED_UP):
            return products
        if is_silence(alarm) or alarm.rule_id.startswith(RULE_PREFIX):
            return products
        for why in standing_on(alarm):
            test = self._tests.get(why.source_id) if why.kind == PROOF_TEST else None
            item = next((item for item in test.items if item.device_id == alarm.device_id), None) if test else None
            if test is not None and item is not None:
                answered = _answered(item, transition)
                products.facts.append(self._put(test, answered, at_ms))
                products.facts.append(_record(test, answered, at_ms))
        return products

    def follow_order(self, step: Any, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        """A test ends with its zone or device."""
        products = Products()
        gone = (kind == "device" and self._roster.device(thing_id) is None) or (kind == "zone" and thing_id not in self._roster.zones)
        for test in [test for test in self._tests.values() if gone and test.target == f"{kind}:{thing_id}"]:
            self._end(test, at_ms, products, f"the {kind} was removed", "对象已删除")
        return products

    # -- keeping it ------------------------------------------------------------------------------------------------

    def standing(self) -> Iterable[Fact]:
        return [_fact(test, test.from_ms) for test in self._tests.values()]

    def dump(self) -> ProofTestsState:
        return ProofTestsState(list(self._tests.values()))

    def load(self, state: ProofTestsState) -> None:
        self._tests = {test.id: test for test in state.tests}

    # -- parts -----------------------------------------------------------------------------------------------------

    def _standing(self, test_id: str) -> ProofTest:
        test = self._tests.get(test_id)
        if test is None:
            raise SuppressionRefused(f"no proof test {test_id} stands: it has ended, or never was", "该试验不存在或已结束")
        return test

    def _put(self, test: ProofTest, item: ProofItem, at_ms: int, who: str | None = None, what: str = "") -> Fact:
        present = self._tests[test.id]
        items = tuple(item if other.device_id == item.device_id else other for other in present.items)
        self._tests[test.id] = replace(present, items=items, seq=present.seq + 1)
        return _fact(self._tests[test.id], at_ms, who, what)

    def _end(self, test: ProofTest, at_ms: int, products: Products, why: str, why_zh: str, who: str | None = None) -> None:
        del self._tests[test.id]
        ended = replace(test, state="ended", ended_ms=at_ms, ended_by=who, ended_why=why, ended_why_zh=why_zh, seq=test.seq + 1)
        products.facts.append(_fact(ended, at_ms, who, "end_proof_test"))
        products.facts += [_record(ended, item, at_ms) for item in test.items if item.responses == 0]
        concerned = [alarm for alarm in self._book.open.values() if any(why.source_id == test.id for why in standing_on(alarm))]
        products.transitions += self._book.close_tested(concerned, at_ms)
        products.transitions += self._book.review([alarm.id for alarm in concerned], self._roster, at_ms, who)


def _covers(test: ProofTest, alarm: Alarm) -> bool:
    if alarm.rule_id.startswith(RULE_PREFIX) and not alarm.subject.startswith(("device:", "point:")):
        return False
    return alarm.device_id == test.device_id if test.device_id else alarm.zone_id == test.zone_id


def _cause(test: ProofTest) -> Suppression:
    return Suppression(
        kind=PROOF_TEST,
        reason=f"{test.target_name} is in proof test: {test.reason}",
        reason_zh=f"{test.target_name} 检测试验中：{test.reason}",
        source_id=test.id,
        until_ms=test.until_ms,
        by=test.who,
    )


def _answered(item: ProofItem, transition: Transition) -> ProofItem:
    """The first answer since the last application is the one that is kept; later ones are counted."""
    if item.responded_ms is not None:
        return replace(item, responses=item.responses + 1)
    alarm = transition.alarm
    applied_ms = item.applied_ms
    return replace(
        item,
        responded_ms=transition.at_ms,
        response_ms=None if applied_ms is None else transition.at_ms - applied_ms,
        taken_ms=alarm.raised_ms,
        value=transition.value,
        unit=alarm.unit,
        metric=alarm.metric,
        rule_id=alarm.rule_id,
        rule_name=alarm.rule_name,
        alarm_id=alarm.id,
        responses=item.responses + 1,
    )


def _record(test: ProofTest, item: ProofItem, at_ms: int) -> Fact:
    return Fact(
        kind="proof_record",
        id=derived_id("proof_record", test.id, item.device_id),
        site_id=test.site_id,
        state="passed" if item.responses else "no_response",
        changed_ms=at_ms,
        body=ProofRecord(test_id=test.id, zone_id=test.zone_id, who=test.who, at_ms=at_ms, item=item),
        subject=f"device:{item.device_id}",
        from_ms=test.from_ms,
        until_ms=at_ms,
        is_over=True,
        seq=test.seq + item.responses,
    )


def _fact(test: ProofTest, at_ms: int, who: str | None = None, what: str = "") -> Fact:
    return Fact(
        kind="proof_test",
        id=test.id,
        site_id=test.site_id,
        state=test.state,
        changed_ms=at_ms,
        body=test,
        subject=test.target,
        from_ms=test.from_ms,
        until_ms=test.until_ms if test.ended_ms is None else test.ended_ms,
        who=who,
        what=what,
        is_over=test.state == "ended",
        seq=test.seq,
    )
