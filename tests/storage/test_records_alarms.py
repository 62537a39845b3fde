"""Kept alarms and orders: exact round trips, filters, scopes, pages, facets, on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarms.linkage import Firing, NotifyWanted
from alarms.model import Alarm, Attention, Condition, Suppression, Verdict
from alarms.queries import AlarmQuery
from power.model import Action, Measured, Order, OrderState
from power.queries import OrderQuery
from rules.model import Severity
from sites.records import BadCursor, NotFound
from storage import project, tables
from storage.database import writing
from storage.projection import Outcome, Unknown
from storage.records import Records
from tests.storage.records_samples import (
    DEVICES,
    ENDED_ALARM,
    NOON,
    PROVED_ORDER,
    alarm,
    order,
    plant_tree,
    raised,
    requested,
)


def apply(records: Records, *outcomes: Outcome) -> None:
    with writing(records.engine) as connection:
        project.apply(connection, outcomes)


def keep_alarms(records: Records, *alarms: Alarm) -> None:
    apply(records, Outcome(position=1, now_ms=NOON, transitions=[raised(each) for each in alarms]))


def keep_orders(records: Records, *orders: Order) -> None:
    apply(records, Outcome(position=1, now_ms=NOON, order_steps=[requested(each) for each in orders]))


# -- round trips -------------------------------------------------------------------------------------------------------

words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
times = st.integers(0, 2**53)
numbers = st.floats(allow_nan=False, allow_infinity=False)
ids = st.text("abc012_.-", min_size=1, max_size=8)
alarms = st.builds(
    Alarm, id=ids, rule_id=words, rule_version=st.integers(1, 9_999), rule_name=words, rule_name_en=words, kind=words, subject=words,
    point_id=st.none() | words, site_id=words, site_name=words, zone_id=words, zone_name=words, device_id=words, device_name=words,
    metric=words, unit=words, severity=st.sampled_from(Severity), level=st.integers(-1, 9), limit=st.none() | numbers,
    value=st.none() | numbers, peak_value=st.none() | numbers, condition=st.sampled_from(Condition), attention=st.sampled_from(Attention),
    is_latched=st.booleans(), needs_reset=st.booleans(), is_late=st.booleans(), is_test=st.booleans(),
    raised_ms=times, arrived_ms=times, changed_ms=times,
    cleared_ms=st.none() | times, acknowledged_ms=st.none() | times, acknowledged_by=st.none() | words, ended_ms=st.none() | times,
    assignee=st.none() | words, verdict=st.none() | st.sampled_from(Verdict), hazard_id=st.none() | words, count=st.integers(1, 10**6),
    seq=st.integers(1, 10**6), is_unrecorded=st.booleans(),
    suppression=st.none() | st.builds(Suppression, kind=words, reason=words, reason_zh=words, alarm_id=st.none() | words),
)  # fmt: skip
measured = st.builds(
    Measured, closed=st.none() | numbers, current_a=st.none() | numbers, voltage_v=st.none() | numbers, power_w=st.none() | numbers,
    heard_ms=st.none() | times,
)  # fmt: skip
orders = st.builds(
    Order, id=ids, site_id=words, zone_id=words, circuit_id=words, circuit_name=words, device_id=words, channel=words,
    action=st.sampled_from(Action), cause=words, alarm_id=st.none() | words, who=st.none() | words, reason=words,
    state=st.sampled_from(OrderState), state_reason=words, state_code=words,
    state_reason_zh=words, second=st.none() | words, requested_ms=times, expires_ms=times, changed_ms=times,
    attempts=st.integers(0, 99), sent_ms=st.none() | times, confirmed_ms=st.none() | times, proved_ms=st.none() | times,
    deadline_ms=st.none() | times, before=measured, after=measured, seq=st.integers(1, 10**6),
)  # fmt: skip
ONE_DATABASE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def wipe(records: Records) -> None:
    with writing(records.engine) as connection:
        for table in (tables.alarms, tables.transitions, tables.orders, tables.order_steps):
            connection.execute(table.delete())


@ONE_DATABASE
@given(one=alarms)
def test_any_alarm_comes_back_exactly(records: Records, one: Alarm) -> None:
    wipe(records)
    keep_alarms(records, one)
    assert records.alarm(one.id) == one
    assert [type(value) for value in vars_of(records.alarm(one.id))] == [type(value) for value in vars_of(one)]
    assert records.transitions(one.id) == [raised(one)]


@ONE_DATABASE
@given(one=orders)
def test_any_order_comes_back_exactly(records: Records, one: Order) -> None:
    wipe(records)
    keep_orders(records, one)
    assert records.order(one.id) == one
    assert [type(value) for value in vars_of(records.order(one.id))] == [type(value) for value in vars_of(one)]
    assert records.order_steps(one.id) == [requested(one)]


def vars_of(thing: Any) -> list[Any]:
    return [getattr(thing, name) for name in type(thing).__dataclass_fields__]


def test_what_is_not_there_is_not_found(records: Records) -> None:
    for ask in (records.alarm, records.order, records.inbox_device, records.hazard, records.user):
        with pytest.raises(NotFound):
            ask("nothing")
    assert records.transitions("nothing") == []
    assert records.order_steps("nothing") == []


def test_text_with_half_a_surrogate_pair_is_kept_readable(records: Records) -> None:
    keep_alarms(records, alarm("a1", device_name="x\ud800\0y"))
    assert records.alarm("a1").device_name == "x\ufffd\ufffdy"
    assert records.transitions("a1")[0].alarm.device_name.startswith("x\ufffd")


# -- lists -------------------------------------------------------------------------------------------------------------

FIVE = [
    alarm("a1", raised_ms=NOON + 1),
    alarm("a2", raised_ms=NOON + 2, severity=Severity.CRITICAL, attention=Attention.ACKNOWLEDGED),
    alarm(
        "a3", raised_ms=NOON + 2, kind="smoke", condition=Condition.NORMAL, zone_id="floor-1", device_id="sm-1", device_name="Smoke 100%"
    ),
    alarm("a4", raised_ms=NOON + 3, site_id="plant", site_name="Plant", zone_id="hall", severity=Severity.LOW),
    replace(ENDED_ALARM, raised_ms=NOON),
]

FOUND: dict[str, tuple[AlarmQuery, list[str]]] = {
    "everything, newest first": (AlarmQuery(), ["a4", "a3", "a2", "a1", "a-ended"]),
    "open": (AlarmQuery(state="open"), ["a4", "a3", "a2", "a1"]),
    "ended": (AlarmQuery(state="ended"), ["a-ended"]),
    "active": (AlarmQuery(state="active"), ["a4", "a2", "a1"]),
    "normal": (AlarmQuery(state="normal"), ["a3"]),
    "unacknowledged": (AlarmQuery(state="unacknowledged"), ["a4", "a3", "a1"]),
    "acknowledged": (AlarmQuery(state="acknowledged"), ["a2"]),
    "two severities": (AlarmQuery(severities=(4, 1)), ["a2", "a-ended"]),
    "site": (AlarmQuery(site="plant"), ["a4"]),
    "zone and kind": (AlarmQuery(zone="floor-1", kind="smoke"), ["a3"]),
    "device": (AlarmQuery(device="sm-1"), ["a3"]),
    "half-open span": (AlarmQuery(from_ms=NOON + 1, to_ms=NOON + 3), ["a3", "a2", "a1"]),
    "text in any case": (AlarmQuery(q="pLANT"), ["a4"]),
    "Chinese text": (AlarmQuery(q="探测器"), ["a4", "a2", "a1", "a-ended"]),
    "a per cent sign is a letter": (AlarmQuery(q="100%"), ["a3"]),
    "an underscore is a letter": (AlarmQuery(q="a_"), []),
    "quotes are letters": (AlarmQuery(q="' OR 1=1 --"), []),
}


@pytest.mark.parametrize("case", FOUND)
def test_alarms_are_found(records: Records, case: str) -> None:
    keep_alarms(records, *FIVE)
    query, expected = FOUND[case]
    assert [each.id for each in records.alarms(query, None).items] == expected


def test_alarms_outside_the_scope_are_as_if_they_were_not_there(records: Records) -> None:
    keep_alarms(records, *FIVE)
    mall = frozenset({"mall"})
    assert {each.site_id for each in records.alarms(AlarmQuery(), mall).items} == {"mall"}
    assert records.alarms(AlarmQuery(site="plant"), mall).items == []
    assert records.alarms(AlarmQuery(), frozenset()).items == []
    assert records.alarm_counts(AlarmQuery(), mall)["site"] == {"mall": 4}
    assert records.alarm_counts(AlarmQuery(), frozenset())["state"] == {}


def test_facets_count_under_all_filters_but_their_own(records: Records) -> None:
    keep_alarms(records, *FIVE)
    assert records.alarm_counts(AlarmQuery(), None) == {
        "severity": {"critical": 2, "high": 2, "low": 1},
        "site": {"mall": 4, "plant": 1},
        "zone": {"kitchen": 3, "floor-1": 1, "hall": 1},
        "kind": {"gas": 4, "smoke": 1},
        "verdict": {"none": 4, "true": 1},
        "state": {"open": 4, "ended": 1, "active": 3, "normal": 1, "unacknowledged": 3, "acknowledged": 1},
    }
    filtered = records.alarm_counts(AlarmQuery(severities=(4,), state="open"), None)
    assert filtered["severity"] == {"critical": 1, "high": 2, "low": 1}
    assert filtered["kind"] == {"gas": 1}
    assert filtered["state"] == {"open": 1, "ended": 1, "active": 1, "acknowledged": 1}


def test_pages_of_alarms_are_whole_and_disjoint_while_new_ones_arrive(records: Records) -> None:
    many = [alarm(f"p{i:02d}", raised_ms=NOON + i // 4) for i in range(25)]
    keep_alarms(records, *many)
    seen: list[str] = []
    cursor = None
    for turn in range(10):
        page = records.alarms(AlarmQuery(limit=7, cursor=cursor), None)
        seen += [each.id for each in page.items]
        keep_alarms(records, alarm(f"new{turn}", raised_ms=NOON + 1_000 + turn))
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [each.id for each in sorted(many, key=lambda each: (each.raised_ms, each.id), reverse=True)]


@pytest.mark.parametrize("cursor", ["x", "WzFd", "WzEsMV0", "W3RydWUsImEiXQ", "WzkyMjMzNzIwMzY4NTQ3NzU4MDgsImEiXQ"])
def test_a_forged_cursor_is_refused(records: Records, cursor: str) -> None:
    with pytest.raises(BadCursor):
        records.alarms(AlarmQuery(cursor=cursor), None)


def test_an_unknown_state_is_named(records: Records) -> None:
    with pytest.raises(ValueError, match="no alarm state 'burning'; there are open, ended"):
        records.alarms(AlarmQuery(state="burning"), None)
    with pytest.raises(ValueError, match="no order state 'x'; there are requested"):
        records.orders(OrderQuery(state="x"), None)


ORDERS = [
    order("o1", requested_ms=NOON + 1),
    order("o2", requested_ms=NOON + 2, circuit_id="P-1", site_id="plant", alarm_id=None),
    replace(PROVED_ORDER, id="o3", requested_ms=NOON + 3, alarm_id="a9"),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (OrderQuery(), ["o3", "o2", "o1"]),
        (OrderQuery(site="plant"), ["o2"]),
        (OrderQuery(circuit="K-3"), ["o3", "o1"]),
        (OrderQuery(alarm="a9"), ["o3"]),
        (OrderQuery(state="proved"), ["o3"]),
        (OrderQuery(from_ms=NOON + 1, to_ms=NOON + 3), ["o2", "o1"]),
        (OrderQuery(limit=2), ["o3", "o2"]),
    ],
)
def test_orders_are_found(records: Records, query: OrderQuery, expected: list[str]) -> None:
    keep_orders(records, *ORDERS)
    assert [each.id for each in records.orders(query, None).items] == expected


def test_orders_are_scoped_and_paged(records: Records) -> None:
    keep_orders(records, *ORDERS)
    assert [each.id for each in records.orders(OrderQuery(), frozenset({"plant"})).items] == ["o2"]
    first = records.orders(OrderQuery(limit=2), None)
    assert [each.id for each in records.orders(OrderQuery(limit=2, cursor=first.next_cursor), None).items] == ["o1"]


# -- what else stands on an alarm; the inbox ---------------------------------------------------------------------------


def test_firings_and_deliveries_stand_on_their_alarm(records: Records) -> None:
    firing = Firing(linkage_id="tell", alarm_id="a1", alarm_seq=1, at_ms=NOON, fired=False, reason="disabled")
    wanted = NotifyWanted(key="k1", linkage_id="tell", alarm_id="a1", alarm_seq=1, to="a@example.org", at_ms=NOON)
    apply(records, Outcome(position=1, now_ms=NOON, transitions=[raised(alarm())], firings=[firing, firing], notifies=[wanted, wanted]))
    assert records.firings("a1") == [firing]
    (delivery,) = records.deliveries("a1")
    assert (delivery.key, delivery.to, delivery.state, delivery.attempts) == ("k1", "a@example.org", "waiting", 0)
    assert records.deliveries("a2") == []


def unknown(address: str, **changed: Any) -> Unknown:
    made = Unknown(codec="native", address=address, topic="t", payload=b"\x00\xff{}", suggested_kind="smoke", suggested_name="n",
                   site_id="mall", at_ms=NOON)  # fmt: skip
    return replace(made, **changed)


def test_unknown_devices_are_counted_in_the_inbox_until_dropped(records: Records) -> None:
    plant_tree(records)
    apply(records, Outcome(position=1, now_ms=NOON, unknown=[unknown("mall/new"), unknown("mall/new", at_ms=NOON + 5, payload=b"2")]))
    apply(records, Outcome(position=2, now_ms=NOON, unknown=[unknown("mall/new", at_ms=NOON + 9), unknown("x/y", site_id=None)]))
    everything, of_the_mall = records.inbox_devices(None).items, records.inbox_devices(frozenset({"mall"})).items
    assert ({each.address for each in everything}, [each.address for each in of_the_mall]) == ({"mall/new", "x/y"}, ["mall/new"])
    kept = records.inbox_device(of_the_mall[0].id)
    assert (kept.count, kept.first_ms, kept.last_ms, kept.payload) == (3, NOON, NOON + 9, b"\x00\xff{}")
    records.drop_inbox_device(kept.id)
    with pytest.raises(NotFound):
        records.drop_inbox_device(kept.id)


def test_a_device_that_was_accepted_meanwhile_does_not_return_to_the_inbox(records: Records) -> None:
    plant_tree(records)
    apply(records, Outcome(position=1, now_ms=NOON, unknown=[unknown(DEVICES[0].address)]))
    assert records.inbox_devices(None).items == []


def test_invented_addresses_fill_the_inbox_only_to_its_bound(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.records_inbox.MOST", 3)
    apply(records, Outcome(position=1, now_ms=NOON, unknown=[unknown(f"x/{i}") for i in range(9)]))
    apply(records, Outcome(position=2, now_ms=NOON, unknown=[unknown("x/0", at_ms=NOON + 1), unknown("x/99")]))
    kept = {each.address: each.count for each in records.inbox_devices(None).items}
    assert (len(kept), kept["x/0"]) == (3, 2)
