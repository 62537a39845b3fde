"""Floods: more new alarms at a site than one operator can take in. A section of the scan; it folds what is shown, and drops nothing.

After ISA-18.2: a flood begins above 10 newly annunciated alarms in 10 minutes of one operator position (the site) and ends when there are
fewer than 5 in 10 minutes. While it lasts a list groups by zone with the first-out on top, and the sound speaks only for what breaks
through: a zone that was not in it, or a higher severity than its zone had. Late, suppressed and test alarms do not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from alarms.follow import signal_word
from alarms.model import Alarm, Signal, Transition
from alarms.section import Products
from rules.model import Severity
from sites.facts import Fact

KIND = "flood"
WINDOW_MS = 600_000
BEGINS_ABOVE, ENDS_BELOW = 10, 5  # in WINDOW_MS
TOLD_MS = 250  # a flood is told at most so often while something breaks through
COUNTED_MS = 1_000  # and so often when only its counts rise
MOST_ZONES = 500  # told by name; all are counted
MOST_THROUGH = 50
_CALLS = frozenset({Signal.RAISED, Signal.STEPPED_UP, Signal.UNSUPPRESSED, Signal.UPHELD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A newly annunciated alarm."""

    at_ms: int
    alarm_id: str
    zone_id: str
    zone_name: str
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodZone:
    """A zone in a flood: its alarms since the flood's first, the first of them and the worst."""

    zone_id: str
    zone_name: str
    alarms: int
    first_ms: int
    first_alarm_id: str
    severity: Severity
    worst_alarm_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """`first_alarm_id`: the first-out. `zones` by their first alarm, `zone_count` of all. `breaks_through`: alarms that sound although
    the flood lasts, newest last."""

    site_id: str
    since_ms: int
    alarms: int
    severity: Severity
    first_alarm_id: str
    first_zone_id: str
    zones: tuple[FloodZone, ...]
    zone_count: int
    breaks_through: tuple[str, ...] = ()


@dataclass(slots=True)
class SiteState:
    """`lately`: as many of the newest arrivals as decide. `zones` is filled while a flood lasts; `told_ms`: when that was told last."""

    lately: list[Arrival] = field(default_factory=list)
    since_ms: int | None = None
    alarms: int = 0
    first: Arrival | None = None
    severity: Severity = Severity.INFO
    zones: dict[str, FloodZone] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)  # alarms by zone
    breaks_through: list[str] = field(default_factory=list)
    told_ms: int = 0
    tell_ms: int | None = None
    seq: int = 0


@dataclass(slots=True)
class FloodsState:
    """What a snapshot keeps, by site."""

    sites: dict[str, SiteState] = field(default_factory=dict)


