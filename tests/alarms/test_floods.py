"""Floods: when they begin and end, what they group, what breaks through; and that nothing is dropped."""

from dataclasses import replace

import msgspec
import pytest

from alarms.floods import COUNTED_MS, TOLD_MS, WINDOW_MS, Floods, FloodsState, breaks_through
from rules.model import Severity


class Flow:
    """Alarms that arrive one after another, made from one pattern."""

    def __init__(self, desk):
        self.section, self.now_ms, self.number, self.facts = Floods(), desk.now_ms, 0, []
        self.pattern = desk.raised()

    def alarm(self, zone="kitchen", severity=Severity.LOW, after_ms=1_000, site="s1", **changed):
        self.wait(after_ms)
        self.number += 1
        alarm = replace(self.pattern.alarm, id=f"a{self.number}", zone_id=zone, zone_name=zone, severity=severity, site_id=site, **changed)
        self.facts += self.section.follow(replace(self.pattern, alarm=alarm, at_ms=self.now_ms), self.now_ms).facts
        return alarm

    def wait(self, ms):
        until_ms = self.now_ms + ms
        while (due_ms := self.section.due_ms()) is not None and due_ms <= until_ms:
            self.now_ms = max(due_ms, self.now_ms)
            self.facts += self.section.due(self.now_ms).facts
        self.now_ms = until_ms

    def restart(self):
        packed = msgspec.msgpack.encode(self.section.dump())
        self.section = Floods()
        self.section.load(msgspec.msgpack.decode(packed, type=FloodsState))

    def flood(self):
        return self.facts[-1].body


@pytest.fixture
def flow(desk):
    return Flow(desk)


def test_ten_alarms_in_ten_minutes_are_no_flood_and_the_eleventh_begins_one(flow):
    for _ in range(10):
        flow.alarm()
    assert flow.facts == []
    flow.alarm()
    (fact,) = flow.facts
    assert (fact.kind, fact.id, fact.state, fact.is_over) == ("flood", "s1", "active", False)
    assert (fact.body.alarms, fact.body.first_alarm_id) == (11, "a1")
    assert fact.from_ms == fact.body.since_ms == flow.now_ms - 10_000


def test_eleven_alarms_over_more_than_ten_minutes_are_no_flood(flow):
    for _ in range(30):
        flow.alarm(after_ms=WINDOW_MS // 10)
    assert flow.facts == []


def test_it_ends_when_fewer_than_five_came_in_ten_minutes_also_over_a_restart(flow):
    for _ in range(11):
        flow.alarm()
    last_ms = flow.now_ms
    flow.restart()
    flow.wait(WINDOW_MS - 4_001)
    assert not flow.facts[-1].is_over
    flow.wait(1)
    assert flow.facts[-1].is_over
    assert flow.facts[-1].changed_ms == last_ms - 4_000 + WINDOW_MS
    assert list(flow.section.standing()) == []
    seqs = [fact.seq for fact in flow.facts]
    assert seqs == sorted(set(seqs)), "each is newer than the one before"


def test_what_goes_on_keeps_it_going(flow):
    for _ in range(40):
        flow.alarm(after_ms=60_000)
    assert [fact.is_over for fact in flow.facts] == []
    for _ in range(11):
        flow.alarm(after_ms=100)
    for _ in range(20):
        flow.alarm(after_ms=110_000)
    assert not any(fact.is_over for fact in flow.facts), "5 in ten minutes still"


def test_zones_are_counted_each_with_its_first_and_its_worst(flow):
    for number in range(12):
        flow.alarm(zone=f"z{number % 2}", severity=Severity.HIGH if number == 7 else Severity.LOW)
    flow.wait(COUNTED_MS)
    zones = {zone.zone_id: zone for zone in flow.flood().zones}
    assert list(zones) == ["z0", "z1"]
    assert [zone.alarms for zone in zones.values()] == [6, 6]
    assert (zones["z0"].first_alarm_id, zones["z1"].first_alarm_id) == ("a1", "a2")
    assert (zones["z1"].severity, zones["z1"].worst_alarm_id) == (Severity.HIGH, "a8")


def test_a_new_zone_and_a_higher_severity_break_through_and_more_of_the_same_does_not(flow):
    for _ in range(11):
        flow.alarm()
    flood = flow.flood()
    assert flood.breaks_through == ()
    same = flow.alarm()
    elsewhere = flow.alarm(zone="hall")
    worse = flow.alarm(severity=Severity.CRITICAL)
    assert [breaks_through(flood, alarm) for alarm in (same, elsewhere, worse)] == [False, True, True]
    flow.wait(TOLD_MS)
    assert flow.flood().breaks_through == (elsewhere.id, worse.id)
    assert breaks_through(flow.flood(), worse)
    assert breaks_through(None, same), "without a flood everything sounds"


@pytest.mark.parametrize("changed", [{"is_test": True}, {"is_late": True}])
def test_what_calls_nobody_is_not_counted(flow, changed):
    for _ in range(30):
        flow.alarm(**changed)
    assert flow.facts == []


def test_sites_have_their_own_floods(flow):
    for number in range(20):
        flow.alarm(site=f"s{number % 2}")
    assert flow.facts == []


def test_thousands_at_once_are_all_counted_and_told_a_few_times(flow):
    for number in range(5_000):
        flow.alarm(zone=f"z{number % 900}", after_ms=0)
    flow.wait(COUNTED_MS)
    assert flow.flood().alarms == 5_000
    assert flow.flood().zone_count == 900
    assert len(flow.facts) <= 4
