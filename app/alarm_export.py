"""Any list of alarms as a file, CSV or XLSX, made by a process of its own at low priority: one file says what, its output how far it is.

`python -m app.alarm_export FOLDER` reads `job.json` there (`AlarmJob`) and prints a JSON line of progress at most every 0.2 s. The records'
URL comes by environment, so that no secret stands in a list of processes.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from openpyxl import Workbook

from alarms.model import Alarm
from alarms.queries import AlarmQuery
from api.shapes.alarms import SEVERITY_NAMES
from api.shapes.times import iso_or_none
from api.sheets import harmless
from app.settings import load
from sites.records import Scope
from storage.records import Records

MOST_SHEET_ROWS = 1_000_000  # a sheet of XLSX has 1,048,576; what is more goes onto further sheets
_PAGE = 1_000
_EVERY_S = 0.2
_LOWEST = 19  # nice

HEADS = (
    ("id", "编号"), ("raised_at", "发生时间"), ("arrived_at", "到达时间"), ("site", "场所"), ("zone", "区域"), ("device", "设备"),
    ("device_id", "设备编号"), ("rule", "规则"), ("rule_en", "规则（英文）"), ("kind", "类型"), ("severity", "级别"), ("metric", "测量"),
    ("value", "值"), ("peak_value", "极值"), ("limit", "限值"), ("unit", "单位"), ("count", "次数"), ("condition", "状态"),
    ("attention", "处理"), ("cleared_at", "恢复时间"), ("acknowledged_at", "接警时间"), ("acknowledged_by", "接警人"),
    ("acknowledged_after_s", "接警用时(秒)"), ("assignee", "负责人"), ("verdict", "核实结论"), ("is_test", "测试"), ("is_late", "补传"),
    ("suppression", "抑制原因"), ("hazard_id", "隐患"), ("ended_at", "结束时间"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmJob:
    """Which alarms, seen by whom, into which file. `total`: how many are expected."""

    query: AlarmQuery
    sites: list[str] | None
    form: str
    file: str
    total: int

    def write(self, folder: Path) -> None:
        (folder / "job.json").write_bytes(msgspec.json.encode(asdict(self)))


def cells(alarm: Alarm, name: Callable[[str | None], str]) -> list[Any]:
    """One row, in the order of `HEADS`."""
    waited = None if alarm.acknowledged_ms is None else (alarm.acknowledged_ms - alarm.arrived_ms) / 1000
    return [
        alarm.id, iso_or_none(alarm.raised_ms), iso_or_none(alarm.arrived_ms), alarm.site_name, alarm.zone_name, alarm.device_name,
        alarm.device_id, alarm.rule_name, alarm.rule_name_en, alarm.kind, SEVERITY_NAMES[alarm.severity], alarm.metric,
        alarm.value, alarm.peak_value, alarm.limit, alarm.unit, alarm.count, alarm.condition.value,
        alarm.attention.value, iso_or_none(alarm.cleared_ms), iso_or_none(alarm.acknowledged_ms), name(alarm.acknowledged_by),
        waited, name(alarm.assignee), alarm.verdict.value if alarm.verdict else "", int(alarm.is_test), int(alarm.is_late),
        alarm.suppression.reason if alarm.suppression else "", alarm.hazard_id or "", iso_or_none(alarm.ended_ms),
    ]  # fmt: skip


def pages(records: Records, query: AlarmQuery, sites: Scope) -> Iterator[list[Alarm]]:
    cursor: str | None = None
    while True:
        page = records.alarms(replace(query, cursor=cursor, limit=_PAGE), sites)
        yield page.items
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


def export(records: Records, job: AlarmJob, progress: Callable[[float, int], None]) -> int:
    """Write the file; how many alarms are in it."""
    people = {user.id: user.name for user in records.users()}

    def name(user_id: str | None) -> str:
        return "" if user_id is None else people.get(user_id, user_id)

    sites = None if job.sites is None else frozenset(job.sites)
    written = 0
    with (_csv if job.form == "csv" else _xlsx)(Path(job.file)) as write:
        for items in pages(records, job.query, sites):
            for alarm in items:
                write([harmless(cell) if isinstance(cell, str) else cell for cell in cells(alarm, name)])
            written += len(items)
            progress(min(1.0, written / max(1, job.total)), written)
    return written


@contextmanager
def _csv(file: Path) -> Iterator[Callable[[list[Any]], None]]:
    with open(file, "w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([f"{head} {head_zh}" for head, head_zh in HEADS])
        yield writer.writerow


@contextmanager
def _xlsx(file: Path) -> Iterator[Callable[[list[Any]], None]]:
    book = Workbook(write_only=True)
    rows, sheet = 0, None

    def write(row: list[Any]) -> None:
        nonlocal rows, sheet
        if sheet is None or rows >= MOST_SHEET_ROWS:
            sheet, rows = book.create_sheet("alarms"), 0
            sheet.append([f"{head} {head_zh}" for head, head_zh in HEADS])
        sheet.append(row)
        rows += 1

    yield write
    if sheet is None:
        book.create_sheet("alarms").append([f"{head} {head_zh}" for head, head_zh in HEADS])
    book.save(file)


def main(folder: Path) -> int:
    os.nice(_LOWEST)
    job = msgspec.json.decode((folder / "job.json").read_bytes(), type=AlarmJob)
    told_at = 0.0

    def progress(part: float, number: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _EVERY_S:
            told_at = time.monotonic()
            print(json.dumps({"part": part, "readings": number}), flush=True)

    records = Records.open(load().records)
    try:
        written = export(records, job, progress)
    finally:
        records.close()
    print(json.dumps({"part": 1.0, "readings": written}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
