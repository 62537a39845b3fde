"""An outbox in records of its own, and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alarms.contacts import Contact, Endpoint, Group
from alarms.linkage import NotifyWanted
from alarms.model import Alarm
from alarms.queries import Delivery
from storage import project
from storage.database import reading, writing
from storage.outbox import SqlOutbox
from storage.projection import Outcome
from storage.records import Records
from storage.tables import metadata
from tests.storage.records_samples import NOON, USER, alarm, plant_tree, raised


@dataclass
class Clock:
    at_ms: int = NOON

    def now_ms(self) -> int:
        return self.at_ms


@dataclass
class Post:
    """Records with messages in their outbox."""

    records: Records
    clock: Clock

    @property
    def outbox(self) -> SqlOutbox:
        return SqlOutbox(self.records.engine)

    def want(self, key: str, of: Alarm | None = None, to: str = "duty@example.org", **more: Any) -> None:
        of = of or alarm()
        wanted = NotifyWanted(key=key, linkage_id="tell", alarm_id=of.id, alarm_seq=of.seq, to=to, at_ms=self.clock.at_ms, **more)
        with writing(self.records.engine) as connection:
            project.apply(connection, [Outcome(position=1, now_ms=NOON, transitions=[raised(of)], notifies=[wanted])])

    def group(self, group_id: str, url: str, secret: str = "", channel: str = "webhook", **more: Any) -> None:
        endpoint = Endpoint(id="hook", channel=channel, url=url, secret=secret)
        self.records.save_notify_group(Group(id=group_id, name=group_id, endpoints=(endpoint,), **more), "t", NOON, is_new=True)

    def contact(self, user_id: str, **given: Any) -> None:
        if user_id not in {user.id for user in self.records.users()}:
            self.records.save_user(replace(USER, id=user_id, login=user_id), "t", NOON)
        self.records.save_contact(Contact(user_id=user_id, **given), "t", NOON)

    def everything(self) -> dict[str, str]:
        """All rows of every table, as text."""
        with reading(self.records.engine) as connection:
            return {name: repr(connection.execute(select(table)).all()) for name, table in metadata.tables.items()}

    def delivery(self, key: str, alarm_id: str = "a1") -> Delivery:
        return next(each for each in self.deliveries(alarm_id) if each.key == key)

    def deliveries(self, alarm_id: str = "a1") -> list[Delivery]:
        return self.records.deliveries(alarm_id)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    records = Records.open(f"sqlite:///{tmp_path / 'records.db'}")
    records.upgrade()
    plant_tree(records)
    yield Post(records, Clock())
    records.close()
