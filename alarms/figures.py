"""Figures of how alarms burden people, by the definitions of ISA-18.2 / IEC 62682 and EEMUA 191, each with its target and whether it holds.

Pure arithmetic over what the records have counted (`Counted`): only *annunciated* alarms count, those that called somebody: not suppressed
and not of a test. Windows are 10 minutes of the clock (UTC), hours six of them; floods begin and end with windows. docs/figures.md tells
each definition in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rules.model import Severity

WINDOW_MS = 600_000
HOUR_WINDOWS = 6
FLOOD_BEGINS, FLOOD_ENDS = 10, 5  # ISA-18.2: begins with 10 in 10 minutes, ends below 5
CHATTER_COUNT, CHATTER_MS = 3, 60_000
FLEETING_MS = 60_000
STALE_MS = 86_400_000
DUPLICATE_MS = 5_000
TOP = 10


@dataclass(frozen=True, slots=True)
class Source:
    """A rule on a subject, with the number of its alarms."""

    rule_id: str
    rule_name: str
    rule_name_en: str
    subject: str
    device_name: str
    number: int


@dataclass(slots=True)
class Counted:
    """What the records counted of one span. `windows` and `severities` name each count of `numbers`: window index (since the epoch) and
    severity. `waits_ms` (to the acknowledgement) and `verdict_waits_ms` come with how often each occurred. `stale` are (raised, cleared) of
    what stood longer than a day."""

    windows: NDArray[np.int64]
    severities: NDArray[np.int64]
    numbers: NDArray[np.int64]
    waits_ms: NDArray[np.int64]
    wait_numbers: NDArray[np.int64]
    verdict_waits_ms: NDArray[np.int64]
    verdict_wait_numbers: NDArray[np.int64]
    verdicts: dict[str, int]
    top: list[Source]
    chattering: list[Source]
    fleeting: int
    duplicates: int
    stale: list[tuple[int, int]]
    suppressed: int
    tests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`target` is said in words with its number; `holds` None: nothing to hold, or nothing happened. `unit`: 1, %, s, /10min."""

    code: str
    name: str
    name_en: str
    value: float | None
    unit: str
    target: str = ""
    clause: str = ""
    holds: bool | None = None


@dataclass(frozen=True, slots=True)
class Flood:
    from_ms: int
    to_ms: int
    alarms: int
    peak: int  # in one window


@dataclass(slots=True)
class Report:
    """The figures of one span, and what is behind them."""

    figures: list[Figure]
    floods: list[Flood] = field(default_factory=list)
    top: list[Source] = field(default_factory=list)
    chattering: list[Source] = field(default_factory=list)


