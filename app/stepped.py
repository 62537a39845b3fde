"""What goes into the warden and comes out of it, as values: the whole state that a snapshot keeps, and the products of one step."""

from __future__ import annotations

from dataclasses import dataclass, field

from alarms.book import BookState
from alarms.model import Alarm
from alarms.requests import Acknowledge, Assign, Judge, LinkHazard, Note, Progress, Reset, Withdraw
from app.configuration import ConfigurationState
from ingest.clocks import ClocksState
from ingest.heard import Refused, UnknownDevice
from ingest.refusals import RefusalsState
from power.model import Command, Order
from power.order_book import OrdersState
from power.requests import Cut, RecordTrial, Restore, SetClass, SetCommanding
from rules.intervals import IntervalsState
from rules.memory import MemoryState
from sites.facts import Fact
from storage.projection import HistoryBatch, Outcome, Unknown

ALARM_REQUESTS = (Acknowledge, Reset, Assign, Note, Progress, Judge, LinkHazard, Withdraw)
POWER_REQUESTS = (Cut, Restore, RecordTrial, SetClass, SetCommanding)
Answered = tuple[tuple[Alarm, ...], tuple[Order, ...], tuple[Fact, ...]]


@dataclass(slots=True)
class WardenState:
    """The whole scan state, as a snapshot keeps it."""

    now_ms: int
    configuration: ConfigurationState
    clocks: ClocksState
    memory: MemoryState
    book: BookState
    orders: OrdersState
    codec_notes: dict[str, dict[str, bytes]]
    refusals: int
    deaf: list[str]
    refused: RefusalsState = field(default_factory=RefusalsState)
    intervals: IntervalsState = field(default_factory=IntervalsState)
    sections: dict[str, bytes] = field(default_factory=dict)  # msgpack of each section's state, by its name
    peaks: dict[str, tuple[float, float]] = field(default_factory=dict)  # by alarm: the highest and lowest value of its point


@dataclass(slots=True)
class Stepped:
    """What came of one row. `answers` holds, by index of the row's items, the alarms and orders of a request, or why it was refused."""

    position: int
    now_ms: int
    outcome: Outcome
    history: HistoryBatch
    commands: list[Command] = field(default_factory=list)
    answers: dict[int, Answered | Exception] = field(default_factory=dict)
    presence: list[str] = field(default_factory=list)  # ids of devices whose presence changed
    refused: list[Refused] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    roster_changed: bool = False


def unknown_row(item: UnknownDevice) -> Unknown:
    """An unknown device as a row of the provisioning inbox."""
    return Unknown(
        codec=item.codec,
        address=item.address,
        topic=item.topic,
        payload=item.payload,
        suggested_kind=item.suggested_kind,
        suggested_name=item.suggested_name,
        site_id=item.site_id,
        at_ms=item.arrived_ms,
    )
