"""The kinds whose value is derived from one point's readings: rate, window, count, stuck and drift. Part of the engine.

Every (rule, point) pair of these kinds works out a value, and that goes through levels, deadband, holds and latch as a reading does. How:

**rate**    at each reading in order: (its value - that of the earliest reading kept) / the time between, times `per_s`. Known once that
            time is `covered` x `window_s`. Falling is negative: levels *below* a negative limit.
**window**  mean, lowest, highest, sum, share or count of the readings kept; *by time*, the mean over the window's parts, where a part
            without a reading has the last value before it. A mean, extreme or share is known once readings go back
            `covered` x `window_s` (also a sum or count with levels *below*); one of no reading is not known, a sum or count of none is 0.
**count**   how many readings met `share_of`, in the same way.
**stuck**   at each reading in order: seconds from the reading at which the value last moved, that is came to lie more than `tolerance`
            from where it stood, up to this one. What was not read is not known to be unmoved: time alone does not make it longer.
**drift**   at each reading in order: distance from the baseline, a running mean weighed by the time between readings that reaches back
            over `window_s`. Known once it has learnt for `covered` x `window_s`. It learns after it was judged, from readings in order
            and in time, and not while a level is active or its hold is running; no longer than one gap at a time.

- **A window** is kept in sixty parts (`rules.windows`) by `taken_ms`. It moves on with each reading, and by the clock when a part with
  readings leaves (by time: with each part), until the point is overdue; then its value stands. It never moves back.
- **First readings**: a pair begins empty, or (a rule that is new) with its point's latest reading. After more than `window_s` without a
  reading what is covered counts anew.
- **A gap** (2.5 expected intervals) begins holds anew and makes *stuck* begin anew; windows keep what they hold.
- **Out of order** (taken before the newest), in time: joins the window that it belongs to if it is not too old to be told from a
  duplicate (the last 32 times are remembered); judges nothing: the next reading or the clock does. Stuck and drift ignore it.
- **Late and out of order**: ignored. **Late and newest**: as any other, but its finding is late, and it never clears.
- **The same time again** changes nothing; stale retained readings are not readings.
- **Unknown** is neither met nor back: no hold goes on, an active level stays.
- **Overdue**: a rising hold raises; nothing clears.
- **Edits** keep a window where metric, span, statistic and condition are the same, whatever the levels; dumps keep all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rules.compile import Program
from rules.derived_checks import end_holds, settle_checks
from rules.derived_due import clock_dues, derived_of, gap_of, hold_dues
from rules.derived_gates import Turn, in_order, make_turn, schedule_turns
from rules.derived_values import join_out_of_order, lateness_of, learn, take_in, work_out
from rules.edges import Edges, findings
from rules.findings import Finding
from rules.memory import Memory
from rules.pairs import MOVING
from rules.windows import NEVER
from sites.readings import STALE_RETAINED, Readings

_CHUNK = 1 << 12  # readings whose temporaries stay in the nearer caches


def step(
    program: Program,
    memory: Memory,
    readings: Readings,
    arrived: NDArray[np.int64],
    began_ms: int,
    until_ms: int,
    turns: Sequence[Turn] = (),
) -> list[Finding]:
    """Step the derived kinds over a batch that arrived at `arrived`, then to `until_ms`. `began_ms` is the time reached before; `turns`, in
    order, are those of gates other than schedules."""
    derived, own = program.derived, memory.derived
    if derived is None or own is None:
        return []
    edges = Edges()
    own.now_ms = began_ms
    at = np.flatnonzero(derived.has_pairs[readings.rows] & ((readings.flags & STALE_RETAINED) == 0))
    begin = 0
    for turn in in_order(schedule_turns(program, memory, arrived, until_ms), turns):
        if turn.settled_ms >= own.now_ms:
            end = int(np.searchsorted(at, turn.place))
            _span(program, memory, readings, at[begin:end], arrived, turn.settled_ms, edges)
            begin = end
        own.now_ms = turn.at_ms
        if turn.index < 0:
            make_turn(program, memory, turn, edges)
        else:
            _turn_by_reading(program, memory, turn, edges)
    _span(program, memory, readings, at[begin:], arrived, until_ms, edges)
    return findings(derived.tier, own, edges)


def _turn_by_reading(program: Program, memory: Memory, turn: Turn, edges: Edges) -> None:
    """A gate that a reading turns: what comes of it at once is told as that reading's."""
    derived, _ = derived_of(program, memory)
    part = Edges()
    make_turn(program, memory, turn, part)
    pairs = np.unique(derived.check_pair[turn.checks]).astype(np.int64)
    _fire(program, memory, pairs, turn.at_ms, part)
    for check, fired, _, sub, *columns in part.parts:
        index = np.full(len(check), turn.index)
        edges.parts.append((check, np.maximum(fired, turn.at_ms), index, sub + turn.sub, *columns))


