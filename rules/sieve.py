"""The sieve: which readings of a batch may change a check. All others are done with after a few passes over short columns.

A reading between its row's quiet bounds moves the row's newest time on and does nothing else, so readings that are quiet need no order
among themselves, however many one row has. Only rows with an awake reading are taken apart: their readings are sorted by row, and each
step of `awake_sets` hands out at most one reading a row, in its row's order. Writes the newest times of `Memory`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.memory import BLOCK_SHIFT, NEVER, Memory

_CHUNK = 1 << 16  # neighbouring readings at a time: each column is passed once, only the outcome stays in the nearest caches
_SCATTERED = 1 << 12  # scattered ones, each of which brings whole cache lines along
_FIRST_LOOK = 4  # readings looked at after one that was awake; four times as many each time they are all quiet
_FAR = np.int64(2**62)


def span_of(rows: NDArray[Any]) -> slice | None:
    """These rows as a slice, when they are neighbours in order: columns are then read as views instead of gathered."""
    n = len(rows)
    if not n or int(rows[-1]) - int(rows[0]) != n - 1:
        return None
    for begin in range(0, n, _CHUNK):
        part = rows[begin : begin + _CHUNK + 1]
        if not (part[1:] > part[:-1]).all():
            return None
    return slice(int(rows[0]), int(rows[-1]) + 1)


def awake_sets(
    memory: Memory, rows: NDArray[Any], span: slice | None, taken: NDArray[np.int64], values: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(places, newest) of awake readings, of different rows in each set: their places in the batch, and their rows' newest time before
    them. The caller settles the bounds of their rows before it asks for the next set. Duplicates of the newest are left out."""
    if span is not None:
        places, newest = _sift_span(memory, span, taken, values)
        is_new = taken[places] != newest
        if is_new.any():
            yield places[is_new], newest[is_new]
        return
    places, before = _sift(memory, rows, taken, values)
    if len(places):
        yield from _apart(memory, rows, taken, values, places, before)


def _sift_span(
    memory: Memory, span: slice, taken: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the awake, and their rows' newest times before."""
    n = len(taken)
    below, above = np.empty(min(n, _CHUNK), np.bool_), np.empty(min(n, _CHUNK), np.bool_)
    found, before = [], []
    for begin in range(0, n, _CHUNK):
        end = min(begin + _CHUNK, n)
        own = slice(span.start + begin, span.start + end)
        value, newest = values[begin:end], memory.taken_ms[own]
        out = np.greater(value, memory.high[own], out=above[: end - begin])
        for low in _lows(memory, own):
            part = slice(low.start - own.start, low.stop - own.start)
            out[part] |= np.less(value[part], memory.low[low], out=below[: low.stop - low.start])
        awake = out.nonzero()[0]
        if len(awake):
            found.append(awake + begin)
            before.append(newest[awake])
        np.maximum(newest, taken[begin:end], out=newest)
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(found), np.concatenate(before)


def _lows(memory: Memory, own: slice) -> list[slice]:
    """Where in these rows a value can be too low: mostly nowhere, for most rules look upwards only."""
    first, last = own.start >> BLOCK_SHIFT, (own.stop - 1) >> BLOCK_SHIFT
    blocks = memory.lows[first : last + 1].nonzero()[0]
    if len(blocks) > 4:
        return [own]
    starts = ((blocks + first) << BLOCK_SHIFT).tolist()
    return [slice(max(start, own.start), min(start + (1 << BLOCK_SHIFT), own.stop)) for start in starts]


def _sift(
    memory: Memory, rows: NDArray[np.intp], taken: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the awake, and for every reading its row's newest time as it was before the chunk it lies in."""
    n = len(rows)
    before = np.empty(n, np.int64)
    size = min(n, _SCATTERED)
    below, above, bound = np.empty(size, np.bool_), np.empty(size, np.bool_), np.empty(size, np.float64)
    found = []
    for begin in range(0, n, _SCATTERED):
        end = min(begin + _SCATTERED, n)
        own, value, when = rows[begin:end], values[begin:end], taken[begin:end]
        # rows are known to be in range; without a mode `take` copies its result once more
        edge = bound[: end - begin]
        out = np.less(value, memory.low.take(own, out=edge, mode="clip"), out=below[: end - begin])
        out |= np.greater(value, memory.high.take(own, out=edge, mode="clip"), out=above[: end - begin])
        awake = out.nonzero()[0]
        if len(awake):
            found.append(awake + begin)
        known = memory.taken_ms.take(own, out=before[begin:end], mode="clip")
        newest = np.maximum(known, when)
        memory.taken_ms[own] = newest  # of several the last stands
        if not (when[1:] >= when[:-1]).all():
            lost = (memory.taken_ms.take(own) < newest).nonzero()[0]
            np.maximum.at(memory.taken_ms, own[lost], newest[lost])
    return np.concatenate(found) if found else np.zeros(0, np.int64), before


def _apart(
    memory: Memory,
    rows: NDArray[np.intp],
    taken: NDArray[np.int64],
    values: NDArray[np.float64],
    places: NDArray[np.int64],
    before: NDArray[np.int64],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """All readings of the rows that have an awake one, in each row's order, from before its first on."""
    awake_rows = rows[places]
    memory.mark[awake_rows] = True
    at = memory.mark.take(rows, mode="clip").nonzero()[0]
    memory.mark[awake_rows] = False
    at = at[_order(rows[at])]
    own = rows[at]
    is_first = np.concatenate(([True], own[1:] != own[:-1]))
    if is_first.all():
        newest = before[at]
        is_new = taken[at] != newest
        if is_new.any():
            yield at[is_new], newest[is_new]
        return
    starts = is_first.nonzero()[0]
    row = own[starts]
    memory.taken_ms[row] = before[at[starts]]
    when, value = taken[at], values[at]
    ends = np.append(starts[1:], len(at))
    widths = ends - starts  # everything at first, for the sieve has seen it all; then as far as there is hope
    while len(row):
        begins = widths.cumsum() - widths
        look = np.repeat(starts - begins, widths) + np.arange(int(widths.sum()))
        met, seen = value[look], when[look]
        is_awake = (met < np.repeat(memory.low[row], widths)) | (met > np.repeat(memory.high[row], widths))
        first = np.minimum.reduceat(np.where(is_awake, look, _FAR), begins)
        has = first < _FAR
        passed = np.maximum.reduceat(np.where(look < np.repeat(first, widths), seen, NEVER), begins)
        newest = np.maximum(passed, memory.taken_ms[row])
        memory.taken_ms[row] = newest
        awake, known = first[has], newest[has]
        memory.taken_ms[row[has]] = np.maximum(known, when[awake])
        is_new = when[awake] != known
        if is_new.any():
            yield at[awake[is_new]], known[is_new]
        starts = np.where(has, first + 1, starts + widths)
        widths = np.where(has, _FIRST_LOOK, 4 * widths)
        left = (starts < ends).nonzero()[0]
        row, starts, ends = row[left], starts[left], ends[left]
        widths = np.minimum(widths[left], ends - starts)


def _order(rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """Sorted by row, in a row as they came. Row and place in one number sort faster than a stable sort of the rows."""
    order: NDArray[np.int64] = np.sort((rows << 32) | np.arange(len(rows)))
    order &= 0xFFFFFFFF
    return order
