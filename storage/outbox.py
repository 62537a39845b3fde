"""The outbox in the records: messages to be sent, waiting, sent or given up. It fits `notify.outbox.Outbox`.

The projector adds rows, the sender marks them; every mark is durable, so a restart goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, select, update

from alarms.model import Transition
from storage import rows, tables
from storage.database import reading, writing

_o = tables.outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class DueMessage:
    """One message that is due. `transition` is the alarm's change it tells of, None when the records do not have it; `timezone` is its
    site's."""

    key: str
    to: str
    attempts: int
    created_ms: int
    transition: Transition | None
    timezone: str


class SqlOutbox:
    """Every call is one transaction and raises Unavailable when the records are away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self, now_ms: int, limit: int) -> list[DueMessage]:
        """Waiting messages whose time has come, most severe first, then oldest first."""
        t = tables.transitions
        found = (
            select(_o.c.key, _o.c.to, _o.c.attempts, _o.c.created_ms, _o.c.alarm_id, _o.c.alarm_seq)
            .where(_o.c.state == "waiting", _o.c.next_try_ms <= now_ms)
            .order_by(_o.c.severity.desc(), _o.c.created_ms, _o.c.key)
            .limit(limit)
        )
        with reading(self._engine) as c:
            zones = {row.id: row.timezone for row in c.execute(select(tables.sites.c.id, tables.sites.c.timezone))}
            messages = []
            for row in c.execute(found).mappings().all():
                of = select(t).where(t.c.alarm_id == row["alarm_id"], t.c.seq == row["alarm_seq"])
                kept = c.execute(of).mappings().first()
                transition = None if kept is None else rows.transition_of(kept)
                timezone = "UTC" if transition is None else zones.get(transition.alarm.site_id, "UTC")
                names = ("key", "to", "attempts", "created_ms")
                messages.append(DueMessage(**{name: row[name] for name in names}, transition=transition, timezone=timezone))
            return messages

    def mark_sent(self, key: str, now_ms: int) -> None:
        with writing(self._engine) as c:
            values = {"state": "sent", "attempts": _o.c.attempts + 1, "sent_ms": now_ms, "last_error": ""}
            c.execute(update(_o).where(_o.c.key == key).values(values))

    def mark_failed(self, key: str, next_try_ms: int | None, error: str) -> None:
        """A try failed; `next_try_ms` None: given up."""
        values = {"attempts": _o.c.attempts + 1, "last_error": error[:500]}
        values |= {"state": "failed"} if next_try_ms is None else {"next_try_ms": next_try_ms}
        with writing(self._engine) as c:
            c.execute(update(_o).where(_o.c.key == key).values(values))

    def hold(self, reason: str) -> None:
        """Say on every waiting message why none is being sent."""
        waiting = _o.c.state == "waiting", _o.c.last_error != reason
        with reading(self._engine) as c:
            if c.execute(select(_o.c.key).where(*waiting).limit(1)).first() is None:
                return
        with writing(self._engine) as c:
            c.execute(update(_o).where(*waiting).values(last_error=reason))
