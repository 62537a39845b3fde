"""`sitewarden db` and `sitewarden users`: what an administrator does at the machine itself, straight in the records."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from api.sessions import HASHER
from app.settings import CommandError, Settings
from sites.model import derived_id
from sites.people import Grant, User
from sites.records import Conflict, NotFound, Unavailable
from storage.records import Records

CONSOLE = "command line"
_LEAST_PASSWORD = 8


@contextmanager
def opened(settings: Settings) -> Iterator[Records]:
    """The records, brought to the newest revision, for one command. Raises CommandError when they cannot be reached."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    records = Records.open(settings.records)
    try:
        records.upgrade()
        yield records
    except Unavailable as error:
        raise CommandError(str(error)) from None
    finally:
        records.close()


def upgrade(settings: Settings) -> str:
    """Bring the records to the newest revision; returns its name."""
    with opened(settings) as records:
        return records.revision()


def add(settings: Settings, login: str, name: str, email: str, role: str, on: str) -> str:
    """Add a person with one role on one part of the tree."""
    kind, _, node_id = on.partition(":")
    with opened(settings) as records:
        if kind not in ("all", "district", "enterprise", "site") or (kind == "all") != (not node_id):
            raise CommandError(f"--on {on!r}: give all, district:ID, enterprise:ID or site:ID")
        if node_id:
            try:
                records.thing(kind, node_id)
            except NotFound:
                raise CommandError(f"there is no {kind} {node_id!r}") from None
        if records.user_by_login(login) is not None:
            raise CommandError(f"login {login!r} is taken; `sitewarden users passwd {login}` sets its password")
        hashed = HASHER.hash(_new_password())
        now_ms = time.time_ns() // 1_000_000
        user = User(
            id=derived_id("user", login, now_ms),
            login=login,
            name=name or login,
            email=email,
            password_hash=hashed,
            grants=(Grant(role=role, node_kind=kind, node_id=node_id or None),),
        )
        try:
            records.save_user(user, CONSOLE, now_ms)
        except Conflict as error:
            raise CommandError(str(error)) from None
    return f"{login} may sign in as {role} on {on}"


def set_password(settings: Settings, login: str) -> str:
    """Set a person's password."""
    from dataclasses import replace

    with opened(settings) as records:
        user = records.user_by_login(login)
        if user is None:
            known = ", ".join(sorted(other.login for other in records.users())) or "none"
            raise CommandError(f"there is no login {login!r}; known are {known}")
        records.save_user(replace(user, password_hash=HASHER.hash(_new_password())), CONSOLE, time.time_ns() // 1_000_000)
    return f"the password of {login} is set"


def _new_password() -> str:
    if sys.stdin.isatty():
        password = getpass.getpass("new password: ")
        if password != getpass.getpass("again: "):
            raise CommandError("the two passwords differ; nothing was changed")
    else:
        password = sys.stdin.readline().rstrip("\n")
    if len(password) < _LEAST_PASSWORD:
        raise CommandError(f"the password has {len(password)} characters; at least {_LEAST_PASSWORD} are needed")
    return password
