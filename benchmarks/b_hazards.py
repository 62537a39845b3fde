"""H200K: with 200,000 hazards of 5,000 enterprises, the ledger's lists, its counts and the map's figures, on SQLite and PostgreSQL.

Hazards are made straight into the table: three years, uneven over enterprises, a tenth of them open. SQLite always; PostgreSQL where its
server is installed. `H200K_HAZARDS` makes it smaller.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import insert, text

from hazards import deadlines, loop
from hazards.model import Grade, Hazard, HazardState, Rectification, Source
from hazards.queries import HazardQuery
from storage import tables
from storage.database import writing
from storage.records import Records
from storage.records_hazards import HAZARD

NUMBER = int(os.environ.get("H200K_HAZARDS", "200000"))
ENTERPRISES = 5_000
NOW = 1_795_320_000_000
DAY = 86_400_000
SPAN = 3 * 365 * DAY
BAR_MS = 200.0
CATEGORIES = ["gas", "electrical", "smoke", "exit", "water", "training", "contractor", "chemicals", "storage", "equipment", "other"]
_CHUNK = 5_000


def made(seed: int = 1) -> Iterator[dict[str, Any]]:
    """The rows, oldest first."""
    draw = random.Random(seed)
    closed = [HazardState.ACCEPTED, HazardState.ACCEPTED, HazardState.ACCEPTED, HazardState.REJECTED, HazardState.MERGED]
    running = [HazardState.REPORTED, HazardState.CONFIRMED, HazardState.RECTIFYING, HazardState.SUBMITTED]
    for n in range(NUMBER):
        enterprise = min(int(draw.expovariate(4.0) * ENTERPRISES), ENTERPRISES - 1)
        found = NOW - SPAN + SPAN * n // NUMBER
        state = draw.choice(running) if draw.random() < 0.1 else draw.choice(closed)
        deadline = found + draw.choice((DAY // 2, 7 * DAY, 30 * DAY))
        submitted = found + draw.randrange(40 * DAY) if state not in loop.CLOCK_RUNS else None
        hazard = Hazard(
            id=f"{n:026x}", number=f"s{enterprise}-{n}", enterprise_id=f"e{enterprise}", site_id=f"s{enterprise}", zone_id=None,
            device_id=None, point_id=None, source=draw.choice(list(Source)), grade=Grade.MAJOR if draw.random() < 0.03 else Grade.GENERAL,
            category=draw.choice(CATEGORIES), title=f"隐患 {n}", description="灭火器过期，需更换" * 8, state=state, found_by="u1",
            found_ms=found,
            rectification=Rectification(person=f"人{draw.randrange(800)}", measures="更换", funds="500", deadline_ms=deadline),
            submitted_ms=submitted, closed_ms=None if state in loop.OPEN else (submitted or found) + DAY,
        )  # fmt: skip
        plan = {name: getattr(hazard.rectification, name) for name in ("person", "measures", "funds", "deadline_ms", "contingency")}
        yield HAZARD.row(hazard) | plan | {"is_listed": False, "remind_ms": deadlines.next_ms(hazard, NOW)}


def fill(records: Records) -> None:
    chunk: list[dict[str, Any]] = []
    for row in made():
        chunk.append(row)
        if len(chunk) == _CHUNK:
            _put(records, chunk)
            chunk = []
    if chunk:
        _put(records, chunk)
    with records.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if records.engine.dialect.name == "sqlite" else "VACUUM ANALYZE hazards"))


def _put(records: Records, chunk: list[dict[str, Any]]) -> None:
    with writing(records.engine) as connection:
        connection.execute(insert(tables.hazards), chunk)


def questions(records: Records) -> dict[str, Callable[[], object]]:
    """What the pages ask."""
    district = frozenset(f"s{n}" for n in range(500))
    bounds = [NOW - n * DAY for n in range(30, -1, -1)]

    def page(scope: frozenset[str] | None = None, **how: Any) -> Callable[[], object]:
        return lambda: records.hazards(HazardQuery(now_ms=NOW, limit=100, **how), scope)

    return {
        "list: all": page(),
        "list: open": page(state="open"),
        "list: overdue": page(state="overdue"),
        "list: major of a category": page(grade="major", category="gas"),
        "list: one enterprise": page(enterprise="e7"),
        "list: a district of 500 sites, submitted": page(district, state="submitted"),
        "list: a person": page(person="人7"),
        "counts: all": lambda: records.hazard_counts(HazardQuery(now_ms=NOW), None),
        "counts: a district of 500 sites": lambda: records.hazard_counts(HazardQuery(now_ms=NOW), district),
        "counts: open": lambda: records.hazard_counts(HazardQuery(now_ms=NOW, state="open"), None),
        "map: open by enterprise": lambda: records.open_hazards_by_enterprise(None, NOW),
        "trend: 30 days": lambda: records.hazard_trend(HazardQuery(now_ms=NOW), None, bounds),
        "comparison: all enterprises": lambda: records.hazard_standings(HazardQuery(now_ms=NOW), None),
    }


def measured(records: Records, where: str) -> list[dict[str, Any]]:
    rows = []
    for name, ask in questions(records).items():
        took = []
        for _ in range(7):
            began = time.perf_counter()
            ask()
            took.append((time.perf_counter() - began) * 1_000)
        figure = sorted(took)[len(took) // 2]
        rows.append(
            {
                "id": "H200K",
                "name": f"{NUMBER} hazards, {where}, {name}",
                "figure": figure,
                "unit": "ms median",
                "bar": f"<= {BAR_MS:g}",
                "holds": figure <= BAR_MS,
                "runs": took,
            }
        )
        print(f"  {where}: {name}: {figure:.1f} ms", file=sys.stderr)
    return rows


def run() -> list[dict[str, Any]]:
    from tests.servers import postgres

    rows = []
    with tempfile.TemporaryDirectory() as folder, postgres() if _has_postgres() else nullcontext() as server:
        urls = {"SQLite": f"sqlite:///{Path(folder) / 'records.db'}"}
        if server is not None:
            with psycopg.connect(host="127.0.0.1", port=server.port, user="postgres", dbname="postgres", autocommit=True) as c:
                c.execute("CREATE DATABASE ledger")
            urls["PostgreSQL"] = f"postgresql+psycopg://postgres@127.0.0.1:{server.port}/ledger"
        for name, url in urls.items():
            records = Records.open(url)
            try:
                records.upgrade()
                fill(records)
                rows += measured(records, name)
            finally:
                records.close()
    return rows


def _has_postgres() -> bool:
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
