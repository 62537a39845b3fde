"""The life of an alarm as a table: (condition, attention, needs reset) x signal -> next, after ISA-18.2 / IEC 62682.

Acknowledging never clears the condition, resetting never works while it is active, and a latched alarm ends only when it is
normal, acknowledged and reset. A suppressed alarm calls nobody and takes no acknowledgement: it ends when normal, and calls anew when
the suppression ends first. Whatever will never clear by itself can be withdrawn. Nothing here keeps an alarm or knows a rule:
`alarms.book` does, and only it calls `advance`.
"""

from __future__ import annotations

from typing import NamedTuple

from alarms.model import Alarm, Attention, Condition, Signal


class Standing(NamedTuple):
    """The part of an alarm that its life turns on. `needs_reset`: it is latched and was not reset."""

    condition: Condition
    attention: Attention
    needs_reset: bool
    is_kept: bool = False  # normal and acknowledged or suppressed, but chattering: open still

    @property
    def is_ended(self) -> bool:
        return self == A


_ACT, _NOR = Condition.ACTIVE, Condition.NORMAL
_UNA, _ACK, _SUP = Attention.UNACKNOWLEDGED, Attention.ACKNOWLEDGED, Attention.SUPPRESSED

# The letters of ISA-18.2; B and C of a latched alarm carry its latch. A is the end: an alarm in A is no longer open.
A = Standing(_NOR, _ACK, False)  # normal
B = Standing(_ACT, _UNA, False)  # unacknowledged alarm
C = Standing(_ACT, _ACK, False)  # acknowledged alarm
D = Standing(_NOR, _UNA, False)  # returned to normal, unacknowledged
BL = Standing(_ACT, _UNA, True)
CL = Standing(_ACT, _ACK, True)
E = Standing(_NOR, _UNA, True)  # latched, unacknowledged
F = Standing(_NOR, _ACK, True)  # latched, acknowledged: wants a reset
H = Standing(_ACT, _SUP, False)  # suppressed by design
HL = Standing(_ACT, _SUP, True)
HN = Standing(_NOR, _SUP, False)
HE = Standing(_NOR, _SUP, True)
K = Standing(_NOR, _ACK, False, True)  # would have ended, but comes and goes: kept open until it is quiet, and taken as long
HK = Standing(_NOR, _SUP, False, True)

ISA_LETTERS: dict[Standing, str] = dict(zip((A, B, BL, C, CL, D, E, F, H, HL, HN, HE, K, HK), "ABBCCDEFHHHHAH", strict=True))

