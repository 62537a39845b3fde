"""The search by tags gives what a walk through all alarms gives, for any filter; tags stay true when alarms change; figures' counts."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import pytest
from sqlalchemy import func, select

from alarms.figures import WINDOW_MS, report
from alarms.model import Alarm, Attention, Condition, Signal, Suppression, Transition, Verdict
from alarms.queries import AlarmQuery
from rules.model import Severity
from storage import records_alarms, tables
from storage.alarm_tags import BANDS_MS
from storage.database import reading, writing
from storage.project import apply
from storage.projection import Heard, Outcome
from storage.records import Records
from tests.storage.records_samples import alarm

NOW = 1_795_320_000_000
MINUTE = 60_000


def some(number: int, seed: int = 7) -> list[Transition]:
    """Alarms of two sites, all kinds of ends, with notes on some."""
    draw, made = random.Random(seed), []
    for n in range(number):
        raised = NOW - draw.randrange(0, 100) * MINUTE
        waited = draw.choice([None, 2_000, 5_000, 59_999, 60_000, 200_000])
        site = draw.choice(["mall", "plant"])
        one = alarm(
            f"{n:04x}-alarm",
            site_id=site,
            site_name=site.title(),
            zone_id=f"{site}-{draw.choice('ab')}",
            zone_name=draw.choice(["厨房", "大厅"]),
            device_id=f"{site}-{draw.randrange(4)}",
            rule_id=draw.choice(["gas-high", "smoke"]),
            kind=draw.choice(["gas", "smoke"]),
            subject=f"point:x{n}",
            severity=draw.choice(list(Severity)),
            raised_ms=raised,
            arrived_ms=raised,
            acknowledged_ms=None if waited is None else raised + waited,
            acknowledged_by=None if waited is None else draw.choice(["ann", "bob"]),
            condition=Condition.NORMAL,
            attention=Attention.ACKNOWLEDGED,
            cleared_ms=raised + 1_000,
            ended_ms=draw.choice([None, NOW]),
            verdict=draw.choice([None, *Verdict]),
            assignee=draw.choice([None, "ann"]),
            is_test=draw.random() < 0.2,
            suppression=draw.choice([None, None, Suppression(kind="shelved", reason="works")]),
        )
        note = draw.choice(["", "", "Valve REPLACED 阀门"])
        made.append(Transition(alarm=one, signal=Signal.NOTED, at_ms=raised, note=note, who="ann" if note else None))
    return made


def is_meant(one: Alarm, note: str, query: AlarmQuery) -> bool:
    """The filters in obvious code."""
    waited = None if one.acknowledged_ms is None else one.acknowledged_ms - one.arrived_ms
    words = query.q.casefold()
    texts = [one.rule_name, one.rule_name_en, one.site_name, one.zone_name, one.device_name, one.device_id, one.metric, note]
    if query.ack_from_ms is not None and (waited is None or waited < query.ack_from_ms):
        return False
    if query.ack_to_ms is not None and (waited is None or waited >= query.ack_to_ms):
        return False
    return (
        query.state in (None, "ended" if one.ended_ms else "open")
        and (not query.severities or one.severity in query.severities)
        and query.site in (None, one.site_id)
        and query.zone in (None, one.zone_id)
        and query.device in (None, one.device_id)
        and query.kind in (None, one.kind)
        and query.rule in (None, one.rule_id)
        and query.verdict in (None, one.verdict.value if one.verdict else "none")
        and query.assignee in (None, one.assignee)
        and query.is_test in (None, one.is_test)
        and query.is_suppressed in (None, one.suppression is not None)
        and (query.from_ms is None or one.raised_ms >= query.from_ms)
        and (query.to_ms is None or one.raised_ms < query.to_ms)
        and (not words or any(words in text.casefold() for text in texts) or one.id.startswith(words))
    )


QUERIES = [
    AlarmQuery(**dict(pair), limit=1_000)  # type: ignore[arg-type]
    for pair in product(
        [("state", None), ("state", "ended"), ("site", "mall"), ("zone", "plant-a"), ("device", "mall-1"), ("q", "阀门")],
        [("kind", "gas"), ("rule", "smoke"), ("verdict", "none"), ("verdict", "true"), ("assignee", "ann"), ("is_test", True)],
    )
] + [
    AlarmQuery(severities=(3, 4), is_suppressed=False, limit=1_000),
    AlarmQuery(is_suppressed=True, q="valve", limit=1_000),
    AlarmQuery(q="厨", site="plant", from_ms=NOW - 50 * MINUTE, to_ms=NOW - 10 * MINUTE, limit=1_000),
    AlarmQuery(q="000f-al", limit=1_000),
    AlarmQuery(q="nothing of the kind", limit=1_000),
    *(
        AlarmQuery(ack_from_ms=a, ack_to_ms=b, limit=1_000)
        for a, b in [(10_000, 60_000), (0, 10_000), (3_000, 59_999), (200_000, None), (None, 1)]
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("few", "tags"), [(0, 0), (0, 10**9), (10**9, 0)], ids=["through the newest", "by a list of tags", "through the tags"]
)
def test_any_filter_finds_what_a_walk_through_all_finds(records: Records, few: int, tags: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records_alarms, "FEW", few)
    monkeypatch.setattr(records_alarms, "FEW_TAGS", tags)
    made = some(300)
    with writing(records.engine) as connection:
        apply(connection, [Outcome(position=1, now_ms=NOW, transitions=made)])
    for query in QUERIES:
        expected = sorted(((t.alarm.raised_ms, t.alarm.id) for t in made if is_meant(t.alarm, t.note, query)), reverse=True)
        assert [(a.raised_ms, a.id) for a in records.alarms(query, None).items] == expected, query
        seen: list[tuple[int, str]] = []
        cursor = None
        while True:
            page = records.alarms(replace(query, limit=7, cursor=cursor), None)
            seen += [(a.raised_ms, a.id) for a in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == expected, f"paged: {query}"
        states = records.alarm_counts(query, None)["state"]
        total = states.get(query.state, 0) if query.state else states.get("open", 0) + states.get("ended", 0)
        assert total == len(expected), query


def test_tags_move_with_their_alarms_and_their_numbers_stay_true(records: Records) -> None:
    made = some(60)
    with writing(records.engine) as connection:
        apply(connection, [Outcome(position=1, now_ms=NOW, transitions=made)])
    for step in range(2, 5):
        changed = [
            replace(t, alarm=replace(t.alarm, verdict=Verdict.FALSE, assignee=f"p{step}", ended_ms=NOW + step, seq=step)) for t in made[::2]
        ]
        for _ in range(2):  # what is applied twice changes nothing
            with writing(records.engine) as connection:
                apply(connection, [Outcome(position=step, now_ms=NOW, transitions=changed)])
    a, t = tables.alarms, tables.alarm_tags
    with reading(records.engine) as connection:
        real = {row[0]: row[1] for row in connection.execute(select(a.c.tag_id, func.count()).group_by(a.c.tag_id))}
        told = {row[0]: row[1] for row in connection.execute(select(t.c.id, t.c.alarms).where(t.c.alarms != 0))}
    assert real == told
    assert records.alarm_counts(AlarmQuery(assignee="p4"), None)["verdict"]["false"] == len(made[::2])
    assert records.alarms(AlarmQuery(assignee="p3"), None).items == []


def test_the_bands_are_ascending() -> None:
    assert list(BANDS_MS) == sorted(set(BANDS_MS))


def test_figures_count_what_called_somebody(records: Records) -> None:
    base = alarm(
        "f1", condition=Condition.ACTIVE, attention=Attention.UNACKNOWLEDGED, raised_ms=NOW, arrived_ms=NOW, severity=Severity.HIGH
    )
    begin = NOW - NOW % WINDOW_MS

    def came(alarm_id: str, at: int, signal: Signal = Signal.RAISED, seq: int = 1, **changed: object) -> Transition:
        one = replace(base, id=alarm_id, raised_ms=at, arrived_ms=at, seq=seq, subject=str(changed.pop("subject", alarm_id)), **changed)  # type: ignore[arg-type]
        return Transition(alarm=one, signal=signal, at_ms=at)

    acked = came("a", begin + 9_000, Signal.ACKNOWLEDGED, 3, attention=Attention.ACKNOWLEDGED, acknowledged_ms=begin + 9_000,
                 acknowledged_by="ann", cleared_ms=begin + 99_000)  # fmt: skip
    transitions = [
        came("a", begin),
        came("a", begin + 5_000, Signal.STEPPED_UP, 2, severity=Severity.CRITICAL),
        replace(acked, alarm=replace(acked.alarm, raised_ms=begin, arrived_ms=begin, severity=Severity.CRITICAL)),
        came("b", begin + 1_000, attention=Attention.SUPPRESSED),
        came("c", begin + 2_000, is_test=True),
        # chatters: three times within a minute, then another rule on the same subject at once
        *(came("d", begin + 20_000 + n * 20_000, Signal.RAISED, 1 + n, subject="point:d", cleared_ms=begin + 21_000) for n in range(3)),
        came("e", begin + 62_000, subject="point:d", rule_id="another", ended_ms=begin + 99_000),
    ]
    with writing(records.engine) as connection:
        apply(connection, [Outcome(position=1, now_ms=NOW, transitions=transitions)])
    counted = records.counted_alarms(None, base.site_id, begin, begin + WINDOW_MS, NOW)
    assert dict(zip(counted.severities.tolist(), counted.numbers.tolist(), strict=True)) == {3: 5, 4: 1}
    assert (counted.suppressed, counted.tests, counted.duplicates) == (1, 1, 1)
    assert [(s.subject, s.number) for s in counted.chattering] == [("point:d", 1)]
    assert counted.waits_ms.tolist() == [9_000]
    assert counted.top[0].subject == "point:d"
    figures = {f.code: f.value for f in report(counted, begin, begin + WINDOW_MS).figures}
    assert figures["alarms"] == 6
    assert records.alarm_operators(None, base.site_id, begin, begin + WINDOW_MS) == ["ann"]
    assert records.counted_alarms(frozenset({"elsewhere"}), None, begin, NOW + 1, NOW).numbers.tolist() == []


def test_presence_over_a_span_begins_with_what_stood_before_it(records: Records) -> None:
    heard = [Heard(device_id="d", site_id="mall", state=state, at_ms=at) for at, state in ((10, "online"), (50, "silent"), (90, "online"))]
    with writing(records.engine) as connection:
        apply(connection, [Outcome(position=1, now_ms=NOW, presences=heard)])
    assert records.presences(None, "mall", 40, 90) == {"d": [(10, "online"), (50, "silent")]}
    assert records.presences(frozenset({"plant"}), None, 0, 100) == {}