def report(counted: Counted, from_ms: int, to_ms: int, positions: int = 1) -> Report:
    """All figures of [from, to) for so many operator positions, among which alarms are taken to be shared evenly."""
    assert from_ms < to_ms, "an empty span has no figures"
    assert positions >= 1, "alarms need somebody"
    first, last = from_ms // WINDOW_MS, (to_ms - 1) // WINDOW_MS + 1
    per_window = np.zeros(last - first, np.int64)
    np.add.at(per_window, counted.windows - first, counted.numbers)
    shared = per_window / positions
    hours = by_hour(per_window, first) / positions
    total = int(per_window.sum())
    floods = floods_of(per_window, first, positions)
    in_flood = sum(flood.to_ms - flood.from_ms for flood in floods) / (len(per_window) * WINDOW_MS)
    ten_minutes = (to_ms - from_ms) / WINDOW_MS
    mean = total / positions / ten_minutes
    mean_hour = mean * HOUR_WINDOWS
    shares = {severity: int(counted.numbers[counted.severities == int(severity)].sum()) for severity in Severity}
    low = _share(shares[Severity.INFO] + shares[Severity.LOW], total)
    high, critical = _share(shares[Severity.HIGH], total), _share(shares[Severity.CRITICAL], total)
    top = sum(source.number for source in counted.top)
    days = stale_by_day(counted.stale, from_ms, to_ms)
    judged = sum(counted.verdicts.values())
    wrong = counted.verdicts.get("false", 0) + counted.verdicts.get("nuisance", 0)
    isa, eemua = "ISA-18.2-2009 table 7 / IEC 62682", "EEMUA 191"
    busy = _share(int((shared > 10).sum()), len(shared))
    full = _share(int((hours > 30).sum()), len(hours))

    def figure(code: str, name: str, name_en: str, value: float | None, unit: str = "1", target: str = "", clause: str = "",
               holds: bool | None = None) -> Figure:  # fmt: skip
        return Figure(code=code, name=name, name_en=name_en, value=value, unit=unit, target=target, clause=clause, holds=holds)

    figures = [
        figure("alarms", "报警次数", "Annunciated alarms", total),
        figure("mean_10min", "每岗每10分钟平均", "Mean per position and 10 min", mean, "/10min", "<= 1 (manageable: 2)", isa, mean <= 1),
        figure("mean_hour", "每岗每小时平均", "Mean per position and hour", mean_hour, "/h", "<= 6 (manageable: 12)", isa, mean_hour <= 6),
        figure("peak_10min", "10分钟峰值（每岗）", "Peak in 10 min per position", float(shared.max()), "/10min", "<= 10", isa,
               bool(shared.max() <= 10)),
        figure("peak_hour", "小时峰值（每岗）", "Peak in an hour per position", float(hours.max()), "/h", "<= 30", isa,
               bool(hours.max() <= 30)),
        figure("windows_over_10", "超过10条的10分钟占比", "10-minute windows with more than 10", busy, "%", "< 1 %", isa, busy < 1),
        figure("hours_over_30", "超过30条的小时占比", "Hours with more than 30", full, "%", "< 1 %", isa, full < 1),
        figure("floods", "报警泛滥次数", "Floods (from 10 in 10 min, until below 5)", len(floods), "1", "0", isa, not floods),
        figure("time_in_flood", "泛滥时间占比", "Time in flood", 100 * in_flood, "%", "< 1 %", isa, in_flood < 0.01),
        figure("top_ten_share", "前十占比", "Share of the ten most frequent", _share(top, total), "%", "<= 5 %", isa,
               _share(top, total) <= 5 if total else None),
        figure("chattering", "抖动报警（源数）", "Chattering sources (3 in 60 s)", len(counted.chattering), "1", "0", isa,
               not counted.chattering),
        figure("fleeting", "瞬时报警", "Fleeting (cleared within 60 s, not acknowledged)", counted.fleeting, "1", "0", isa,
               not counted.fleeting),
        figure("stale", "滞留报警（单日最多）", "Stale: most on any day (active over 24 h)", int(days.max(initial=0)), "1", "< 5", isa,
               bool(days.max(initial=0) < 5)),
        figure("duplicates", "重复报警", "Duplicates (same source, another rule, within 5 s)", counted.duplicates, "1", "0", eemua,
               not counted.duplicates),
        figure("ack_p50", "接警用时中位数", "Time to acknowledge, median", _quantile_s(counted.waits_ms, counted.wait_numbers, 0.5), "s"),
        figure("ack_p95", "接警用时95分位", "Time to acknowledge, 95 %", _quantile_s(counted.waits_ms, counted.wait_numbers, 0.95), "s"),
        figure("ack_max", "最长接警用时", "Time to acknowledge, longest", _quantile_s(counted.waits_ms, counted.wait_numbers, 1.0), "s"),
        figure("verdict_p50", "核实用时中位数", "Time to the verdict, median",
               _quantile_s(counted.verdict_waits_ms, counted.verdict_wait_numbers, 0.5), "s"),
        figure("verdict_p95", "核实用时95分位", "Time to the verdict, 95 %",
               _quantile_s(counted.verdict_waits_ms, counted.verdict_wait_numbers, 0.95), "s"),
        figure("share_low", "次要与提示占比", "Share of low and info", low, "%", "about 80 %", isa, None if not total else low >= 75),
        figure("share_high", "重要占比", "Share of high", high, "%", "about 15 %", isa, None if not total else high <= 20),
        figure("share_critical", "紧急占比", "Share of critical", critical, "%", "about 5 %", isa, None if not total else critical <= 5),
        figure("false_share", "误报占比（按结论）", "False or nuisance among verdicts", _share(wrong, judged) if judged else None, "%"),
        figure("judged", "已核实", "Verdicts given", judged),
        figure("suppressed", "被抑制（不计入）", "Suppressed, not counted above", counted.suppressed),
        figure("tests", "测试（不计入）", "Of tests, not counted above", counted.tests),
    ]  # fmt: skip
    return Report(figures, floods, counted.top, counted.chattering)


def by_hour(per_window: NDArray[np.int64], first: int) -> NDArray[np.int64]:
    """Numbers by hour of the clock, of numbers by 10-minute window; the first and last hour may be parts."""
    before = first % HOUR_WINDOWS
    after = -(before + len(per_window)) % HOUR_WINDOWS
    sums: NDArray[np.int64] = np.pad(per_window, (before, after)).reshape(-1, HOUR_WINDOWS).sum(axis=1)
    return sums


def floods_of(per_window: NDArray[np.int64], first: int, positions: int = 1) -> list[Flood]:
    """Each from a window with at least 10 alarms a position until one with fewer than 5, which is outside it."""
    shared = per_window / positions
    begins, ends = np.flatnonzero(shared >= FLOOD_BEGINS), np.flatnonzero(shared < FLOOD_ENDS)
    found: list[Flood] = []
    at = 0
    while (n := int(np.searchsorted(begins, at))) < len(begins):
        begin = int(begins[n])
        after = int(np.searchsorted(ends, begin))
        at = int(ends[after]) if after < len(ends) else len(per_window)
        inside = per_window[begin:at]
        found.append(Flood((first + begin) * WINDOW_MS, (first + at) * WINDOW_MS, int(inside.sum()), int(inside.max())))
    return found


def stale_by_day(stale: list[tuple[int, int]], from_ms: int, to_ms: int) -> NDArray[np.int64]:
    """How many alarms had stood for more than 24 h, by day since `from_ms` (the last may be a part)."""
    days = -(-(to_ms - from_ms) // STALE_MS)
    change = np.zeros(days + 1, np.int64)
    for raised_ms, cleared_ms in stale:
        since, until = max(raised_ms + STALE_MS, from_ms), min(cleared_ms, to_ms)
        if since < until:
            change[(since - from_ms) // STALE_MS] += 1
            change[(until - 1 - from_ms) // STALE_MS + 1] -= 1
    return np.cumsum(change)[:-1]


def quantile_ms(values_ms: NDArray[np.int64], numbers: NDArray[np.int64], part: float) -> int | None:
    """The smallest value at or below which at least this part lies, of values with how often each occurred."""
    total = int(numbers.sum())
    if total == 0:
        return None
    order = np.argsort(values_ms, kind="stable")
    reached = np.cumsum(numbers[order])
    return int(values_ms[order][int(np.searchsorted(reached, part * total))])


def _quantile_s(values_ms: NDArray[np.int64], numbers: NDArray[np.int64], part: float) -> float | None:
    found = quantile_ms(values_ms, numbers, part)
    return None if found is None else found / 1000


def _share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
