"""The journal's row: the whole input of one scan, as msgpack. No pickle; the format has a version of its own.

Readings are columns of stable point keys; items are tagged values with their place among the readings. Adding a kind of item is adding
one line to `ITEMS`; a tag is never reused for another meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from alarms.duty import DutyRoster
from alarms.duty_requests import (
    AnswerPresence,
    AskPresence,
    OfferHandOver,
    RunSelfTest,
    SelfTestEvery,
    SelfTestHeard,
    SelfTestPublished,
    SelfTestSeen,
    TakeOver,
    WithdrawHandOver,
)
from alarms.escalation_policy import Escalation
from alarms.linkage import Linkage
from alarms.presence_checks import PresenceSchedule
from alarms.quiet_times import QuietTime
from alarms.requests import (
    Acknowledge,
    ApproveOut,
    Assign,
    BeginTest,
    EndOut,
    EndTest,
    Judge,
    LinkHazard,
    MarkApplied,
    Note,
    Progress,
    Reset,
    Shelve,
    TakeOut,
    Unshelve,
    Withdraw,
)
from alarms.service_alarms import ServiceClear, ServiceRaise
from ingest.heard import Availability, CodecNote, PointHeard, Refused, UnknownDevice
from power.model import Confirmation
from power.morning_model import ApproveMorning, ConfirmPresence, EndMorning, RestoreMany
from power.permit_model import ActOnPermit, ApplyPermit, CheckGas
from power.plans import Plan
from power.requests import Cut, DecideOrder, LocalReset, LockOut, RecordTrial, Restore, SetClass, SetCommanding, Unlock
from power.run_model import AbortRun, DecideRun, SkipNight, StartCuts, StartPlan
from power.stay_on import AskStayOn, DecideStayOn, EndStayOn
from rules.model import Override, Rule
from sites.calendars import Calendar
from sites.model import Circuit, Device, District, Enterprise, Site, Zone
from sites.readings import RawReadings

FORMAT = 1

THINGS: dict[str, type] = {
    "district": District,
    "enterprise": Enterprise,
    "site": Site,
    "zone": Zone,
    "device": Device,
    "circuit": Circuit,
    "rule": Rule,
    "linkage": Linkage,
    "calendar": Calendar,
    "presence_schedule": PresenceSchedule,
    "quiet_time": QuietTime,
    "override": Override,
    "escalation": Escalation,
    "duty_roster": DutyRoster,
    "plan": Plan,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChanged:
    """Changed rows of one thing, with their version; `body` None: removed. Older versions than the known are ignored."""

    kind: str
    id: str
    version: int
    body: bytes | None

    @staticmethod
    def of(kind: str, thing_id: str, version: int, thing: Any | None) -> ConfigChanged:
        return ConfigChanged(kind=kind, id=thing_id, version=version, body=None if thing is None else msgspec.msgpack.encode(thing))

    def thing(self) -> Any:
        assert self.body is not None
        return msgspec.msgpack.decode(self.body, type=THINGS[self.kind])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """This order is about to be published: journalled before it is."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The broker has acknowledged this attempt."""

    order_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """`certain`: it surely did not leave; otherwise nobody knows."""

    order_id: str
    attempt: int
    reason: str
    certain: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The telemetry or command connection to the broker came up or went down."""

    which: str  # telemetry, commands
    up: bool
    lossy: bool = False  # the broker had no session for us: messages may have been lost there


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The service restarted from this journal: what was underway is uncertain, and nobody was heard since."""

    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalled:
    """The scan itself stood still until its place: silence is not judged over that time."""

    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lagging:
    """The inbox began (or ceased) to lag behind what has arrived: absence of a reading is no evidence meanwhile."""

    is_lagging: bool


