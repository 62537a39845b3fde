"""Notifications: what was sent to whom and what became of it, how people and groups are reached, templates with preview, and tests that
really send. Gateways report here what became of their messages."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request

from alarms.contacts import Contact, Endpoint, Group
from alarms.errors import AlarmError
from alarms.model import Transition
from alarms.notices import Reported
from alarms.queries import DeliveryQuery, Wording
from alarms.requests import Acknowledge
from api.access import reach, roles_for
from api.configuration import new_id, paged, same_id
from api.door import ActingRoute, At, By, Door, Visitor, in_thread
from api.notify_access import is_person_of, must_reach_group, reachable
from api.problems import Problem, forbidden, invalid, not_found
from api.routes.query import Cursor, From, Limit, To
from api.shapes.alarms import delivery_shape
from api.shapes.notifications import (
    ChannelList,
    ChannelName,
    ContactAsk,
    ContactShape,
    DeliveryState,
    GroupAsk,
    GroupPage,
    GroupShape,
    LanguageName,
    NotificationPage,
    PreviewAsk,
    PreviewShape,
    ReceiptAnswer,
    TemplateAsk,
    TemplateList,
    TemplateShape,
    TestAnswer,
    TestAsk,
    channel_shape,
    contact_shape,
    group_shape,
    preview_shape,
    said_shape,
    template_shape,
)
from sites.calendars import is_timezone, is_window
from sites.records import NotFound

log = logging.getLogger("sitewarden.notify")
router = APIRouter(route_class=ActingRoute, tags=["notifications"])
Of = Annotated[str | None, Query(max_length=128)]


@router.get("/notifications")
def notifications(
    door: At,
    visitor: By,
    state: DeliveryState | None = None,
    channel: ChannelName | None = None,
    recipient: Of = None,
    alarm: Of = None,
    digest: Of = None,
    from_ms: From = None,
    to_ms: To = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> NotificationPage:
    """Newest first. `digest`: those that one digest holds."""
    query = DeliveryQuery(
        state=state, channel=channel, recipient=recipient, alarm_id=alarm, digest_key=digest, from_ms=from_ms, to_ms=to_ms,
        cursor=cursor, limit=limit,
    )  # fmt: skip
    page = door.records.notifications(query, visitor.reach.alarm_scope)
    return {"items": [delivery_shape(each) for each in page.items], "next_cursor": page.next_cursor}


@router.get("/notifications/channels")
def channels(door: At, visitor: By) -> ChannelList:
    """Each channel, what hinders it, and how many messages of one's sites are in which state."""
    counts = door.records.notification_counts(visitor.reach.alarm_scope)
    return {"items": [channel_shape(each, counts.get(each.name, {})) for each in door.notices.channels()]}


@router.post("/notifications/test")
def test(ask: TestAsk, door: At, visitor: By) -> TestAnswer:
    """Really sends one message by each channel asked for, and answers with what the far end said."""
    found = reachable(door, visitor, ask)
    if not found:
        raise invalid("there is no address for that channel", "/channel")
    return {
        "items": [said_shape(each.channel, door.notices.test(each.channel, each.address, each.secret, each.language)) for each in found]
    }


@router.post("/notifications/receipts/{gateway}")
async def receipts(gateway: str, request: Request, door: At) -> ReceiptAnswer:
    """A gateway's report of its messages, one or a list, signed or with the shared secret as a bearer token. No session."""
    body = await request.body()
    try:
        reported = await in_thread(door.notices.receive, gateway, dict(request.headers), body)
    except LookupError:
        raise not_found("the gateway", gateway) from None
    except ValueError as error:
        raise Problem(403, "bad-receipt", "Not a genuine receipt", str(error)) from None
    acknowledged = 0
    for each in reported:
        acknowledged += each.acknowledges and await _acknowledged(door, each)
    return {"known": len(reported), "acknowledged": acknowledged}


async def _acknowledged(door: Door, reported: Reported) -> bool:
    """A key was pressed: the alarm is acknowledged by that person, where the person may."""
    kind, _, user_id = reported.recipient.partition(":")
    alarm = door.board.alarms.get(reported.alarm_id)
    if kind != "user" or alarm is None:
        return False
    try:
        user = await in_thread(door.records.user, user_id)
    except NotFound:
        return False
    if not reach(user, door.board.roster).may("acknowledge", alarm.site_id):
        log.warning("a key pressed by %s does not acknowledge alarm %s: no right at the site", user_id, alarm.id)
        return False
    try:
        await door.desk.ask(Acknowledge(alarm_ids=(alarm.id,), who=user_id, note="电话按键接警 key pressed in the call"))
    except AlarmError as error:
        log.info("a key pressed by %s: %s", user_id, error)
        return False
    return True


# -- contacts ------------------------------------------------------------------------------------------------------------


