"""The outbox in the records: messages to be sent, waiting, sent, delivered, folded or given up. It fits `notify.outbox.Outbox`.

The projector adds rows, the senders mark them, each its own channel; every mark is durable, so a restart goes on where it was. Secrets
are looked up here when a message is due, and stand in no row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, select, update

from alarms.contacts import Contact, Endpoint, Group, quiet_until_ms
from alarms.escalation_policy import UNACKNOWLEDGED
from alarms.model import Attention, Transition
from alarms.notices import Notice
from alarms.queries import Wording
from rules.model import Severity
from sites.model import derived_id
from storage import hazard_reminders, records_notify, rows, tables
from storage.database import add_missing, reading, writing

_o = tables.outbox
MOST_CRITICAL = 30  # critical messages that wait for one address and go out on their own
SETTLED_MS = 3_600_000  # receipts are asked for so long after sending
_ORDER = {"waiting": 0, "sent": 1, "delivered": 2, "answered": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What a folded message tells: how many, of which severities, when and where."""

    count: int
    by_severity: Mapping[int, int]
    from_ms: int
    to_ms: int
    places: tuple[tuple[str, int], ...]  # site and zone, most first


@dataclass(frozen=True, slots=True, kw_only=True)
class DueMessage:
    """One message that is due. `transition` is the alarm's change it tells of, None when the records do not have it; `timezone` is its
    site's. `address` and `secret` are what `to` refers to. `quiet_until_ms`: it must rest until then. `stale`: why it need not be sent any
    more."""

    key: str
    to: str
    attempts: int
    created_ms: int
    transition: Transition | None
    timezone: str
    channel: str = "email"
    recipient: str = ""
    name: str = ""
    cause: str = ""
    severity: int = 0
    language: str = ""
    address: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    round: int = 0
    quiet_until_ms: int | None = None
    stale: str = ""
    digest: Digest | None = None
    notice: Notice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A message that a receipt has moved."""

    key: str
    alarm_id: str
    recipient: str
    state: str


class SqlOutbox:
    """Every call is one transaction and raises Unavailable when the records are away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self, now_ms: int, limit: int, channel: str = "email") -> list[DueMessage]:
        """Waiting messages of a channel whose time has come, most severe first, then oldest first."""
        found = (
            select(_o)
            .where(_o.c.channel == channel, _o.c.state == "waiting", _o.c.next_try_ms <= now_ms)
            .order_by(_o.c.severity.desc(), _o.c.created_ms, _o.c.key)
            .limit(limit)
        )
        with reading(self._engine) as c:
            zones = {row.id: row.timezone for row in c.execute(select(tables.sites.c.id, tables.sites.c.timezone))}
            return [self._due(c, row, zones, now_ms) for row in c.execute(found).mappings().all()]

    def _due(self, connection: Connection, row: Any, zones: Mapping[str, str], now_ms: int) -> DueMessage:
        t = tables.transitions
        of = select(t).where(t.c.alarm_id == row["alarm_id"], t.c.seq == row["alarm_seq"])
        kept = connection.execute(of).mappings().first()
        site_zone = zones.get(row["site_id"], "UTC")
        contact = self._contact(connection, row["recipient"])
        zone = (contact.timezone if contact else "") or site_zone
        address, secret, language = self._address(connection, row["to"], contact)
        quiet = None if contact is None else quiet_until_ms(contact.quiet, zone, Severity(row["severity"]), now_ms)
        hazard_id = hazard_reminders.hazard_of(row["alarm_id"])
        notice = None if hazard_id is None else hazard_reminders.notice(connection, hazard_id, row["cause"], site_zone, language)
        names = ("key", "to", "attempts", "created_ms", "channel", "recipient", "name", "cause", "severity", "round")
        return DueMessage(
            **{name: row[name] for name in names},
            transition=None if kept is None else rows.transition_of(kept),
            timezone=site_zone,
            language=language,
            address=address,
            secret=secret,
            quiet_until_ms=quiet,
            stale=notice if isinstance(notice, str) else self._stale(connection, row),
            digest=_digest(connection, row["key"]) if row["folded"] else None,
            notice=None if isinstance(notice, str) else notice,
        )

    def _contact(self, connection: Connection, recipient: str) -> Contact | None:
        kind, _, user_id = recipient.partition(":")
        if kind != "user":
            return None
        body = connection.execute(select(tables.contacts.c.body).where(tables.contacts.c.user_id == user_id)).scalar()
        return None if body is None else rows.from_json(Contact, body)

    def _address(self, connection: Connection, to: str, contact: Contact | None) -> tuple[str, str, str]:
        """(address, secret, language); the address is empty where what `to` refers to is gone."""
        language = contact.language if contact else ""
        if not to.startswith(("user:", "group:")):
            return to, "", language
        recipient, _, which = to.partition("#")
        if recipient.startswith("user:"):
            return (contact.chat_url if contact else ""), "", language
        endpoint, group = endpoint_of(connection, recipient.partition(":")[2], which)
        if endpoint is None or group is None:
            return "", "", ""
        return endpoint.url, endpoint.secret, group.language

    def _stale(self, connection: Connection, row: Any) -> str:
        """A message of the first ladder about an alarm that somebody has acknowledged meanwhile wakes nobody any more."""
        cause = row["cause"].split(":")
        if cause[0] != "escalation" or cause[3:4] != [UNACKNOWLEDGED]:
            return ""
        a = tables.alarms
        attention = connection.execute(select(a.c.attention).where(a.c.id == row["alarm_id"])).scalar()
        return "" if attention in (None, Attention.UNACKNOWLEDGED.value) else f"the alarm is {attention} meanwhile"

    # -- marks -----------------------------------------------------------------------------------------------------

    def mark_sent(self, key: str, now_ms: int, receipt_id: str = "", said: str = "") -> None:
        with writing(self._engine) as c:
            values = {"state": "sent", "attempts": _o.c.attempts + 1, "sent_ms": now_ms, "last_error": "", "said": said[:500]}
            c.execute(update(_o).where(_o.c.key == key).values(values | {"receipt_id": receipt_id}))

    def mark_failed(self, key: str, next_try_ms: int | None, error: str) -> None:
        """A try failed; `next_try_ms` None: given up."""
        values = {"attempts": _o.c.attempts + 1, "last_error": error[:500]}
        values |= {"state": "failed"} if next_try_ms is None else {"next_try_ms": next_try_ms}
        with writing(self._engine) as c:
            c.execute(update(_o).where(_o.c.key == key).values(values))

    def defer(self, key: str, until_ms: int, reason: str) -> None:
        """It rests, which is no failed try."""
        with writing(self._engine) as c:
            c.execute(update(_o).where(_o.c.key == key).values(next_try_ms=until_ms, last_error=reason[:500]))

    def withdraw(self, key: str, reason: str) -> None:
        """It is not sent any more."""
        with writing(self._engine) as c:
            c.execute(update(_o).where(_o.c.key == key).values(state="withdrawn", last_error=reason[:500]))

    def hold(self, reason: str, channel: str = "email") -> None:
        """Say on every waiting message why none is being sent."""
        waiting = _o.c.channel == channel, _o.c.state == "waiting", _o.c.last_error != reason
        with reading(self._engine) as c:
            if c.execute(select(_o.c.key).where(*waiting).limit(1)).first() is None:
                return
        with writing(self._engine) as c:
            c.execute(update(_o).where(*waiting).values(last_error=reason))

    # -- floods ----------------------------------------------------------------------------------------------------

    def fold(self, channel: str, now_ms: int, most: int) -> int:
        """Where more than `most` messages wait for one address, put them into one digest; critical ones go out on their own, but for those
        after the first MOST_CRITICAL that wait, which have a digest of theirs (a storm must not keep a telephone ringing for hours).
        Returns how many were folded. What comes while a digest still waits goes into that one."""
        return self._fold(channel, now_ms, most, _o.c.severity < int(Severity.CRITICAL), 0) + self._fold(
            channel, now_ms, MOST_CRITICAL, _o.c.severity >= int(Severity.CRITICAL), MOST_CRITICAL
        )

    def _fold(self, channel: str, now_ms: int, most: int, which: ColumnElement[bool], spared: int) -> int:
        waiting = (_o.c.channel == channel, _o.c.state == "waiting", which, _o.c.to != "")
        crowded = select(_o.c.to).where(*waiting).group_by(_o.c.to).having(func.count() > most)
        with reading(self._engine) as c:
            if c.execute(crowded.limit(1)).first() is None:
                return 0
        with writing(self._engine) as c:
            return sum(self._fold_one(c, channel, to, now_ms, which, spared) for to in c.execute(crowded).scalars().all())

    def _fold_one(self, connection: Connection, channel: str, to: str, now_ms: int, which: ColumnElement[bool], spared: int) -> int:
        waiting = (_o.c.channel == channel, _o.c.to == to, _o.c.state == "waiting", which)
        kept = connection.execute(select(_o).where(*waiting, _o.c.folded > 0).limit(1)).mappings().first()
        single: tuple[ColumnElement[bool], ...] = (*waiting, _o.c.folded == 0)
        if spared:  # the oldest go out on their own
            oldest = select(_o.c.key).where(*single).order_by(_o.c.created_ms, _o.c.key).limit(spared).correlate(None)
            single = (*single, _o.c.key.not_in(oldest))
        worst = select(_o).where(*single).order_by(_o.c.severity.desc(), _o.c.created_ms, _o.c.key).limit(1)
        first = connection.execute(worst).mappings().first()
        if first is None:
            return 0
        key = kept["key"] if kept is not None else derived_id("digest", first["key"])
        count: int = connection.execute(update(_o).where(*single).values(state="folded", digest_key=key, last_error="")).rowcount
        if kept is not None:
            severity = max(kept["severity"], first["severity"])
            values = {"folded": kept["folded"] + count, "severity": severity}
            connection.execute(update(_o).where(_o.c.key == key).values(values))
            return count
        fresh = {"key": key, "state": "waiting", "attempts": 0, "last_error": "", "created_ms": now_ms, "next_try_ms": now_ms}
        row = dict(first) | fresh | {"cause": "digest", "digest_key": "", "folded": count}
        add_missing(connection, tables.outbox, [row])
        return count

    # -- receipts --------------------------------------------------------------------------------------------------

    def settle(self, channel: str, receipt_id: str, state: str, said: str, now_ms: int, again_ms: int | None) -> Settled | None:
        """What the far end reports of a message that it took: `delivered`, `answered` or `failed`. A failed one is tried again at
        `again_ms` (None: given up). A report that comes late or twice takes nothing back. None: no such message."""
        with writing(self._engine) as c:
            found = select(_o).where(_o.c.channel == channel, _o.c.receipt_id == receipt_id).with_for_update()
            row = c.execute(found).mappings().first() if receipt_id else None
            if row is None:
                return None
            values: dict[str, Any] = {"said": said[:500]}
            if state == "failed" and row["state"] == "sent":
                values |= {"round": row["round"] + 1, "last_error": said[:500], "receipt_id": ""}
                values |= {"state": "failed"} if again_ms is None else {"state": "waiting", "next_try_ms": again_ms}
            elif _ORDER.get(state, -1) > _ORDER.get(row["state"], 9):
                values |= {"state": state, "delivered_ms": now_ms}
            c.execute(update(_o).where(_o.c.key == row["key"]).values(values))
            return Settled(key=row["key"], alarm_id=row["alarm_id"], recipient=row["recipient"], state=values.get("state", row["state"]))

    def unsettled(self, channel: str, now_ms: int, limit: int) -> list[tuple[str, int]]:
        """(receipt id, round) of messages that were sent lately and whose fate is not known."""
        found = select(_o.c.receipt_id, _o.c.round).where(
            _o.c.channel == channel, _o.c.state == "sent", _o.c.receipt_id != "", _o.c.sent_ms > now_ms - SETTLED_MS
        )
        with reading(self._engine) as c:
            return [(row.receipt_id, row.round) for row in c.execute(found.order_by(_o.c.sent_ms).limit(limit))]

    def wordings(self) -> list[Wording]:
        """Templates of the house's own."""
        with reading(self._engine) as c:
            return records_notify.wordings(c)

    def round_of(self, channel: str, receipt_id: str) -> int:
        """How often this message was reported as failed."""
        with reading(self._engine) as c:
            return c.execute(select(_o.c.round).where(_o.c.channel == channel, _o.c.receipt_id == receipt_id)).scalar() or 0


