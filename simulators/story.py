"""What happens in a sample place, as data on a timeline in seconds; the plant plays it.

After `loops_from_s` the rest of the story repeats, so that a demo left running stays alive. Nothing here knows devices beyond their ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from simulators.breakers import Behaviour


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """The quantity moves to `to` (added to nothing: the value itself) within `over_s`."""

    at_s: float
    device_id: str
    metric: str
    to: float
    over_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """Everything of this device goes back to its base within `over_s`."""

    at_s: float
    device_id: str
    over_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The device, and whatever is heard through it, says nothing for `for_s`."""

    at_s: float
    device_id: str
    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A switch shows this position while its load goes on as it was; with `position` None it shows the truth again."""

    at_s: float
    device_id: str
    channel: str = ""
    position: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Behave:
    """From now on this breaker answers commands so."""

    at_s: float
    device_id: str
    channel: str = ""
    behaviour: Behaviour


Beat = Ramp | Calm | Silence | Claim | Behave


@dataclass(frozen=True, slots=True)
class Story:
    """`beats` in any order. From `loops_from_s` on, the beats at or after it repeat every `period_s`; 0: the story ends."""

    beats: tuple[Beat, ...] = ()
    loops_from_s: float = 0.0
    period_s: float = 0.0

    def between(self, from_s: float, until_s: float) -> list[Beat]:
        """The beats with from_s <= time < until_s, by time; `at_s` of repeated ones is their time of this round."""
        found = [beat for beat in self._beats(until_s) if from_s <= beat.at_s < until_s]
        return sorted(found, key=lambda beat: beat.at_s)

    def _beats(self, until_s: float) -> Iterator[Beat]:
        yield from self.beats
        rounds = int((until_s - self.loops_from_s) // self.period_s) + 1 if self.period_s > 0 and until_s > self.loops_from_s else 0
        for beat in self.beats:
            if beat.at_s >= self.loops_from_s:
                yield from (replace(beat, at_s=beat.at_s + n * self.period_s) for n in (rounds - 2, rounds - 1, rounds) if n > 0)

    def of_devices(self, ids: set[str]) -> Story:
        """The same without the beats of other devices."""
        return replace(self, beats=tuple(beat for beat in self.beats if beat.device_id in ids))
