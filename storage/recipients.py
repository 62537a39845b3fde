"""Who is meant by a wanted message: rows of the outbox, one for each person or endpoint and channel, found when they are written.

Within the projector's transaction, so that they stand for good. Nobody found, no address or no consent is a row too, failed, with the
reason: what reached nobody is seen on the alarm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, select

from alarms.contacts import CONSENTED, Contact, Group
from alarms.linkage import NotifyWanted
from alarms.model import Transition
from sites.model import derived_id
from sites.people import User
from storage import records_people, rows, tables

PERSONAL = ("email", "sms", "voice", "chat")


@dataclass(frozen=True, slots=True)
class Target:
    """One row to be: `to` is an address, or `user:ID#chat` or `group:ID#ENDPOINT` where the address is a secret. `problem`: why it cannot
    be sent at all."""

    channel: str
    to: str
    recipient: str
    name: str
    problem: str = ""


class Directory:
    """People, contacts and groups as they are in this transaction, read once when they are first asked for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def users(self) -> Mapping[str, User]:
        return {user.id: user for user in records_people.users(self._connection)}

    @cached_property
    def contacts(self) -> Mapping[str, Contact]:
        found = self._connection.execute(select(tables.contacts.c.body)).scalars()
        return {contact.user_id: contact for contact in (rows.from_json(Contact, body) for body in found)}

    @cached_property
    def groups(self) -> Mapping[str, Group]:
        found = self._connection.execute(select(tables.notify_groups.c.body)).scalars()
        return {group.id: group for group in (rows.from_json(Group, body) for body in found)}

    @cached_property
    def _nodes_of_site(self) -> Mapping[str, frozenset[tuple[str, str | None]]]:
        """The nodes of the tree whose grants cover a site."""
        s, e, d = tables.sites, tables.enterprises, tables.districts
        parents = {row.id: row.parent_id for row in self._connection.execute(select(d.c.id, d.c.parent_id))}
        covering = {}
        placed = select(s.c.id, s.c.enterprise_id, e.c.district_id).join(e, s.c.enterprise_id == e.c.id)
        for site_id, enterprise_id, district_id in self._connection.execute(placed):
            nodes: set[tuple[str, str | None]] = {("all", None), ("site", site_id), ("enterprise", enterprise_id)}
            seen: set[str] = set()
            while district_id is not None and district_id not in seen:
                seen.add(district_id)
                nodes.add(("district", district_id))
                district_id = parents.get(district_id)
            covering[site_id] = frozenset(nodes)
        return covering

    def with_role(self, role: str, site_id: str) -> list[User]:
        """Who has a role at a site, by id; of the service's own alarms (no site): those who have it everywhere."""
        nodes = self._nodes_of_site.get(site_id, frozenset({("all", None)}))
        return [
            user
            for _, user in sorted(self.users.items())
            if not user.disabled and any(grant.role == role and (grant.node_kind, grant.node_id) in nodes for grant in user.grants)
        ]


def outbox_rows(connection: Connection, notifies: Sequence[NotifyWanted], transitions: Sequence[Transition]) -> list[dict[str, Any]]:
    """Rows for all that was wanted. `transitions` are those written in the same transaction."""
    directory = Directory(connection)
    made: dict[str, dict[str, Any]] = {}
    known = {(t.alarm.id, t.alarm.seq): (t.alarm.site_id, int(t.alarm.severity)) for t in transitions} if notifies else {}
    for wanted in notifies:
        of = wanted.alarm_id, wanted.alarm_seq
        if of not in known:
            a = tables.alarms
            found = connection.execute(select(a.c.site_id, a.c.severity).where(a.c.id == wanted.alarm_id)).first()
            known[of] = ("", 0) if found is None else (found.site_id, found.severity)
        site_id, severity = known[of]
        for target in targets(directory, wanted, site_id):
            made_row = row(wanted, target, site_id, severity)
            made.setdefault(made_row["key"], made_row)
    return list(made.values())


