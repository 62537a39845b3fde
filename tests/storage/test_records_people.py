"""Kept people, sessions and remembered answers, on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from sites.people import Session, User
from sites.records import Conflict, NotFound
from storage import tables
from storage.database import reading
from storage.records import Records
from tests.storage.records_samples import DAY, HOUR, NOON, USER

SESSION = Session(token_hash="t1", user_id="u1", csrf="c", created_ms=NOON, expires_ms=NOON + HOUR, proved_ms=NOON)


def test_a_person_comes_back_with_grants_in_order(records: Records) -> None:
    saved = records.save_user(USER, "setup", NOON)
    other = records.save_user(User(id="u2", login="bob", name=""), "setup", NOON)
    assert saved == USER
    assert (records.user("u1"), records.user_by_login("anna"), records.user_by_login("nobody")) == (saved, saved, None)
    assert records.users() == [saved, other]
    changed = records.save_user(replace(saved, grants=saved.grants[1:]), "u1", NOON)
    assert (changed.version, records.user("u1")) == (2, changed)


def test_a_taken_login_and_an_old_version_are_refused(records: Records) -> None:
    saved = records.save_user(USER, "setup", NOON)
    with pytest.raises(Conflict, match="login anna is taken"):
        records.save_user(replace(saved, id="u9"), "setup", NOON)
    records.save_user(saved, "setup", NOON)
    with pytest.raises(Conflict, match="user u1 is at version 2, not 1"):
        records.save_user(saved, "setup", NOON)


def test_the_audit_never_holds_a_password_hash(records: Records) -> None:
    records.save_user(USER, "setup", NOON)
    records.save_user(replace(USER, name="x"), "setup", NOON)
    with reading(records.engine) as connection:
        entries = [str(tuple(row)) for row in connection.execute(select(tables.audit))]
    assert len(entries) == 2
    assert "anna" in entries[0]
    assert not any("argon2" in entry for entry in entries)


def test_sessions_are_kept_renewed_and_dropped(records: Records) -> None:
    records.save_user(USER, "setup", NOON)
    records.put_session(SESSION)
    renewed = replace(SESSION, proved_ms=NOON + 5, expires_ms=NOON + 2 * HOUR)
    records.put_session(renewed)
    assert records.session("t1") == renewed
    records.drop_session("t1")
    records.drop_session("t1")
    assert records.session("t1") is None
    with pytest.raises(Conflict, match="user u7 does not exist"):
        records.put_session(replace(SESSION, user_id="u7"))


def test_old_sessions_go_when_a_new_one_begins_and_all_go_with_a_disabled_person(records: Records) -> None:
    saved = records.save_user(USER, "setup", NOON)
    records.put_session(SESSION)
    records.put_session(replace(SESSION, token_hash="t2", created_ms=NOON + DAY, expires_ms=NOON + 2 * DAY))
    assert (records.session("t1"), records.session("t2") is not None) == (None, True)
    records.save_user(replace(saved, disabled=True), "u9", NOON)
    assert records.session("t2") is None


def test_the_first_answer_is_remembered_for_a_day(records: Records) -> None:
    records.remember("u1", "k", b"\x00first", NOON)
    records.remember("u1", "k", b"second", NOON + 1)
    assert (records.remembered("u1", "k"), records.remembered("u2", "k")) == (b"\x00first", None)
    records.remember("u1", "other", b"x", NOON + DAY)
    assert records.remembered("u1", "k") == b"\x00first"
    records.remember("u1", "other", b"x", NOON + DAY + 1)
    assert records.remembered("u1", "k") is None


def test_nobody_is_not_found(records: Records) -> None:
    with pytest.raises(NotFound):
        records.user("u1")
    assert records.users() == []
    assert records.session("t") is None
