"""F9: the clock steps by up to an hour, and daylight saving changes, across a planned run: each night runs once, or asks.

The service's own clock is used (`app.clock.SystemClock`) over a wall clock that steps and a monotonic one that does not. A run that
comes late by more than its grace is never executed by surprise; no night runs twice, none is forgotten without asking.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

from app.clock import SystemClock
from app.closing_time import PLAN
from power.plans import next_night
from power.run_model import LIVE, RunState
from simulators.closing_time import SITE, closing_time
from simulators.place import Place
from sites.calendars import local_day, local_minute_ms
from tests.faults.checker import Verdict
from tests.faults.night import Night

_ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai")
_EVENINGS = ("2026-03-28", "2026-10-24", "2026-03-07", "2026-10-31", "2026-04-04", "2026-10-03", "2026-11-22")
_HOUR_MS = 3_600_000


class Wall:
    """A wall clock that can be put forward and back, and the monotonic clock that cannot."""

    def __init__(self, begins_ms: int) -> None:
        self.monotonic_ms, self.offset_ms = 1_000_000, begins_ms - 1_000_000
        self.clock = SystemClock(lambda: (self.monotonic_ms + self.offset_ms) * 1_000_000, lambda: self.monotonic_ms * 1_000_000)

    def pass_by(self, ms: int) -> int:
        """Let time pass; how far the service's own time came."""
        before = self.clock.now_ms()
        self.monotonic_ms += ms
        return self.clock.now_ms() - before


def run(folder: Path, seed: int) -> Verdict:
    """Two nights in a zone and season by seed, with up to three steps of the wall clock."""
    choice = random.Random(seed)
    zone, evening = choice.choice(_ZONES), choice.choice(_EVENINGS)
    minute = choice.choice((30, 90, 125, 150, 185, 1_350))
    begins_ms = local_minute_ms(zone, evening, 20 * 60)
    plan = replace(PLAN, at_minute=minute, weekdays=tuple(range(7)), countdown_s=choice.choice((0.0, 3.0)))
    night = Night(folder, _in_zone(closing_time(6, bad_share=0.0, seed=seed), zone), seed, plan, begins_ms)
    wall = Wall(night.house.clock.now_ms())
    steps = sorted(choice.uniform(0.0, 36.0) * _HOUR_MS for _ in range(choice.randint(0, 3)))
    passed_ms = 0
    while passed_ms < 36 * _HOUR_MS:
        hop_ms = 1_000 if _is_near(night, wall) else 300_000
        passed_ms += hop_ms
        if steps and steps[0] <= passed_ms:
            steps.pop(0)
            wall.offset_ms += choice.choice((-1, 1)) * choice.randint(1_000, _HOUR_MS)
        night.house.clock.advance(wall.pass_by(hop_ms))
        night.house.once()
        night.plant.tick(night.house.clock.now_ms(), min(1.0, hop_ms / 1000))
    return _judged(night, zone, begins_ms)


def _is_near(night: Night, wall: Wall) -> bool:
    """Whether a night's minute is close, or a run under way: then time passes second by second, and breakers are heard."""
    runs, now_ms = night.house.warden.runs, night.house.clock.now_ms()
    coming = runs.night(PLAN.id)
    is_live = any(run.state in LIVE for run in runs.standing_runs())
    return is_live or (coming is not None and coming.at_ms - max(now_ms, wall.monotonic_ms + wall.offset_ms) < 330_000)


def _judged(night: Night, zone: str, begins_ms: int) -> Verdict:
    verdict = Verdict()
    runs = night.house.warden.runs.standing_runs()
    for date, number in Counter(run.date for run in runs).items():
        if number > 1:
            verdict.doubled.append(f"{number} runs of the night {date}")
    plan = night.house.warden.configuration.documents["plan"][PLAN.id]
    wanted, at_ms = set(), begins_ms
    while (coming := next_night(plan, None, zone, at_ms)) is not None and coming.at_ms <= night.house.clock.now_ms():
        wanted.add(coming.date)
        at_ms = coming.at_ms
    had = {run.date for run in runs}
    # of several nights that passed in one step only the last asks
    if wanted and max(wanted) not in had:
        verdict.lost.append(f"the night {max(wanted)} neither ran nor asked; it is {local_day(zone, night.house.clock.now_ms()).iso}")
    verdict.invented += [f"a run of {date}, which was not due" for date in sorted(had - wanted)]
    for run in runs:
        late_ms = run.starts_ms - run.due_ms
        if run.state in (RunState.DONE, RunState.RUNNING) and late_ms > 130_000:
            verdict.invented.append(f"the run of {run.date} began {late_ms} ms after its minute by itself")
    return verdict


def _in_zone(place: Place, zone: str) -> Place:
    return replace(place, sites=[replace(site, timezone=zone) if site.id == SITE else site for site in place.sites])