_SIGNALS = (
    *(Signal.RAISED, Signal.STEPPED_UP, Signal.STEPPED_DOWN, Signal.CLEARED),
    *(Signal.ACKNOWLEDGED, Signal.RESET, Signal.SUPPRESSED, Signal.UNSUPPRESSED),
)
_LATER_SIGNALS = (Signal.UPHELD, Signal.REALARMED, Signal.WITHDRAWN)
# fmt: off
_ROWS: dict[Standing, tuple[Standing | str, ...]] = {
    #    raised       stepped_up   stepped_down  cleared       acknowledged    reset             suppressed   unsuppressed
    A:  ("ended",     "ended",     "ended",      "ended",      "ended",        "ended",          "ended",     "ended"),
    B:  ("active",    B,           B,            D,            C,              "still active",   H,           "not suppressed"),
    BL: ("active",    BL,          BL,           E,            CL,             "still active",   HL,          "not suppressed"),
    C:  ("active",    B,           C,            A,            "acknowledged", "still active",   H,           "not suppressed"),
    CL: ("active",    BL,          CL,           F,            "acknowledged", "still active",   HL,          "not suppressed"),
    D:  (B,           "normal",    "normal",     "normal",     A,              "not latched",    HN,          "not suppressed"),
    E:  (BL,          "normal",    "normal",     "normal",     F,              "unacknowledged", HE,          "not suppressed"),
    F:  (BL,          "normal",    "normal",     "normal",     "acknowledged", A,                HE,          "not suppressed"),
    H:  ("active",    H,           H,            A,            "suppressed",   "still active",   H,           B),
    HL: ("active",    HL,          HL,           HE,           "suppressed",   "still active",   HL,          BL),
    HN: (H,           "normal",    "normal",     "normal",     "suppressed",   "not latched",    HN,          A),
    HE: (HL,          "normal",    "normal",     "normal",     "suppressed",   "suppressed",     HE,          E),
    K:  (C,           "normal",    "normal",     "normal",     "acknowledged", "not latched",    HK,          "not suppressed"),
    HK: (H,           "normal",    "normal",     "normal",     "suppressed",   "not latched",    HK,          K),
}
# fmt: on
# fmt: off
_LATER_ROWS: dict[Standing, tuple[Standing | str, ...]] = {
    #    upheld     realarmed       withdrawn
    A:  ("ended",   "ended",        "ended"),
    B:  (B,         B,              A),
    BL: (BL,        BL,             A),
    C:  (B,         B,              A),
    CL: (BL,        BL,             A),
    D:  ("normal",  "normal",       A),
    E:  ("normal",  E,              A),
    F:  ("normal",  "acknowledged", A),
    H:  (H,         "suppressed",   A),
    HL: (HL,        "suppressed",   A),
    HN: ("normal",  "suppressed",   A),
    HE: ("normal",  "suppressed",   A),
    K:  ("normal",  "acknowledged", A),
    HK: ("normal",  "suppressed",   A),
}
# fmt: on
_REMARKS = frozenset({Signal.ASSIGNED, Signal.NOTED, Signal.PROGRESSED, Signal.JUDGED, Signal.HAZARD_LINKED})

TABLE: dict[tuple[Standing, Signal], Standing | str] = {
    **{(standing, signal): cell for standing, cells in _ROWS.items() for signal, cell in zip(_SIGNALS, cells, strict=True)},
    **{(standing, signal): cell for standing, cells in _LATER_ROWS.items() for signal, cell in zip(_LATER_SIGNALS, cells, strict=True)},
    # the beginning of chatter changes no state; its end ends what it has kept open
    **{(standing, Signal.CHATTERED): standing if standing != A else "ended" for standing in _ROWS},
    **{(standing, Signal.QUIETED): A if standing in (K, HK) else standing if standing != A else "ended" for standing in _ROWS},
    # what people add changes no state; on an ended alarm too, as long as the book still keeps it
    **{(standing, signal): standing for standing in _ROWS for signal in _REMARKS},
}


def standing_of(alarm: Alarm) -> Standing:
    standing = Standing(alarm.condition, alarm.attention, alarm.needs_reset)
    return kept_open(standing) if alarm.is_chattering else standing


def kept_open(after: Standing, by: Standing | None = None) -> Standing:
    """What a chattering alarm becomes instead of ending; `by`: what it was before."""
    if after == HN or (after == A and by is not None and by.attention is _SUP):
        return HK
    return K if after == A else after


def new_standing(is_latched: bool) -> Standing:
    """Where an alarm begins: active and unacknowledged."""
    return BL if is_latched else B


def advance(standing: Standing, signal: Signal) -> Standing | str:
    """The next standing, or a word saying why this signal does not apply: `ended`, `active`, `normal`, `acknowledged`,
    `still active`, `not latched`, `unacknowledged`, `suppressed`, `not suppressed`. Every pair is in the table."""
    return TABLE[standing, signal]


_SUPPRESSED_LETTERS = {"shelved": "G", "out_of_service": "I"}  # all else that suppresses is by design: H


def isa_state(alarm: Alarm) -> str:
    """The letter of ISA-18.2 (domain.md A1): A..F, of a suppressed alarm G, H or I by what suppresses it most."""
    if alarm.attention is _SUP and alarm.suppression is not None:
        return _SUPPRESSED_LETTERS.get(alarm.suppression.kind, "H")
    return ISA_LETTERS[standing_of(alarm)]


def words(standing: Standing) -> str:
    """`active/unacknowledged`: as transitions and messages name a standing."""
    return f"{standing.condition}/{standing.attention}"