def endpoint_of(connection: Connection, group_id: str, endpoint_id: str) -> tuple[Endpoint | None, Group | None]:
    """A group's endpoint with its secrets; None where it is gone."""
    t = tables.notify_groups
    body = connection.execute(select(t.c.body).where(t.c.id == group_id)).scalar()
    if body is None:
        return None, None
    group: Group = rows.from_json(Group, body)
    return next((each for each in group.endpoints if each.id == endpoint_id), None), group


def _digest(connection: Connection, key: str) -> Digest:
    a = tables.alarms
    held = select(_o.c.severity, func.count(), func.min(_o.c.created_ms), func.max(_o.c.created_ms)).where(_o.c.digest_key == key)
    counted = connection.execute(held.group_by(_o.c.severity)).all()
    places = (
        select(a.c.site_name, a.c.zone_name, func.count().label("n"))
        .join(_o, _o.c.alarm_id == a.c.id)
        .where(_o.c.digest_key == key)
        .group_by(a.c.site_name, a.c.zone_name)
        .order_by(func.count().desc(), a.c.site_name, a.c.zone_name)
        .limit(5)
    )
    return Digest(
        count=sum(row[1] for row in counted),
        by_severity={row[0]: row[1] for row in counted},
        from_ms=min((row[2] for row in counted), default=0),
        to_ms=max((row[3] for row in counted), default=0),
        places=tuple((f"{row.site_name} {row.zone_name}".strip(), row.n) for row in connection.execute(places)),
    )
