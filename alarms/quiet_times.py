"""Quiet times: recurring hours in which mild alarms of named kinds call nobody at a place; and the section that minds them.

What a rule's own schedule never raises is not even known; what a quiet time holds back is recorded and countable, and calls when the hours
end. Never for fire and gas, never above P3: those are shelved or taken out of service by a person, each time anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from alarms.book import Book
from alarms.instants import iso_utc
from alarms.model import Alarm, Suppression, Transition
from alarms.section import Products
from alarms.service_alarms import RULE_PREFIX
from alarms.shelf import NEVER_KINDS
from alarms.suppression import SCHEDULED
from rules.model import Severity
from sites.calendars import Day, Window, day_spans, is_window, next_change_of
from sites.facts import Fact
from sites.roster import Roster

MOST_SEVERE = Severity.LOW  # P3
KINDS = ("electrical", "water", "power", "device", "presence", "other")
MOST_MINUTES = 16 * 60  # of windows that begin on one day: a quiet time always ends
DEFAULT_ZONE = "Asia/Shanghai"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietTime:
    """`weekdays` (Monday 0; empty: all) are the days on which `windows` begin, in the site's own zone. `zone_id`, `device_id` empty: the
    whole site. `kinds`: the facets of alarms that it is given for."""

    id: str
    name: str
    site_id: str
    reason: str
    kinds: tuple[str, ...]
    windows: tuple[Window, ...]
    weekdays: tuple[int, ...] = ()
    zone_id: str = ""
    device_id: str = ""
    enabled: bool = True
    version: int = 1


def problems(quiet: QuietTime) -> list[tuple[str, str, str]]:
    """What cannot be meant, as (field, why, why in Chinese). Empty: fine."""
    found = []
    if not quiet.kinds or set(quiet.kinds) - set(KINDS):
        allowed = ", ".join(KINDS)
        found.append(("kinds", f"name some of {allowed}; fire and gas are never quiet", f"请指明类别：{allowed}；火灾、燃气类不得静默"))
    if not quiet.windows or not all(is_window(window) for window in quiet.windows):
        found.append(("windows", "name windows [begin, end] in minutes of the day", "请填写时段 [起, 止]（当天分钟）"))
    elif sum((w.end - w.begin) % 1_440 or 1_440 for w in quiet.windows) > MOST_MINUTES:
        found.append(("windows", "at most 16 h of a day are quiet: longer is out of service", "每天最多静默 16 小时；更长请办理屏蔽"))
    if set(quiet.weekdays) - set(range(7)):
        found.append(("weekdays", "days are 0 (Monday) to 6", "星期为 0（周一）至 6"))
    if not quiet.reason.strip():
        found.append(("reason", "a quiet time needs a reason", "静默需要填写原因"))
    if quiet.zone_id and quiet.device_id:
        found.append(("zone_id", "either a zone or a device", "区域或设备二者选一"))
    return found


@dataclass(slots=True)
class QuietTimesState:
    """Which are open, and until when."""

    open: dict[str, int] = field(default_factory=dict)
    due_ms: int | None = None
    seqs: dict[str, int] = field(default_factory=dict)


class QuietTimes:
    """The section. `quiet_times` are the documents of that kind."""

    name = "quiet_times"
    follows_alarms = False
    requests: tuple[type, ...] = ()
    state_type: Any = QuietTimesState

    def __init__(self, book: Book, roster: Roster, quiet_times: Mapping[str, QuietTime]) -> None:
        self._book = book
        self._roster = roster
        self._quiet_times = quiet_times
        self._state = QuietTimesState()

    def causes(self, alarm: Alarm) -> Iterator[Suppression]:
        """What is open now and given for this alarm."""
        for quiet_id, until_ms in self._state.open.items():
            quiet = self._quiet_times.get(quiet_id)
            if quiet is not None and _covers(quiet, alarm):
                yield Suppression(
                    kind=SCHEDULED,
                    reason=f"quiet time {quiet.name}: {quiet.reason}",
                    reason_zh=f"计划静默 {quiet.name}：{quiet.reason}",
                    source_id=quiet.id,
                    until_ms=until_ms,
                )

    # -- time ------------------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        return self._state.due_ms

    def due(self, at_ms: int) -> Products:
        return self._look(at_ms)

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        return self._look(at_ms) if kind == "quiet_time" or (kind == "site" and self._quiet_times) else Products()

    def _look(self, at_ms: int) -> Products:
        """Which are open now, and when that changes; what no longer holds an alarm back lets it call."""
        products = Products()
        before, state = self._state.open, self._state
        now: dict[str, int] = {}
        changes: list[int] = []
        for quiet in sorted(self._quiet_times.values(), key=lambda quiet: quiet.id):
            is_open, change_ms = self._open_now(quiet, at_ms)
            if change_ms is not None:
                changes.append(change_ms)
            if is_open:
                now[quiet.id] = change_ms if change_ms is not None else at_ms
        state.open, state.due_ms = now, min(changes, default=None)
        for quiet_id in sorted(before.keys() | now.keys()):
            if before.get(quiet_id) != now.get(quiet_id):
                state.seqs[quiet_id] = state.seqs.get(quiet_id, 0) + 1
                products.facts.append(self._fact(quiet_id, at_ms))
        if before != now:
            concerned = [alarm.id for alarm in self._book.open.values() if alarm.severity <= MOST_SEVERE]
            products.transitions += self._book.review(concerned, self._roster, at_ms)
        return products

    def _open_now(self, quiet: QuietTime, at_ms: int) -> tuple[bool, int | None]:
        site = self._roster.sites.get(quiet.site_id)
        if site is None or not quiet.enabled:
            return False, None

        def windows_of(day: Day) -> tuple[Window, ...]:
            return quiet.windows if not quiet.weekdays or day.weekday in quiet.weekdays else ()

        def spans(from_ms: int, until_ms: int) -> list[tuple[int, int]]:
            return day_spans(site.timezone or DEFAULT_ZONE, from_ms, until_ms, windows_of)

        return bool(spans(at_ms, at_ms + 1)), next_change_of(spans, at_ms)

    # -- the rest of a section -------------------------------------------------------------------------------------

    def request(self, request: Any, at_ms: int) -> Products:
        raise AssertionError(f"nobody asks {self.name} anything, least of all {request}")

    def follow(self, transition: Transition, at_ms: int) -> Products:
        return Products()

    def follow_order(self, step: Any, at_ms: int) -> Products:
        return Products()

    def standing(self) -> Iterable[Fact]:
        return [self._fact(quiet_id, 0) for quiet_id in self._state.open]

    def dump(self) -> QuietTimesState:
        return QuietTimesState(dict(self._state.open), self._state.due_ms, dict(self._state.seqs))

    def load(self, state: QuietTimesState) -> None:
        self._state = QuietTimesState(dict(state.open), state.due_ms, dict(state.seqs))

    def _fact(self, quiet_id: str, at_ms: int) -> Fact:
        quiet, until_ms = self._quiet_times.get(quiet_id), self._state.open.get(quiet_id)
        named: tuple[str, str, tuple[str, ...]] = (quiet.name, quiet.reason, quiet.kinds) if quiet else (quiet_id, "", ())
        return Fact(
            kind="quiet_time",
            id=quiet_id,
            site_id=quiet.site_id if quiet else "",
            state="standing" if until_ms is not None else "ended",
            changed_ms=at_ms,
            body=QuietSpan(name=named[0], reason=named[1], kinds=named[2]),
            subject=_target(quiet) if quiet else "",
            from_ms=at_ms,
            until_ms=at_ms if until_ms is None else until_ms,
            is_over=until_ms is None,
            seq=self._state.seqs.get(quiet_id, 1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietSpan:
    """A quiet time that is open, or was: fact kind `quiet_time`."""

    name: str
    reason: str
    kinds: tuple[str, ...]


def sentence(quiet: QuietTime, open_until_ms: int | None) -> tuple[str, str]:
    """(English, Chinese) of what it does."""
    hours = ", ".join(f"{w.begin // 60:02d}:{w.begin % 60:02d}-{w.end // 60:02d}:{w.end % 60:02d}" for w in quiet.windows)
    days = ", ".join(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][day] for day in quiet.weekdays) or "every day"
    days_zh = "、".join(f"周{'一二三四五六日'[day]}" for day in quiet.weekdays) or "每天"
    where, where_zh = (quiet.zone_id or quiet.device_id or "the whole site"), (quiet.zone_id or quiet.device_id or "整个场所")
    kinds = ", ".join(quiet.kinds)
    now, now_zh = (f"; open until {iso_utc(open_until_ms)}", f"；现静默至 {iso_utc(open_until_ms)}") if open_until_ms else ("", "")
    return (
        f"{days} {hours}: alarms of {kinds} up to P3 at {where} call nobody: {quiet.reason}{now}",
        f"{days_zh} {hours}：{where_zh} 的 {kinds} 类 P3 及以下报警静默：{quiet.reason}{now_zh}",
    )


def _covers(quiet: QuietTime, alarm: Alarm) -> bool:
    if alarm.severity > MOST_SEVERE or alarm.kind not in quiet.kinds or alarm.kind in NEVER_KINDS or alarm.site_id != quiet.site_id:
        return False
    if alarm.rule_id.startswith(RULE_PREFIX) and not alarm.subject.startswith(("device:", "point:")):
        return False
    return (not quiet.zone_id or alarm.zone_id == quiet.zone_id) and (not quiet.device_id or alarm.device_id == quiet.device_id)


def _target(quiet: QuietTime) -> str:
    return f"device:{quiet.device_id}" if quiet.device_id else f"zone:{quiet.zone_id}" if quiet.zone_id else f"site:{quiet.site_id}"
