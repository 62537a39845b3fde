"""The evidence of a run: who, when, what, each circuit's watts before and after and its time to proof; and a site's month.

Printable HTML in Chinese or English, CSV, JSON. What was opened without a proof is counted apart, and an estimate is called one.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.door import Door
from api.problems import invalid, not_found
from api.shapes.plans import MonthCircuit, MonthShape, item_shape, run_shape
from power.plans import Plan
from power.run_model import ItemState, Run, RunItem, RunState
from sites import calendars

_PAGES = Path(__file__).parent / "pages"
_FALLBACK_H = 8.0
_MOST_RUNS = 500
_COLUMNS = (
    "circuit_id",
    "circuit_name",
    "tenant",
    "panel",
    "zone_name",
    "stage",
    "state",
    "code",
    "reason",
    "before_w",
    "after_w",
    "before_a",
    "after_a",
    "ordered_at",
    "ended_at",
    "took_ms",
)


@lru_cache(maxsize=1)
def pages() -> Environment:
    """The printable pages; everything put into them is escaped."""
    return Environment(loader=FileSystemLoader(_PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def report(door: Door, run: Run, items: list[RunItem], form: str, lang: str) -> bytes:
    """The run's report as `html`, `csv` or `json`."""
    if form == "json":
        return orjson.dumps({**run_shape(run, door.person), "items": [item_shape(item) for item in items]}, option=orjson.OPT_INDENT_2)
    if form == "csv":
        return _csv(items)
    site = door.board.roster.sites.get(run.site_id)
    zone = ZoneInfo(site.timezone) if site and calendars.is_timezone(site.timezone) else ZoneInfo("UTC")
    cut = [item for item in items if item.state not in (ItemState.LEFT_ON, ItemState.DROPPED)]
    times = sorted(
        item.ended_ms - item.ordered_ms for item in items if item.state is ItemState.PROVED and item.ended_ms and item.ordered_ms
    )
    text = (
        pages()
        .get_template("run.html")
        .render(
            run=run_shape(run, door.person),
            name=run.name if lang == "zh" or not run.name_en else run.name_en,
            site=site.name if site else run.site_id,
            zone=str(zone),
            lang=lang,
            bad=[item_shape(item) for item in cut if item.state in (ItemState.FAILED, ItemState.UNPROVED)],
            items=[item_shape(item) for item in cut],
            stays=[item_shape(item) for item in items if item.state in (ItemState.LEFT_ON, ItemState.DROPPED)],
            ended_w=sum((item.before_w or 0.0) - (item.after_w or 0.0) for item in items if item.state is ItemState.PROVED),
            proof_s=(times[len(times) // 2] / 1000, times[-1] / 1000) if times else None,
            local=lambda text: _local(text, zone),
        )
    )
    return text.encode()


def _csv(items: list[RunItem]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for item in items:
        writer.writerow({name: _safe(value) for name, value in item_shape(item).items()})
    return out.getvalue().encode("utf-8-sig")


def _safe(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _local(text: str | None, zone: ZoneInfo) -> str:
    return "" if not text else datetime.fromisoformat(text).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def month(door: Door, site_id: str, of: str) -> MonthShape:
    """Nights by their local date. `of` empty: the present month of the site. Raises 422, Unavailable."""
    site = door.board.roster.sites.get(site_id)
    if site is None:
        raise not_found("the site", site_id)
    zone = site.timezone if calendars.is_timezone(site.timezone) else "UTC"
    of = of or calendars.local_day(zone, door.clock.now_ms()).iso[:7]
    year, number = int(of[:4]), int(of[5:7])
    following = f"{year + number // 12:04d}-{number % 12 + 1:02d}-01"
    try:
        from_ms, to_ms = calendars.local_minute_ms(zone, f"{of}-01", 0), calendars.local_minute_ms(zone, following, 0)
    except ValueError as error:
        raise invalid(f"{of} is no month: {error}", "?of") from None
    nights = [run for run in _runs(door, site_id, from_ms, to_ms) if run.kind == "plan"]
    states = Counter(run.state for run in nights)
    plans = {plan.id: plan for plan in door.records.all_things("plan") if plan.site_id == site_id}
    items = [(run, item) for run in nights if run.state not in (RunState.OBSERVED, RunState.SKIPPED) for item in _items(door, run)]
    ends = Counter(item.state for _, item in items)
    ordered = ends[ItemState.PROVED] + ends[ItemState.UNPROVED] + ends[ItemState.FAILED]
    return {
        "site_id": site_id,
        "month": of,
        "nights": len({run.date for run in nights}),
        "nights_run": states[RunState.DONE] + states[RunState.ABORTED],
        "nights_missed": states[RunState.MISSED] + states[RunState.DECLINED] + states[RunState.INTERRUPTED],
        "nights_skipped": states[RunState.SKIPPED],
        "nights_observed": states[RunState.OBSERVED],
        "orders": ordered,
        "proved": ends[ItemState.PROVED],
        "unproved": ends[ItemState.UNPROVED],
        "failed": ends[ItemState.FAILED],
        "proved_share": ends[ItemState.PROVED] / ordered if ordered else None,
        "energy_not_used_kwh": round(
            sum(_kwh(door, plans.get(run.plan_id or ""), item, zone) for run, item in items if item.state is ItemState.PROVED), 1
        ),
        "disobedient": _disobedient([item for _, item in items if item.state is ItemState.FAILED]),
    }


def _runs(door: Door, site_id: str, from_ms: int, to_ms: int) -> list[Run]:
    found: list[Run] = []
    cursor: str | None = None
    while True:
        page = door.records.facts("run", None, cursor, _MOST_RUNS, site_id=site_id, from_ms=from_ms, to_ms=to_ms)
        found += [fact.body for fact in page.items if from_ms <= fact.from_ms < to_ms]
        cursor = page.next_cursor
        if cursor is None:
            return found


def _items(door: Door, run: Run) -> list[RunItem]:
    items: list[RunItem] = []
    cursor: str | None = None
    while True:
        page = door.records.facts("run_item", None, cursor, _MOST_RUNS, subject=f"run:{run.id}")
        items += [fact.body for fact in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return items


def _kwh(door: Door, plan: Plan | None, item: RunItem, zone: str) -> float:
    if item.before_w is None or item.ended_ms is None:
        return 0.0
    calendar = door.board.roster.calendars.get(plan.calendar) if plan is not None and plan.calendar else None
    opens_ms = None
    if calendar is not None:
        spans = calendars.windows_between(calendar, zone, item.ended_ms, item.ended_ms + 48 * 3_600_000)
        opens_ms = spans[0][0] if spans else item.ended_ms + 24 * 3_600_000
    hours = _FALLBACK_H if opens_ms is None else (opens_ms - item.ended_ms) / 3_600_000
    return (item.before_w - (item.after_w or 0.0)) * hours / 1000


def _disobedient(failed: list[RunItem]) -> list[MonthCircuit]:
    by_circuit: dict[str, list[RunItem]] = {}
    for item in failed:
        by_circuit.setdefault(item.circuit_id, []).append(item)
    rows: list[MonthCircuit] = []
    for circuit_id, items in by_circuit.items():
        last = max(items, key=lambda item: item.ended_ms or 0)
        rows.append(
            {
                "circuit_id": circuit_id,
                "circuit_name": last.circuit_name,
                "tenant": last.tenant,
                "nights": len({item.run_id for item in items}),
                "last_reason": last.reason,
                "last_reason_zh": last.reason_zh,
            }
        )
    return sorted(rows, key=lambda row: (-row["nights"], row["circuit_name"]))