@router.get("/notifications/contacts/{user_id}")
def contact(user_id: str, door: At, visitor: By) -> ContactShape:
    """One's own, or of a person that one administers."""
    _must_be_person_of(door, visitor, user_id)
    found = door.records.contact(user_id) or Contact(user_id=user_id, version=0)
    return contact_shape(found, may_see=True)


@router.put("/notifications/contacts/{user_id}")
def change_contact(user_id: str, ask: ContactAsk, door: At, visitor: By) -> ContactShape:
    """Consent is given by the person, or on the person's word by an administrator; the audit keeps who entered it."""
    _must_be_person_of(door, visitor, user_id)
    present = door.records.contact(user_id) or Contact(user_id=user_id, version=0)
    if ask.timezone and not is_timezone(ask.timezone):
        raise invalid(f"{ask.timezone!r} is no time zone such as Asia/Shanghai", "/timezone")
    for index, quiet in enumerate(ask.quiet):
        if not is_window(quiet.window()):
            raise invalid("quiet hours begin and end at different times, and do not begin at 24:00", f"/quiet/{index}")
    chat_url = present.chat_url if ask.chat_url is None else ask.chat_url.strip()
    if ask.chat_url:
        _must_be_endpoint(door, "chat", chat_url, "/chat_url")
    saved = Contact(
        user_id=user_id,
        phone=ask.phone,
        email=ask.email,
        chat_url=chat_url,
        consents={channel: present.consents.get(channel, visitor.now_ms) for channel in sorted(ask.consents)},
        quiet=tuple(quiet.window() for quiet in ask.quiet),
        timezone=ask.timezone,
        language=ask.language,
        version=ask.version,
    )
    return contact_shape(door.records.save_contact(saved, visitor.user.id, visitor.now_ms), may_see=True)


# -- groups --------------------------------------------------------------------------------------------------------------