def _span(
    program: Program, memory: Memory, readings: Readings, at: NDArray[np.int64], arrived: NDArray[np.int64], until_ms: int, edges: Edges
) -> None:
    """Some of the readings, between which no gate turns, and time up to their end."""
    _, own = derived_of(program, memory)
    for places in _rounds(readings.rows[at]) if len(at) else ():
        for begin in range(0, len(places), _CHUNK):
            _take(program, memory, readings, at[places[begin : begin + _CHUNK]], arrived, edges)
    _fire(program, memory, own.wheel.take(until_ms), until_ms, edges)
    own.now_ms = until_ms


def present_value(program: Program, memory: Memory, rule_id: str, row: int) -> float | None:
    """The value of a rule on a point row as it was last worked out; None: unknown, or the rule derives none there."""
    if program.derived is None or memory.derived is None or row >= program.derived.rows:
        return None
    derived = program.derived
    for pair in range(int(derived.start[row]), int(derived.start[row + 1])):
        value = float(memory.derived.values[pair])
        if program.rules[int(derived.rule[pair])].id == rule_id and value == value:
            return value
    return None


def seed(program: Program, memory: Memory, pairs: NDArray[np.int64]) -> None:
    """Pairs that are new begin with their point's latest reading, where there is one. Nothing is judged; the wheel is not set."""
    derived, own = derived_of(program, memory)
    columns = program.roster.columns
    row = derived.row[pairs]
    heard = columns.latest_taken_ms[row] != NEVER
    pairs, row = pairs[heard], row[heard]
    if len(pairs):
        taken, now = columns.latest_taken_ms[row], columns.latest_arrived_ms[row]
        late = columns.latest_delay_ms[row] > lateness_of(program, pairs)
        take_in(program, memory, pairs, taken, now, columns.latest_values[row], late)
        own.values[pairs] = np.nan


def _rounds(rows: NDArray[np.int32]) -> list[NDArray[np.int64]]:
    """Places in the batch, in rounds in each of which a row occurs once: first all first readings, then all second ones, ..."""
    by_row = np.argsort(rows, kind="stable")
    ordered = rows[by_row]
    is_first = np.append(True, ordered[1:] != ordered[:-1])
    if is_first.all():
        return [np.arange(len(rows))]
    starts = np.flatnonzero(is_first)
    rank = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    by_rank = np.argsort(rank, kind="stable")
    return np.split(by_row[by_rank], np.cumsum(np.bincount(rank))[:-1])