def targets(directory: Directory, wanted: NotifyWanted, site_id: str) -> Iterator[Target]:
    """Whom a wanted message goes to."""
    kind, _, which = wanted.recipient.partition(":")
    if wanted.to or not kind:
        yield Target(wanted.channel or "email", wanted.to, wanted.recipient, wanted.recipient or wanted.to)
    elif kind == "user" and which in directory.users:
        yield from _of_user(directory, directory.users[which], wanted.channel)
    elif kind == "role":
        people = directory.with_role(which, site_id)
        if not people:
            yield _nobody(wanted, f"nobody has the role {which} at this site")
        for user in people:
            yield from _of_user(directory, user, wanted.channel)
    elif kind == "group" and which in directory.groups:
        yield from _of_group(directory, directory.groups[which], wanted, site_id)
    elif kind == "duty":
        yield _nobody(wanted, "nobody is on duty at this site" if "/" not in which else "the person on duty has no such contact")
    else:
        yield _nobody(wanted, f"there is no {wanted.recipient}")


def _of_user(directory: Directory, user: User, channel: str) -> Iterator[Target]:
    recipient, name = f"user:{user.id}", user.name or user.login
    if user.disabled:
        yield Target(channel or "email", "", recipient, name, f"the account of {name} is disabled")
        return
    contact = directory.contacts.get(user.id) or Contact(user_id=user.id)
    addresses = {
        "email": contact.email or user.email,
        "sms": contact.phone,
        "voice": contact.phone,
        "chat": f"{recipient}#chat" if contact.chat_url else "",
    }
    reached = False
    for each in (channel,) if channel else PERSONAL:
        to = addresses.get(each, "")
        problem = ""
        if not to:
            problem = f"{name} has no address for {each}"
        elif each in CONSENTED and each not in contact.consents:
            problem = f"{name} has not agreed to be reached by {each}"
        if not problem or channel:
            reached = True
            yield Target(each, "" if problem else to, recipient, name, problem)
    if not reached:
        yield Target("email", "", recipient, name, f"{name} has no address that may be used")


def _of_group(directory: Directory, group: Group, wanted: NotifyWanted, site_id: str) -> Iterator[Target]:
    recipient, found = f"group:{group.id}", 0
    if not group.enabled:
        yield _nobody(wanted, f"the group {group.name} is disabled")
        return
    people = {user_id: directory.users.get(user_id) for user_id in group.users}
    people |= {user.id: user for role in group.roles for user in directory.with_role(role, site_id)}
    for user in people.values():
        if user is not None:
            found += 1
            yield from _of_user(directory, user, wanted.channel)
    plain = [("email", to) for to in group.emails] + [(c, to) for to in group.phones for c in ("sms", "voice")]
    for channel, to in plain:
        if wanted.channel in ("", channel):
            found += 1
            yield Target(channel, to, recipient, group.name)
    for endpoint in group.endpoints:
        if wanted.channel in ("", endpoint.channel):
            found += 1
            yield Target(endpoint.channel, f"{recipient}#{endpoint.id}", recipient, f"{group.name} {endpoint.name}".strip())
    if not found:
        yield _nobody(wanted, f"nobody is in the group {group.name}")


def _nobody(wanted: NotifyWanted, problem: str) -> Target:
    return Target(wanted.channel or "email", "", wanted.recipient, wanted.recipient, problem)


def _key(wanted: NotifyWanted, target: Target) -> str:
    # one cause tells one address once, however many ways lead to it
    return derived_id("notify", wanted.alarm_id, wanted.cause or wanted.key, target.channel, target.to or target.recipient)


def row(wanted: NotifyWanted, target: Target, site_id: str, severity: int) -> dict[str, Any]:
    """The outbox's row of one target."""
    return {
        "key": wanted.key if not wanted.recipient else _key(wanted, target),
        "linkage_id": wanted.linkage_id,
        "alarm_id": wanted.alarm_id,
        "alarm_seq": wanted.alarm_seq,
        "to": target.to,
        "state": "failed" if target.problem else "waiting",
        "last_error": target.problem,
        "severity": severity,
        "attempts": 0,
        "created_ms": wanted.at_ms,
        "next_try_ms": wanted.at_ms,
        "sent_ms": None,
        "channel": target.channel,
        "recipient": target.recipient,
        "cause": wanted.cause,
        "name": target.name,
        "site_id": site_id,
        "said": "",
        "digest_key": "",
        "receipt_id": "",
        "round": 0,
        "folded": 0,
        "delivered_ms": None,
    }
