"""Whom a person may reach for a test, and whose contacts and groups a person may see. Addresses are looked up here, and go to the senders
only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from alarms.contacts import Contact, Group
from alarms.duty_parse import is_email, is_phone
from api.access import reach, roles_for
from api.door import Door, Visitor
from api.problems import forbidden, invalid, not_found
from api.shapes.notifications import TestAsk
from sites.people import User
from sites.records import NotFound


@dataclass(frozen=True, slots=True)
class Reachable:
    """One address to try."""

    channel: str
    address: str = field(repr=False)
    secret: str = field(default="", repr=False)
    language: str = ""


def is_person_of(door: Door, visitor: Visitor, user_id: str) -> bool:
    """Whether an administrator may see this person: their part of the tree touches the visitor's."""
    try:
        user = door.records.user(user_id)
    except NotFound:
        return False
    mine = visitor.reach.sites["users"]
    if mine is None:
        return True
    theirs = reach(replace(user, disabled=False), door.board.roster).scope
    return theirs is not None and bool(theirs & mine)


def must_reach_group(door: Door, visitor: Visitor, group_id: str) -> Group:
    """A group that the person sees: of a site in scope, or of all. Raises 404."""
    try:
        group = door.records.notify_group(group_id)
    except NotFound:
        raise not_found("the notification group", group_id) from None
    if group.site_id is not None and not visitor.reach.may("see", group.site_id):
        raise not_found("the notification group", group_id)
    return group


def reachable(door: Door, visitor: Visitor, ask: TestAsk) -> list[Reachable]:
    """The addresses of a test. Raises 404, 403, 422."""
    given = [name for name in ("user_id", "group_id", "to") if getattr(ask, name) is not None]
    if len(given) != 1:
        raise invalid("a test goes to one of user_id, group_id and to", "/user_id")
    if ask.user_id is not None:
        found = _of_user(door, visitor, ask.user_id)
    elif ask.group_id is not None:
        group = must_reach_group(door, visitor, ask.group_id)
        if not visitor.reach.may("configure", group.site_id):
            raise forbidden("configure", roles_for("configure"))
        found = _of_group(group)
    else:
        visitor.must_somewhere("configure")
        found = _of_address(ask.to or "", ask.channel)
    return [each for each in found if ask.channel in (None, each.channel)]


def _of_user(door: Door, visitor: Visitor, user_id: str) -> list[Reachable]:
    if user_id != visitor.user.id:
        visitor.must_somewhere("users")
        if not is_person_of(door, visitor, user_id):
            raise not_found("the user", user_id)
    user: User = door.records.user(user_id)
    contact = door.records.contact(user_id) or Contact(user_id=user_id)
    addresses = {"email": contact.email or user.email}
    addresses |= {channel: contact.phone for channel in ("sms", "voice") if channel in contact.consents}
    addresses |= {"chat": contact.chat_url} if "chat" in contact.consents else {}
    return [Reachable(channel, address, "", contact.language) for channel, address in addresses.items() if address]


def _of_group(group: Group) -> list[Reachable]:
    """The group's own addresses: its people try theirs themselves."""
    found = [Reachable("email", each, "", group.language) for each in group.emails]
    found += [Reachable(channel, each, "", group.language) for each in group.phones for channel in ("sms", "voice")]
    return found + [Reachable(each.channel, each.url, each.secret, group.language) for each in group.endpoints]


def _of_address(to: str, channel: str | None) -> list[Reachable]:
    to = to.strip()
    if is_email(to) and channel in (None, "email"):
        return [Reachable("email", to)]
    if is_phone(to) and channel in (None, "sms", "voice"):
        return [Reachable(each, to) for each in ("sms", "voice") if channel in (None, each)]
    raise invalid("an e-mail address with channel email, or a telephone number with sms or voice", "/to")
