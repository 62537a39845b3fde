"""The table of an alarm's life, walked whole."""

from itertools import product

import pytest

from alarms.lifecycle import BL, CL, HE, HK, HL, HN, ISA_LETTERS, TABLE, A, B, C, D, E, F, H, K, Standing, advance, new_standing
from alarms.model import Attention, Condition, Signal

ALL = [*(Standing(*parts) for parts in product(Condition, Attention, (False, True))), K, HK]
REMARKS = (Signal.CHATTERED, Signal.ASSIGNED, Signal.NOTED, Signal.PROGRESSED, Signal.JUDGED, Signal.HAZARD_LINKED)


def test_every_standing_has_a_letter_and_every_pair_a_cell():
    assert set(ISA_LETTERS) == set(ALL)
    assert set(TABLE) == set(product(ALL, Signal))


@pytest.mark.parametrize(("standing", "signal"), list(product(ALL, Signal)))
def test_what_holds_for_every_pair(standing, signal):
    after = advance(standing, signal)
    if not isinstance(after, Standing):
        said = {"ended", "active", "normal", "acknowledged", "still active", "not latched", "unacknowledged"}
        assert after in said | {"suppressed", "not suppressed"}
        return
    if signal is Signal.WITHDRAWN:
        assert after.is_ended, "what will never clear is ended whole"
        return
    if signal is not Signal.CLEARED and signal is not Signal.RAISED:
        assert after.condition is standing.condition, "only the world changes the condition"
    if signal is not Signal.RESET:
        assert after.needs_reset == standing.needs_reset, "only a reset ends the latch"
    if signal in REMARKS:
        assert after == standing
    if standing.is_kept and signal is Signal.QUIETED:
        assert after.is_ended, "what was kept only for the chatter ends with it"
    assert not after.is_kept or standing.is_kept, "only the book keeps an alarm open"
    if Attention.SUPPRESSED in (standing.attention, after.attention):
        ends = signal is Signal.UNSUPPRESSED or after.is_ended
        assert (after.attention is Attention.SUPPRESSED) != ends, "only the end of it, or of the alarm, lets a suppressed alarm call or go"
        assert standing.attention is Attention.SUPPRESSED or signal is Signal.SUPPRESSED
    elif after.attention is not standing.attention:
        asks_again = signal in (Signal.RAISED, Signal.STEPPED_UP, Signal.UPHELD, Signal.REALARMED)
        assert after.attention is (Attention.UNACKNOWLEDGED if asks_again else Attention.ACKNOWLEDGED)
        assert asks_again or signal is Signal.ACKNOWLEDGED
    if after.is_ended and not standing.is_ended:
        assert after.condition is Condition.NORMAL
        assert after.attention is Attention.ACKNOWLEDGED
        assert not after.needs_reset


@pytest.mark.parametrize(
    ("phrase", "standing", "signal", "after"),
    [
        ("B acknowledged is C", B, Signal.ACKNOWLEDGED, C),
        ("B clears to D", B, Signal.CLEARED, D),
        ("latched B clears to E", BL, Signal.CLEARED, E),
        ("C clears to the end", C, Signal.CLEARED, A),
        ("latched C clears to F", CL, Signal.CLEARED, F),
        ("D acknowledged ends", D, Signal.ACKNOWLEDGED, A),
        ("D returns to B", D, Signal.RAISED, B),
        ("E acknowledged is F", E, Signal.ACKNOWLEDGED, F),
        ("E returns to B", E, Signal.RAISED, BL),
        ("F reset ends", F, Signal.RESET, A),
        ("F returns to B", F, Signal.RAISED, BL),
        ("C rising asks again", C, Signal.STEPPED_UP, B),
        ("C falling asks nothing", C, Signal.STEPPED_DOWN, C),
        ("no reset while active", CL, Signal.RESET, "still active"),
        ("no reset before it is acknowledged", E, Signal.RESET, "unacknowledged"),
        ("no second acknowledgement", C, Signal.ACKNOWLEDGED, "acknowledged"),
        ("the end takes nothing", A, Signal.RAISED, "ended"),
        ("kept returns to C: it was taken while it chattered", K, Signal.RAISED, C),
        ("the end of the chatter leaves what stands", C, Signal.QUIETED, C),
        ("suppressed and kept returns to H", HK, Signal.RAISED, H),
        ("suppressed from B is H", B, Signal.SUPPRESSED, H),
        ("suppressed from C is H", C, Signal.SUPPRESSED, H),
        ("the end of it with the condition true is B", H, Signal.UNSUPPRESSED, B),
        ("the same for a latched one", HL, Signal.UNSUPPRESSED, BL),
        ("suppressed and normal ends", H, Signal.CLEARED, A),
        ("suppressed, normal and latched waits", HL, Signal.CLEARED, HE),
        ("its end calls for a reset", HE, Signal.UNSUPPRESSED, E),
        ("the end of it while normal ends", HN, Signal.UNSUPPRESSED, A),
        ("what calls nobody is not acknowledged", H, Signal.ACKNOWLEDGED, "suppressed"),
        ("nobody took it: it asks again", BL, Signal.REALARMED, BL),
        ("taken and still active: it asks again", CL, Signal.REALARMED, BL),
        ("normal and unlatched asks no more", D, Signal.REALARMED, "normal"),
        ("what is suppressed never asks again", HL, Signal.REALARMED, "suppressed"),
        ("upheld calls as if it were raised now", C, Signal.UPHELD, B),
        ("upheld while suppressed calls nobody", H, Signal.UPHELD, H),
        ("withdrawn ends it, whatever it waits for", BL, Signal.WITHDRAWN, A),
        ("also while it is suppressed", HE, Signal.WITHDRAWN, A),
    ],
)
def test_the_transitions_of_isa_18_2(phrase, standing, signal, after):
    assert advance(standing, signal) == after, phrase


def test_an_alarm_begins_active_and_unacknowledged():
    assert ISA_LETTERS[new_standing(True)] == ISA_LETTERS[new_standing(False)] == "B"
    assert new_standing(True).needs_reset
    assert not new_standing(False).needs_reset