@router.get("/notifications/groups")
def groups(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> GroupPage:
    page = paged(door.records.notify_groups(visitor.scope), cursor, limit)
    items = [group_shape(group, visitor.reach.may("configure", group.site_id)) for group in page.items]
    return {"items": items, "next_cursor": page.next_cursor}


@router.post("/notifications/groups", status_code=201)
def new_group(ask: GroupAsk, door: At, visitor: By) -> GroupShape:
    _may_configure(visitor, ask.site_id)
    group = _group(door, visitor, ask, new_id(ask.id, "group"), None)
    kept = door.records.save_notify_group(replace(group, version=1), visitor.user.id, visitor.now_ms, is_new=True)
    return group_shape(kept, may_see=True)


@router.get("/notifications/groups/{group_id}")
def group(group_id: str, door: At, visitor: By) -> GroupShape:
    found = must_reach_group(door, visitor, group_id)
    return group_shape(found, visitor.reach.may("configure", found.site_id))


@router.put("/notifications/groups/{group_id}")
def change_group(group_id: str, ask: GroupAsk, door: At, visitor: By) -> GroupShape:
    present = must_reach_group(door, visitor, group_id)
    for site_id in {present.site_id, ask.site_id}:
        _may_configure(visitor, site_id)
    same_id(ask.id, group_id)
    given = _group(door, visitor, ask, group_id, present)
    return group_shape(door.records.save_notify_group(given, visitor.user.id, visitor.now_ms, is_new=False), may_see=True)


@router.delete("/notifications/groups/{group_id}", status_code=204)
def remove_group(group_id: str, door: At, visitor: By) -> None:
    """Refused while a policy tells it."""
    present = must_reach_group(door, visitor, group_id)
    _may_configure(visitor, present.site_id)
    named = f"group:{group_id}"
    for policy in door.records.all_things("escalation"):
        if any(named in (*step.whom, *step.otherwise) for ladder in ("unacknowledged", "unverified") for step in policy.ladder(ladder)):
            raise Problem(409, "not-empty", "It is still told", f"the escalation {policy.id} tells this group: change that first")
    for linkage in door.records.all_things("linkage"):
        if named in linkage.notify:
            raise Problem(409, "not-empty", "It is still told", f"the linkage {linkage.id} tells this group: change that first")
    door.records.delete_notify_group(group_id, visitor.user.id, visitor.now_ms)


# -- templates -----------------------------------------------------------------------------------------------------------


@router.get("/notifications/templates")
def templates(door: At, visitor: By) -> TemplateList:
    """Every channel in every language as it is in force, and the fields that a template may name."""
    own = {(wording.channel, wording.language): wording for wording in door.records.wordings()}
    fields = [{"name": name, "meaning_zh": zh, "meaning_en": en} for name, (zh, en) in door.notices.fields.items()]
    return {"items": [template_shape(own.get(key, each)) for key, each in sorted(door.notices.shipped.items())], "fields": fields}  # type: ignore[typeddict-item]


@router.put("/notifications/templates/{channel}/{language}")
def change_template(channel: ChannelName, language: LanguageName, ask: TemplateAsk, door: At, visitor: By) -> TemplateShape:
    """For the whole service. 422 says which field is none."""
    _may_configure(visitor, None)
    _check_template(door, ask.subject, "/subject")
    _check_template(door, ask.body, "/body")
    given = Wording(channel=channel, language=language, subject=ask.subject, body=ask.body, version=ask.version)
    return template_shape(door.records.save_wording(given, visitor.user.id, visitor.now_ms))


@router.delete("/notifications/templates/{channel}/{language}", status_code=204)
def reset_template(channel: ChannelName, language: LanguageName, door: At, visitor: By) -> None:
    """Back to the words that are shipped."""
    _may_configure(visitor, None)
    door.records.delete_wording(channel, language, visitor.user.id, visitor.now_ms)


@router.post("/notifications/templates/preview")
def preview(ask: PreviewAsk, door: At, visitor: By) -> PreviewShape:
    """The template as a message about an alarm, or about a sample. Nothing is kept or sent."""
    own = {(wording.channel, wording.language): wording for wording in door.records.wordings()}
    wording = own.get((ask.channel, ask.language), door.notices.shipped[ask.channel, ask.language])
    if ask.subject is not None or ask.body is not None:
        subject, body = ask.subject, ask.body
        wording = replace(wording, subject=wording.subject if subject is None else subject, body=wording.body if body is None else body)
        _check_template(door, wording.subject, "/subject")
        _check_template(door, wording.body, "/body")
    transition, timezone = _last_change(door, visitor, ask.alarm_id)
    return preview_shape(door.notices.preview(wording, transition, timezone, ""))


# -- parts ---------------------------------------------------------------------------------------------------------------


def _must_be_person_of(door: Door, visitor: Visitor, user_id: str) -> None:
    if user_id != visitor.user.id:
        visitor.must_somewhere("users")
        if not is_person_of(door, visitor, user_id):
            raise not_found("the user", user_id)


def _may_configure(visitor: Visitor, site_id: str | None) -> None:
    if not visitor.reach.may("configure", site_id):
        raise forbidden("configure", roles_for("configure"))


def _must_be_endpoint(door: Door, channel: str, url: str, pointer: str) -> None:
    try:
        door.notices.check_endpoint(channel, url)
    except ValueError as error:
        raise invalid(str(error), pointer) from None


def _check_template(door: Door, text: str, pointer: str) -> None:
    try:
        door.notices.check_template(text)
    except ValueError as error:
        raise invalid(str(error), pointer) from None


def _group(door: Door, visitor: Visitor, ask: GroupAsk, group_id: str, present: Group | None) -> Group:
    """The group as asked for; secrets that are not given stay as they are kept."""
    if ask.site_id is not None and ask.site_id not in door.board.roster.sites:
        raise invalid(f"there is no site {ask.site_id}", "/site_id")
    known = {user.id for user in door.records.users()}
    for index, user_id in enumerate(ask.users):
        if user_id not in known:
            raise invalid(f"there is no user {user_id}", f"/users/{index}")
    kept = {endpoint.id: endpoint for endpoint in present.endpoints} if present else {}
    endpoints = []
    for index, each in enumerate(ask.endpoints):
        before = kept.get(each.id)
        if each.url is None and (before is None or before.channel != each.channel):
            raise invalid("a new endpoint needs its url", f"/endpoints/{index}/url")
        url = before.url if each.url is None and before else (each.url or "").strip()
        _must_be_endpoint(door, each.channel, url, f"/endpoints/{index}/url")
        # a secret stays with its address: a new address is not signed with the old one's
        stays = before is not None and each.secret is None and before.url == url
        secret = before.secret if stays and before else each.secret or ""
        endpoints.append(Endpoint(id=each.id, channel=each.channel, url=url, secret=secret, name=each.name))
    if len({endpoint.id for endpoint in endpoints}) < len(endpoints):
        raise invalid("each endpoint's id only once", "/endpoints")
    return Group(
        id=group_id,
        name=ask.name,
        name_en=ask.name_en,
        site_id=ask.site_id,
        users=tuple(dict.fromkeys(ask.users)),
        roles=tuple(dict.fromkeys(ask.roles)),
        emails=tuple(dict.fromkeys(each for each in ask.emails if each)),
        phones=tuple(dict.fromkeys(each for each in ask.phones if each)),
        endpoints=tuple(endpoints),
        language=ask.language,
        enabled=ask.enabled,
        version=ask.version,
    )


def _last_change(door: Door, visitor: Visitor, alarm_id: str | None) -> tuple[Transition | None, str]:
    if alarm_id is None:
        return None, "Asia/Shanghai"
    try:
        found = door.records.transitions(alarm_id)
    except NotFound:
        found = []
    if not found or not visitor.reach.may("see", found[-1].alarm.site_id):
        raise not_found("the alarm", alarm_id)
    site = door.board.roster.sites.get(found[-1].alarm.site_id)
    return found[-1], site.timezone if site else "UTC"
