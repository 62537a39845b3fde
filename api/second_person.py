"""The second person of a dangerous act: another user with the right, who gives login and password here, or is reached by phone.

By phone the first person records whom they called, at which number and what was said; the number must be the one that the records hold
for that user, so that nobody is their own second person.
"""

from __future__ import annotations

from fastapi import Request

from api.access import reach, roles_for
from api.door import Door, Visitor, in_thread
from api.problems import Problem, invalid
from api.routes.auth import proved
from api.shapes.power_work import PhoneAsk
from sites.people import User
from sites.records import NotFound


async def second_person(
    door: Door, request: Request, visitor: Visitor, act: str, site_id: str, login: str, password: str, phone: PhoneAsk | None = None
) -> tuple[User, str]:
    """(the second person, how they were reached by phone or ""). Raises 403, 422."""
    if phone is not None:
        second, words = await in_thread(_by_phone, door, phone)
    elif login:
        second, words = await _here(door, request, login, password), ""
    else:
        raise Problem(
            403, "second-person", "A second person is needed", "another person with the right gives login and password, or is phoned"
        )
    if second.id == visitor.user.id:
        raise Problem(403, "second-person", "Not a second person", "this needs another person than the one who asks")
    if not reach(second, door.board.roster).may(act, site_id):
        roles = ", ".join(roles_for(act))
        raise Problem(403, "second-person", "Not the second person", f"{second.name} may not {act} here; the roles {roles} may")
    return second, words


async def _here(door: Door, request: Request, login: str, password: str) -> User:
    try:
        return await proved(door, request, login, password)
    except Problem as problem:
        if problem.status != 401:
            raise
        # not a 401: the first person is signed in
        raise Problem(403, "second-person", "Not the second person", "the second person's login or password is wrong") from None


def _by_phone(door: Door, phone: PhoneAsk) -> tuple[User, str]:
    try:
        user = door.records.user(phone.user_id)
    except NotFound:
        raise invalid(f"there is no user {phone.user_id}", "/phone/user_id") from None
    contact = door.records.contact(user.id)
    known = "" if contact is None else _digits(contact.phone)
    if user.disabled or not known or known != _digits(phone.number):
        raise invalid(
            f"{phone.number} is not the telephone that is kept for {user.name}: call the number of their contact", "/phone/number"
        )
    return user, f"{user.name} {phone.number}: {phone.phrase}"


def _digits(number: str) -> str:
    return "".join(each for each in number if each.isdigit())
