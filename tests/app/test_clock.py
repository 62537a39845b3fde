from __future__ import annotations

from app.clock import SystemClock

S = 1_000_000_000
HOUR = 3_600 * S


class Hands:
    """A wall clock and a monotonic clock, moved by hand."""

    def __init__(self) -> None:
        self.wall_ns = 1_800_000_000 * S
        self.monotonic_ns = 50 * S

    def pass_time(self, ns: int) -> None:
        self.wall_ns += ns
        self.monotonic_ns += ns

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.wall_ns, lambda: self.monotonic_ns)


def test_it_follows_the_wall_clock() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.pass_time(10 * S)
    assert clock.now_ms() == hands.wall_ns // 1_000_000


def test_a_step_forward_is_taken_at_once() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.wall_ns += HOUR
    assert clock.now_ms() == hands.wall_ns // 1_000_000


def test_a_step_back_neither_repeats_nor_freezes_time() -> None:
    hands = Hands()
    clock = hands.clock()
    before = clock.now_ms()
    hands.wall_ns -= HOUR
    assert clock.now_ms() >= before
    hands.pass_time(100 * S)
    assert before + 89_000 <= clock.now_ms() <= before + 100_000
    for _ in range(12 * 360):
        hands.pass_time(10 * S)
        clock.now_ms()
    assert clock.now_ms() == hands.wall_ns // 1_000_000


def test_after_a_restart_time_goes_on_from_the_journal() -> None:
    hands = Hands()
    clock = hands.clock()
    later = clock.now_ms() + 5_000
    clock.not_before(later)
    assert clock.now_ms() >= later