ITEMS: dict[str, type] = {
    "point": PointHeard,
    "available": Availability,
    "unknown": UnknownDevice,
    "refused": Refused,
    "codec": CodecNote,
    "confirmation": Confirmation,
    "acknowledge": Acknowledge,
    "reset": Reset,
    "assign": Assign,
    "note": Note,
    "progress": Progress,
    "judge": Judge,
    "link_hazard": LinkHazard,
    "withdraw": Withdraw,
    "shelve": Shelve,
    "unshelve": Unshelve,
    "take_out": TakeOut,
    "approve_out": ApproveOut,
    "end_out": EndOut,
    "begin_test": BeginTest,
    "mark_applied": MarkApplied,
    "end_test": EndTest,
    "service_raise": ServiceRaise,
    "service_clear": ServiceClear,
    "ask_presence": AskPresence,
    "answer_presence": AnswerPresence,
    "offer_handover": OfferHandOver,
    "take_over": TakeOver,
    "withdraw_handover": WithdrawHandOver,
    "self_test": RunSelfTest,
    "self_test_every": SelfTestEvery,
    "self_test_published": SelfTestPublished,
    "self_test_heard": SelfTestHeard,
    "self_test_seen": SelfTestSeen,
    "cut": Cut,
    "restore": Restore,
    "trial": RecordTrial,
    "class": SetClass,
    "commanding": SetCommanding,
    "lock_out": LockOut,
    "unlock": Unlock,
    "local_reset": LocalReset,
    "decide_order": DecideOrder,
    "apply_permit": ApplyPermit,
    "act_on_permit": ActOnPermit,
    "check_gas": CheckGas,
    "ask_stay_on": AskStayOn,
    "decide_stay_on": DecideStayOn,
    "end_stay_on": EndStayOn,
    "approve_morning": ApproveMorning,
    "restore_many": RestoreMany,
    "confirm_presence": ConfirmPresence,
    "end_morning": EndMorning,
    "config": ConfigChanged,
    "sending": Sending,
    "sent": Sent,
    "not_sent": NotSent,
    "connection": Connection,
    "resumed": Resumed,
    "stalled": Stalled,
    "lagging": Lagging,
    "start_plan": StartPlan,
    "start_cuts": StartCuts,
    "abort_run": AbortRun,
    "decide_run": DecideRun,
    "skip_night": SkipNight,
}
_TAGS = {kind: tag for tag, kind in ITEMS.items()}


@dataclass(slots=True)
class Placed:
    """An item, when it came, and how many readings of the row came before it."""

    index: int
    at_ms: int
    item: Any


@dataclass(slots=True)
class Input:
    """One scan's whole input. `now_ms` ends it."""

    now_ms: int
    readings: RawReadings = field(default_factory=RawReadings.empty)
    items: list[Placed] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not len(self.readings) and not self.items


class _Row(msgspec.Struct, array_like=True):
    version: int
    now_ms: int
    keys: bytes
    device_ms: bytes
    arrived_ms: bytes
    values: bytes
    flags: bytes
    items: list[tuple[int, int, str, msgspec.Raw]]


class RowError(Exception):
    """A row of another format version or with an unknown item: written by a newer service."""


_ENCODER = msgspec.msgpack.Encoder()
_ROWS = msgspec.msgpack.Decoder(_Row)
_DECODERS: dict[str, msgspec.msgpack.Decoder[Any]] = {tag: msgspec.msgpack.Decoder(kind) for tag, kind in ITEMS.items()}


def encode(given: Input) -> bytes:
    """Input -> row bytes."""
    r = given.readings
    items = [(p.index, p.at_ms, _TAGS[type(p.item)], msgspec.Raw(_ENCODER.encode(p.item))) for p in given.items]
    row = _Row(
        FORMAT, given.now_ms, r.keys.tobytes(), r.device_ms.tobytes(), r.arrived_ms.tobytes(), r.values.tobytes(), r.flags.tobytes(), items
    )
    return _ENCODER.encode(row)


def decode(row: bytes) -> Input:
    """Row bytes -> Input. Raises RowError."""
    try:
        r = _ROWS.decode(row)
    except msgspec.MsgspecError as error:
        raise RowError(f"a journal row cannot be read: {error}") from error
    if r.version != FORMAT:
        raise RowError(f"a journal row has format {r.version}; this service reads {FORMAT}")
    readings = RawReadings(
        np.frombuffer(r.keys, np.int64),
        np.frombuffer(r.device_ms, np.int64),
        np.frombuffer(r.arrived_ms, np.int64),
        np.frombuffer(r.values, np.float64),
        np.frombuffer(r.flags, np.uint8),
    )
    items = []
    for index, at_ms, tag, body in r.items:
        decoder = _DECODERS.get(tag)
        if decoder is None:
            raise RowError(f"a journal row has an unknown item {tag!r}: was it written by a newer version?")
        items.append(Placed(index, at_ms, decoder.decode(body)))
    return Input(r.now_ms, readings, items)
