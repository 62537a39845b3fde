"""What a person's request does to an alarm, and the sentence that says why it cannot.

Decides for one alarm at a time and changes nothing; `alarms.book` asks for all alarms of a request first and then carries all out.
"""

from __future__ import annotations

from typing import Any

from alarms.instants import iso_utc
from alarms.lifecycle import Standing, advance, standing_of, words
from alarms.model import Alarm, Condition, Signal
from alarms.requests import Acknowledge, Assign, BookRequest, Judge, LinkHazard, Note, Progress, Reset, Withdraw
from alarms.response import STEPS, step_refused

_SIGNAL_OF: dict[type[BookRequest], Signal] = {
    Acknowledge: Signal.ACKNOWLEDGED,
    Reset: Signal.RESET,
    Assign: Signal.ASSIGNED,
    Note: Signal.NOTED,
    Progress: Signal.PROGRESSED,
    Judge: Signal.JUDGED,
    LinkHazard: Signal.HAZARD_LINKED,
    Withdraw: Signal.WITHDRAWN,
}


def carried_out(request: BookRequest, alarm: Alarm, now_ms: int) -> tuple[Signal, dict[str, Any], dict[str, Any]]:
    """(signal, changed fields, texts of the transition) of a request that was not refused."""
    signal = _SIGNAL_OF[type(request)]
    match request:
        case Acknowledge():
            return signal, {"acknowledged_ms": now_ms, "acknowledged_by": request.who}, {"note": request.note}
        case Reset() | Note():
            return signal, {}, {"note": request.note}
        case Assign():
            return signal, {"assignee": request.assignee}, {"note": request.note, "whom": request.assignee}
        case Progress():
            texts: dict[str, Any] = {"note": request.note, "step": request.step, "whom": request.whom, "phone": request.phone}
            return signal, {"progress": (*(s for s in alarm.progress if s != request.step), request.step)}, texts
        case Judge():
            return signal, {"verdict": request.verdict}, {"note": request.note}
        case LinkHazard():
            return signal, {"hazard_id": request.hazard_id}, {"note": request.hazard_id}
        case Withdraw():
            was_active = alarm.condition is Condition.ACTIVE
            return signal, {"cleared_ms": now_ms} if was_active else {}, {"note": request.reason}


def refused(request: BookRequest, alarm: Alarm) -> str | None:
    """Why this alarm cannot take this request now: what was asked, what is, what would be allowed. None: it can."""
    match request:
        case Progress() if request.step not in STEPS:
            return f"{request.step!r} is no response step; one of {', '.join(STEPS)} is"
        case Note() if not request.note.strip():
            return "a note needs some text"
        case Assign() if not request.assignee.strip():
            return "assigning needs the name of the person who takes it"
        case Assign() | Progress() if alarm.ended_ms is not None:
            return f"alarm {alarm.id} has ended; notes, a verdict or a hazard can still be added"
        case Progress() if (why := step_refused(request.step, alarm)) is not None:
            return why
        case LinkHazard() if not request.hazard_id:
            return "linking a hazard needs its id"
        case Withdraw() if not request.reason.strip():
            return "withdrawing an alarm needs a reason"
    standing = standing_of(alarm)
    cell = advance(standing, _SIGNAL_OF[type(request)])
    return None if isinstance(cell, Standing) else _sentence(cell, alarm, words(standing))


def _sentence(word: str, alarm: Alarm, standing: str) -> str:
    match word:
        case "acknowledged":
            when = iso_utc(alarm.acknowledged_ms or alarm.changed_ms)
            return f"cannot acknowledge alarm {alarm.id}: {alarm.acknowledged_by} acknowledged it already, at {when}"
        case "still active":
            return f"cannot reset alarm {alarm.id}: its condition is still active; it can be reset once it is normal and acknowledged"
        case "unacknowledged":
            return f"cannot reset alarm {alarm.id}: nobody acknowledged it yet; acknowledge it first"
        case "suppressed":
            why = f": {alarm.suppression.reason}" if alarm.suppression else ""
            return f"alarm {alarm.id} is suppressed and calls nobody{why}; it can be acknowledged and reset once that is over"
        case "not latched":
            return f"cannot reset alarm {alarm.id}: it is not latched; acknowledging it ends it"
        case _:
            return f"alarm {alarm.id} has ended ({standing}); nothing more can be acknowledged or reset"
