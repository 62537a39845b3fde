"""Hazards wanted by linkages: whether each is a new hazard or a recurrence of the one that stands, in a transaction of its own.

What was wanted is kept with the position, so a crash between the two loses nothing, and each key is decided once.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, select, update

from alarms.linkage import HazardWanted
from alarms.model import Alarm
from hazards import loop
from hazards.model import Hazard, HazardStep
from storage import records_alarms, records_hazards, tables
from storage.database import reading, writing

_w = tables.hazard_wants


def undecided(engine: Engine) -> list[HazardWanted]:
    """In the order in which they were wanted."""
    names = ("key", "linkage_id", "alarm_id", "at_ms", "reason")
    with reading(engine) as connection:
        found = connection.execute(select(_w).where(_w.c.is_decided.is_(False)).order_by(_w.c.at_ms, _w.c.key)).mappings()
        return [HazardWanted(**{name: row[name] for name in names}) for row in found]


def unlinked(connection: Connection) -> list[tuple[str, str]]:
    """(alarm id, hazard id) of open alarms that do not know their hazard yet: the scan must be told again."""
    a, links = tables.alarms, tables.hazard_alarms
    missing = (
        select(links.c.alarm_id, links.c.hazard_id)
        .join(a, a.c.id == links.c.alarm_id)
        .join(tables.hazards, tables.hazards.c.id == links.c.hazard_id)
        .where(a.c.ended_ms.is_(None), a.c.hazard_id.is_(None))
        .order_by(links.c.alarm_id)
    )
    return [(row.alarm_id, row.hazard_id) for row in connection.execute(missing)]


def decide(engine: Engine, want: HazardWanted) -> tuple[Hazard, HazardStep | None] | None:
    """The hazard that this alarm belongs to now, with the step that was made (None: it belonged to it already). None when the alarm is
    not in the records, or when it was decided before."""
    with writing(engine) as connection:
        row = connection.execute(select(_w.c.is_decided).where(_w.c.key == want.key).with_for_update()).first()
        if row is None or row.is_decided:
            return None
        alarm = records_alarms.find(connection, want.alarm_id)
        decided = None if alarm is None else _decide(connection, want, alarm)
        hazard_id = None if decided is None else decided[0].id
        connection.execute(update(_w).where(_w.c.key == want.key).values(is_decided=True, hazard_id=hazard_id))
        return decided


def _decide(connection: Connection, want: HazardWanted, alarm: Alarm) -> tuple[Hazard, HazardStep | None]:
    deadline_ms = records_hazards.day_end_ms(connection, alarm.site_id, want.at_ms)
    enterprise_id = connection.execute(select(tables.sites.c.enterprise_id).where(tables.sites.c.id == alarm.site_id)).scalar() or ""
    standing = records_hazards.standing(connection, alarm.point_id, alarm.device_id, want.at_ms)
    if standing is not None and standing.state in loop.OPEN and alarm.id in standing.alarm_ids:
        return standing, None

    def make(number: str, present: Hazard | None) -> tuple[Hazard, HazardStep]:
        if present is None:
            return loop.report_alarm(
                alarm,
                number=number,
                enterprise_id=enterprise_id,
                who=None,
                now_ms=want.at_ms,
                deadline_ms=deadline_ms,
                reason=want.reason,
            )
        return loop.recur(present, alarm_id=alarm.id, who=None, now_ms=want.at_ms, deadline_ms=deadline_ms, note=want.reason)

    return records_hazards.report(connection, make, alarm.site_id, alarm.id, None, want.at_ms)
