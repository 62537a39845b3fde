"""H5M: with 5 million stored alarms, the first page of every combination of filters that the history page offers, and its counts.

Alarms are made straight into the tables, through the same tags that the projector writes: three years, 40 sites, 4,000 points, uneven, with
filters that meet often, seldom and never. SQLite always; PostgreSQL where its server is installed. `H5M_ALARMS` makes it smaller.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import insert, text

from alarms.model import Alarm, Attention, Condition, Suppression, Verdict
from alarms.queries import AlarmQuery
from rules.model import Severity
from storage import alarm_tags, rows, tables
from storage.database import writing
from storage.records import Records

NUMBER = int(os.environ.get("H5M_ALARMS", "5000000"))
NOW = 1_795_320_000_000
SPAN = 3 * 365 * 86_400_000
BAR_MS = 100.0
SITES, POINTS = 40, 4_000
RULES = [("smoke", "smoke"), ("gas-high", "gas"), ("leakage", "electrical"), ("pressure", "water"), ("offline", "presence"), ("co", "gas"),
         ("cable", "electrical"), ("battery", "device")]  # fmt: skip
_CHUNK = 20_000


def made(seed: int = 1) -> Iterator[Alarm]:
    """The alarms, oldest first."""
    draw = random.Random(seed)
    words = ["厨房", "大厅", "车库", "配电室", "仓库"]
    for n in range(NUMBER):
        point = min(int(draw.expovariate(6.0) * POINTS), POINTS - 1)  # some alarm far more often
        site = point % SITES
        rule, kind = RULES[point % len(RULES)]
        raised = NOW - SPAN + SPAN * n // NUMBER
        waited = None if draw.random() < 0.1 else int(draw.expovariate(1 / 40_000))
        chance = draw.random()
        yield Alarm(
            id=f"{n:026x}", rule_id=rule, rule_version=1, rule_name=f"规则{rule}", rule_name_en=rule, kind=kind,
            subject=f"point:d{point}:m", point_id=f"d{point}:m",
            site_id=f"s{site}", site_name=f"商场{site}", zone_id=f"s{site}-z{point % 15}",
            zone_name=words[point % 5], device_id=f"d{point}", device_name=f"探测器{point}", metric="m", unit="",
            severity=Severity(1 + (0 if chance < 0.3 else 1 if chance < 0.8 else 2 if chance < 0.95 else 3)), level=0, limit=1.0, value=2.0,
            peak_value=2.0, condition=Condition.NORMAL, attention=Attention.ACKNOWLEDGED, is_latched=False, needs_reset=False,
            is_late=False, raised_ms=raised, arrived_ms=raised, changed_ms=raised + 9_000, cleared_ms=raised + 5_000,
            acknowledged_ms=None if waited is None else raised + waited, acknowledged_by=None if waited is None else f"u{n % 7}",
            ended_ms=raised + 9_000, verdict=draw.choice(list(Verdict)) if chance > 0.8 and n % 3 else None,
            assignee=f"u{n % 7}" if n % 50 == 0 else None, is_test=n % 400 == 0,
            suppression=Suppression(kind="shelved", reason="r") if n % 300 == 0 else None,
        )  # fmt: skip


def fill(records: Records) -> None:
    """All of them, with tags, and a note on every tenth."""
    indexes = [index for index in tables.alarms.indexes if index.name and not index.unique]
    with writing(records.engine) as c:
        if c.dialect.name == "sqlite":
            c.execute(text("PRAGMA cache_size=-400000"))
        for index in indexes:
            index.drop(c)
    began, source, at = time.monotonic(), made(), 0
    while chunk := list(itertools.islice(source, _CHUNK)):
        with writing(records.engine) as c:
            tagged = alarm_tags.apply(c, chunk, is_first=True)
            c.execute(insert(tables.alarms), [rows.ALARM.row(alarm) | {"tag_id": tagged[alarm.id]} for alarm in chunk])
            notes = [
                {"alarm_id": alarm.id, "seq": 2, "note": f"到场检查 seen by u{n % 7} nr {at + n}", "raised_ms": alarm.raised_ms}
                for n, alarm in enumerate(chunk) if n % 10 == 0
            ]  # fmt: skip
            c.execute(insert(tables.alarm_notes), notes)
        at += len(chunk)
        print(f"\r{at:,} alarms, {time.monotonic() - began:.0f} s", end="", file=sys.stderr)
    with writing(records.engine) as c:
        for index in indexes:
            index.create(c)
        c.execute(text("ANALYZE" if c.dialect.name == "postgresql" else "PRAGMA optimize"))
    print(file=sys.stderr)


CHOICES: dict[str, list[dict[str, Any]]] = {
    "state": [{}, {"state": "ended"}],
    "place": [{}, {"site": "s3"}, {"site": "s3", "zone": "s3-z13"}, {"device": "d43"}, {"device": f"d{POINTS - 9}"}, {"site": "nowhere"}],
    "kind": [{}, {"kind": "gas"}, {"kind": "gas", "rule": "co"}],
    "severity": [{}, {"severities": (4,)}, {"severities": (3, 4)}],
    "verdict": [{}, {"verdict": "false"}, {"verdict": "none"}],
    "rest": [{}, {"is_test": True}, {"is_suppressed": True}, {"assignee": "u3"}, {"ack_from_ms": 60_000, "ack_to_ms": 180_000},
             {"ack_from_ms": 600_000}],
    "span": [{}, {"from_ms": NOW - 30 * 86_400_000}, {"from_ms": NOW - SPAN, "to_ms": NOW - SPAN + 30 * 86_400_000}],
    "q": [{}, {"q": "厨房"}, {"q": "探测器39"}, {"q": "nr 123450"}, {"q": "no such words"}],
}  # fmt: skip


def queries(most: int = 400) -> list[AlarmQuery]:
    """Each filter alone, each pair, and combinations of all drawn at random."""
    found: dict[tuple[Any, ...], AlarmQuery] = {}

    def add(*parts: dict[str, Any]) -> None:
        merged: dict[str, Any] = {}
        for part in parts:
            merged |= part
        found.setdefault(tuple(sorted(merged.items())), AlarmQuery(**merged))

    for one, other in itertools.combinations(CHOICES.values(), 2):
        for part, another in itertools.product(one, other):
            add(part, another)
    draw = random.Random(2)
    while len(found) < most:
        add(*(draw.choice(choices) for choices in CHOICES.values()))
    return list(found.values())


def measure(records: Records) -> dict[str, list[tuple[float, AlarmQuery]]]:
    """Milliseconds of the first page, the second, and the counts, of each query; the better of two."""
    found: dict[str, list[tuple[float, AlarmQuery]]] = {"page": [], "next": [], "counts": []}

    def timed(call: Any) -> tuple[float, Any]:
        best = []
        for _ in range(2):
            began = time.perf_counter()
            result = call()
            best.append((time.perf_counter() - began) * 1000)
        return min(best), result

    for query in queries():
        took, page = timed(lambda query=query: records.alarms(query, None))
        found["page"].append((took, query))
        if page.next_cursor is not None:
            after = replace(query, cursor=page.next_cursor)
            found["next"].append((timed(lambda after=after: records.alarms(after, None))[0], query))
    for query in queries(200)[::7]:
        found["counts"].append((timed(lambda query=query: records.alarm_counts(query, None))[0], query))
    return found


def run() -> list[dict[str, Any]]:
    from tests.servers import postgres

    results = []
    with tempfile.TemporaryDirectory() as folder, postgres() if _has_postgres() else nullcontext() as server:
        urls = {"SQLite": f"sqlite:///{Path(folder) / 'records.db'}"}
        if server is not None:
            with psycopg.connect(host="127.0.0.1", port=server.port, user="postgres", dbname="postgres", autocommit=True) as c:
                c.execute("CREATE DATABASE history")
            urls["PostgreSQL"] = f"postgresql+psycopg://postgres@127.0.0.1:{server.port}/history"
        for name, url in urls.items():
            records = Records.open(url)
            try:
                records.upgrade()
                fill(records)
                for what, took in measure(records).items():
                    took.sort(key=lambda each: each[0])
                    worst, median = took[-1], took[len(took) // 2][0]
                    for ms, query in took[-3:]:
                        print(f"{name} {what} {ms:.0f} ms: {_asked(query)}", file=sys.stderr)
                    bar = BAR_MS if what == "page" else None
                    results.append(
                        {
                            "id": "H5M",
                            "name": f"{name}, {NUMBER:,} alarms, {what}: slowest of {len(took)} filters (median {median:.1f} ms)",
                            "figure": worst[0],
                            "unit": "ms",
                            "bar": f"<= {bar:g} ms" if bar else None,
                            "holds": worst[0] <= bar if bar else None,
                            "runs": [ms for ms, _ in took],
                        }
                    )
            finally:
                records.close()
    return results


def _has_postgres() -> bool:
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def _asked(query: AlarmQuery) -> str:
    return ", ".join(
        f"{name}={value}" for name, value in ((n, getattr(query, n)) for n in query.__slots__) if value not in (None, "", (), 50)
    )


if __name__ == "__main__":
    for row in run():
        print({name: value for name, value in row.items() if name != "runs"})
