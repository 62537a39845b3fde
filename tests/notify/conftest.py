"""An outbox in records of its own, and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alarms.linkage import NotifyWanted
from alarms.model import Alarm
from alarms.queries import Delivery
from storage import project
from storage.database import writing
from storage.outbox import SqlOutbox
from storage.projection import Outcome
from storage.records import Records
from tests.storage.records_samples import NOON, alarm, plant_tree, raised


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

    def want(self, key: str, of: Alarm | None = None, to: str = "duty@example.org") -> None:
        of = of or alarm()
        wanted = NotifyWanted(key=key, linkage_id="tell", alarm_id=of.id, alarm_seq=of.seq, to=to, at_ms=self.clock.at_ms)
        with writing(self.records.engine) as connection:
            project.apply(connection, [Outcome(position=1, now_ms=NOON, transitions=[raised(of)], notifies=[wanted])])

    def delivery(self, key: str, alarm_id: str = "a1") -> Delivery:
        return next(each for each in self.records.deliveries(alarm_id) if each.key == key)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    records = Records.open(f"sqlite:///{tmp_path / 'records.db'}")
    records.upgrade()
    plant_tree(records)
    yield Post(records, Clock())
    records.close()
