"""Reminders of hazards' deadlines: each stage that has come is told once, its messages put into the outbox in the same transaction.

Killed between two hazards it goes on with the next; killed within one it begins that one again: nothing is skipped and nothing told
twice. When to look at a hazard next stands in its row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, select, update

from alarms.linkage import NotifyWanted
from alarms.notices import Notice
from hazards import deadlines, words
from hazards.deadlines import Stage
from hazards.loop import CLOCK_RUNS
from hazards.model import Hazard
from rules.model import Severity
from sites.model import derived_id
from sites.records import NotFound
from storage import recipients, records_hazards, tables
from storage.database import add_missing, reading, writing

_h, _r = tables.hazards, tables.hazard_reminders
MOST_AT_ONCE = 500
CAUSE = "hazard"
_SEVERITIES = {"soon": Severity.LOW, "overdue": Severity.HIGH, "escalated": Severity.HIGH, "highest": Severity.HIGH}


def message_id(hazard_id: str) -> str:
    """What stands in place of an alarm's id in the outbox."""
    return f"{CAUSE}:{hazard_id}"


def hazard_of(alarm_id: str) -> str | None:
    """The hazard that a message of the outbox tells of; None: it tells of an alarm."""
    kind, colon, hazard_id = alarm_id.partition(":")
    return hazard_id if colon and kind == CAUSE else None


def remind(engine: Engine, now_ms: int) -> int:
    """Tell all that has come by now; returns how many stages were told."""
    told = 0
    while True:
        with reading(engine) as connection:
            due = select(_h.c.id).where(_h.c.remind_ms <= now_ms).order_by(_h.c.remind_ms, _h.c.id).limit(MOST_AT_ONCE)
            ids = list(connection.execute(due).scalars())
        for hazard_id in ids:
            with writing(engine) as connection:
                told += _remind_one(connection, hazard_id, now_ms)
        if len(ids) < MOST_AT_ONCE:
            return told


def _remind_one(connection: Connection, hazard_id: str, now_ms: int) -> int:
    hazard = records_hazards.hazard(connection, hazard_id, lock=True)
    known = set(connection.execute(select(_r.c.stage).where(_r.c.hazard_id == hazard_id)).scalars())
    fresh = [stage for stage in deadlines.stages(hazard, now_ms) if stage.key not in known]
    for stage in fresh:
        _tell(connection, hazard, stage, now_ms)
    connection.execute(update(_h).where(_h.c.id == hazard_id).values(remind_ms=deadlines.next_ms(hazard, now_ms)))
    return len(fresh)


def _tell(connection: Connection, hazard: Hazard, stage: Stage, now_ms: int) -> None:
    directory = recipients.Directory(connection)
    made: dict[str, dict[str, Any]] = {}
    cause = f"{CAUSE}:{stage.name}:{stage.key}"
    for role in stage.roles:
        wanted = NotifyWanted(
            key=derived_id("hazard", hazard.id, stage.key, role),
            linkage_id="",
            alarm_id=message_id(hazard.id),
            alarm_seq=hazard.version,
            to="",
            at_ms=now_ms,
            channel="",
            recipient=f"role:{role}",
            cause=cause,
        )
        people = directory.with_role(role, hazard.site_id)
        if not people and stage.level == 0 and role == "enterprise":
            continue  # the manager is told; where there is neither, that is seen as a failed message
        for target in recipients.targets(directory, wanted, hazard.site_id):
            row = recipients.row(wanted, target, hazard.site_id, int(_SEVERITIES[stage.name]))
            made.setdefault(row["key"], row)
    add_missing(connection, tables.outbox, list(made.values()))
    row = {"hazard_id": hazard.id, "stage": stage.key, "name": stage.name, "level": stage.level, "messages": len(made), "at_ms": now_ms}
    add_missing(connection, _r, [row])


def notice(connection: Connection, hazard_id: str, cause: str, timezone: str, language: str) -> Notice | str:
    """The words of a reminder as the hazard stands now, or why it need not go out any more."""
    try:
        hazard = records_hazards.hazard(connection, hazard_id)
    except NotFound:
        return "the hazard is not in the records"
    kind, _, rest = cause.partition(":")
    name, _, key = rest.partition(":")
    deadline_ms = hazard.rectification.deadline_ms
    if kind == CAUSE and (hazard.state not in CLOCK_RUNS or deadline_ms is None or not key.startswith(f"{deadline_ms}:")):
        return f"the hazard is {hazard.state} meanwhile, or has another deadline"
    s = tables.sites
    place = connection.execute(select(s.c.name).where(s.c.id == hazard.site_id)).scalar() or hazard.site_id
    subject, text = words.reminder(hazard, name, f"{place} {hazard.place}".strip(), _local(deadline_ms, timezone), language)
    facts = {
        "change": f"hazard_{name}",
        "hazard": {"id": hazard.id, "number": hazard.number, "title": hazard.title, "state": hazard.state.value, "site_id": hazard.site_id},
    }
    return Notice(subject=subject, text=text, at_ms=deadline_ms or 0, facts=facts)


def _local(at_ms: int | None, timezone: str) -> str:
    if at_ms is None:
        return ""
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%Y-%m-%d %H:%M}"