class Floods:
    """The section; only what stands in `_state` is kept."""

    name = "floods"
    requests: tuple[type, ...] = ()
    state_type: Any = FloodsState

    def __init__(self) -> None:
        self._state = FloodsState()
        self._in_flood: set[str] = set()
        self._due_ms: int | None = None

    def follow(self, transition: Transition, at_ms: int) -> Products:
        alarm = transition.alarm
        products = Products()
        if transition.signal not in _CALLS or not _is_new(transition) or not alarm.site_id:
            return products
        site = self._state.sites.get(alarm.site_id)
        if site is None:
            site = self._state.sites[alarm.site_id] = SiteState()
        arrival = Arrival(at_ms=at_ms, alarm_id=alarm.id, zone_id=alarm.zone_id, zone_name=alarm.zone_name, severity=alarm.severity)
        # a rise in severity is no further alarm, and may break through
        if transition.signal is not Signal.STEPPED_UP:
            site.lately.append(arrival)
            if len(site.lately) > BEGINS_ABOVE + 1:
                del site.lately[0]
        if site.since_ms is None:
            if len(site.lately) > BEGINS_ABOVE and site.lately[0].at_ms > at_ms - WINDOW_MS:
                self._begin(alarm.site_id, site, at_ms, products)
            return products
        self._take(site, arrival, is_new=transition.signal is not Signal.STEPPED_UP)
        if site.tell_ms is not None and site.tell_ms <= at_ms:
            self._tell(alarm.site_id, site, at_ms, products)
        self._aim()
        return products

    def _begin(self, site_id: str, site: SiteState, at_ms: int, products: Products) -> None:
        site.since_ms, site.first = site.lately[0].at_ms, site.lately[0]
        site.alarms, site.severity = 0, Severity.INFO
        site.zones, site.counts, site.breaks_through = {}, {}, []
        for arrival in site.lately:
            self._take(site, arrival, is_new=True)
        site.breaks_through = []  # they have sounded
        self._in_flood.add(site_id)
        self._tell(site_id, site, at_ms, products)
        self._aim()

    def _take(self, site: SiteState, arrival: Arrival, is_new: bool) -> None:
        site.alarms += is_new
        site.severity = max(site.severity, arrival.severity)
        zone = site.zones.get(arrival.zone_id)
        through = zone is None or arrival.severity > zone.severity
        if zone is None:
            zone = FloodZone(
                zone_id=arrival.zone_id,
                zone_name=arrival.zone_name,
                alarms=0,
                first_ms=arrival.at_ms,
                first_alarm_id=arrival.alarm_id,
                severity=arrival.severity,
                worst_alarm_id=arrival.alarm_id,
            )
            site.zones[arrival.zone_id] = zone
        elif through:
            site.zones[arrival.zone_id] = replace(zone, severity=arrival.severity, worst_alarm_id=arrival.alarm_id)
        if is_new:
            site.counts[arrival.zone_id] = site.counts.get(arrival.zone_id, 0) + 1
        if through:
            site.breaks_through.append(arrival.alarm_id)
            del site.breaks_through[:-MOST_THROUGH]
        wanted_ms = site.told_ms + (TOLD_MS if through else COUNTED_MS)
        site.tell_ms = wanted_ms if site.tell_ms is None else min(site.tell_ms, wanted_ms)

    # -- time ------------------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        return self._due_ms

    def due(self, at_ms: int) -> Products:
        products = Products()
        for site_id in sorted(self._in_flood):
            site = self._state.sites[site_id]
            if _ends_ms(site) <= at_ms:
                self._end(site_id, site, at_ms, products)
            elif site.tell_ms is not None and site.tell_ms <= at_ms:
                self._tell(site_id, site, at_ms, products)
        self._aim()
        return products

    def _end(self, site_id: str, site: SiteState, at_ms: int, products: Products) -> None:
        self._in_flood.discard(site_id)
        site.seq += 1
        products.facts.append(replace(_fact(site_id, site, at_ms), state="over", until_ms=at_ms, is_over=True))
        self._state.sites[site_id] = SiteState(lately=site.lately, seq=site.seq)

    def _tell(self, site_id: str, site: SiteState, at_ms: int, products: Products) -> None:
        site.seq += 1
        site.told_ms, site.tell_ms = at_ms, None
        products.facts.append(_fact(site_id, site, at_ms))

    def _aim(self) -> None:
        sites = [self._state.sites[site_id] for site_id in self._in_flood]
        moments = [_ends_ms(site) for site in sites] + [site.tell_ms for site in sites if site.tell_ms is not None]
        self._due_ms = min(moments, default=None)

    # -- the rest of a section -------------------------------------------------------------------------------------

    def request(self, request: Any, at_ms: int) -> Products:
        raise AssertionError(f"floods take no {type(request).__name__}")

    def follow_order(self, step: Any, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        return Products()

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        return Products()

    def standing(self) -> Iterable[Fact]:
        return [_fact(site_id, self._state.sites[site_id], self._state.sites[site_id].told_ms) for site_id in sorted(self._in_flood)]

    def dump(self) -> FloodsState:
        return self._state

    def load(self, state: FloodsState) -> None:
        self._state = state
        self._in_flood = {site_id for site_id, site in state.sites.items() if site.since_ms is not None}
        self._aim()


def _is_new(transition: Transition) -> bool:
    """Whether it calls an operator now who was not called before."""
    alarm = transition.alarm
    calls = signal_word(transition) == "raised" or transition.signal is Signal.STEPPED_UP
    return calls and not (alarm.is_late or alarm.is_test or alarm.suppression)


def breaks_through(flood: Flood | None, alarm: Alarm) -> bool:
    """The sound rule: whether a new alarm sounds although others of its flood do not; also before the flood has told of it."""
    if flood is None or alarm.id in flood.breaks_through:
        return True
    zone = next((zone for zone in flood.zones if zone.zone_id == alarm.zone_id), None)
    return alarm.severity > zone.severity if zone is not None else flood.zone_count == len(flood.zones)


def _ends_ms(site: SiteState) -> int:
    """When fewer than ENDS_BELOW are left in the window."""
    return site.lately[-ENDS_BELOW].at_ms + WINDOW_MS


def _fact(site_id: str, site: SiteState, at_ms: int) -> Fact:
    assert site.first is not None, "a flood has a first alarm"
    assert site.since_ms is not None, "a flood has begun"
    flood = Flood(
        site_id=site_id,
        since_ms=site.since_ms,
        alarms=site.alarms,
        severity=site.severity,
        first_alarm_id=site.first.alarm_id,
        first_zone_id=site.first.zone_id,
        zones=tuple(replace(zone, alarms=site.counts.get(zone_id, 0)) for zone_id, zone in islice(site.zones.items(), MOST_ZONES)),
        zone_count=len(site.zones),
        breaks_through=tuple(site.breaks_through),
    )
    return Fact(
        kind=KIND,
        id=site_id,
        site_id=site_id,
        state="active",
        subject=f"site:{site_id}",
        from_ms=site.since_ms,
        changed_ms=at_ms,
        body=flood,
        seq=site.seq,
    )