def _take(program: Program, memory: Memory, readings: Readings, index: NDArray[np.int64], arrived: NDArray[np.int64], edges: Edges) -> None:
    """One reading of each of some rows."""
    derived, own = derived_of(program, memory)
    pairs, of = derived.pairs_of(readings.rows[index].astype(np.int64))
    index = index[of]
    now = arrived[index]
    waiting = own.wheel.queued_ms[pairs] <= now
    if waiting.any():
        _fire(program, memory, pairs[waiting], now[waiting], edges)
    taken, values = readings.taken_ms[index], readings.values[index]
    late = readings.delay_ms[index] > lateness_of(program, pairs)
    newest = own.taken_ms[pairs]
    joins = np.flatnonzero((taken < newest) & ~late)
    if len(joins):
        join_out_of_order(program, memory, pairs[joins], taken[joins], now[joins], values[joins])
        _queue(program, memory, pairs[joins], gap_of(program, pairs[joins]))
    fresh = np.flatnonzero(taken > newest)
    if len(fresh) < len(pairs):
        pairs, taken, values, now = pairs[fresh], taken[fresh], values[fresh], now[fresh]
        index, late, newest = index[fresh], late[fresh], newest[fresh]
    if not len(pairs):
        return
    gap_ms = gap_of(program, pairs)
    is_gap = take_in(program, memory, pairs, taken, now, values, late)
    work_out(program, memory, pairs, taken, gap_ms, values)
    settle_checks(program, memory, pairs, taken, now, is_gap, index, 0, edges)
    learn(program, memory, pairs, taken, newest, gap_ms, values)
    _queue(program, memory, pairs, gap_ms)


def _fire(program: Program, memory: Memory, pairs: NDArray[np.int64], until: NDArray[np.int64] | int, edges: Edges) -> None:
    """Everything that time alone does to these pairs by `until`, each pair's own in order; what remains is queued."""
    derived, own = derived_of(program, memory)
    until = np.broadcast_to(np.asarray(until, np.int64), pairs.shape)
    sub = 0  # keeps the order of what one pair does at one moment
    while len(pairs):
        gap_ms = gap_of(program, pairs)
        checks, of = derived.checks_of(pairs)
        holds = hold_dues(program, memory, checks, gap_ms[of])
        due, at_ms = clock_dues(program, memory, pairs, gap_ms)
        moves = due.copy()
        np.minimum.at(due, of, holds)
        over = due <= until
        own.wheel.put(pairs[~over], due[~over])
        ends = np.flatnonzero((holds == due[of]) & over[of])
        if len(ends):
            end_holds(program, memory, checks[ends], holds[ends], sub, edges)
        mine = np.flatnonzero((moves == due) & over)
        if len(mine):
            _move_on(program, memory, pairs[mine], at_ms[mine], due[mine], gap_ms[mine], sub + 1, edges)
        pairs, until, sub = pairs[over], until[over], sub + 2


def _move_on(
    program: Program,
    memory: Memory,
    pairs: NDArray[np.int64],
    at_ms: NDArray[np.int64],
    due: NDArray[np.int64],
    gap_ms: NDArray[np.int64],
    sub: int,
    edges: Edges,
) -> None:
    """Parts leave these windows, whose own time is `at_ms` now."""
    derived, own = derived_of(program, memory)
    head = at_ms // derived.recipes.part_ms[derived.rule[pairs]]
    group = derived.group[pairs]
    for each in MOVING:
        if each not in derived.present:
            continue
        mine = np.flatnonzero(group == each)
        own.parts[each].move(derived.slot[pairs[mine]].astype(np.int64), own.head[pairs[mine]], head[mine])
    own.head[pairs] = head
    work_out(program, memory, pairs, at_ms, gap_ms, np.zeros(len(pairs)))
    now, no_gap = np.maximum(due, own.now_ms), np.zeros(len(pairs), bool)
    settle_checks(program, memory, pairs, at_ms, now, no_gap, np.full(len(pairs), -1), sub, edges)


def _queue(program: Program, memory: Memory, pairs: NDArray[np.int64], gap_ms: NDArray[np.int64]) -> None:
    derived, own = derived_of(program, memory)
    checks, of = derived.checks_of(pairs)
    due, _ = clock_dues(program, memory, pairs, gap_ms)
    np.minimum.at(due, of, hold_dues(program, memory, checks, gap_ms[of]))
    own.wheel.put(pairs, due)
