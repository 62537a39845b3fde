"""The journal: one durable row a scan, appended before anything is decided. Only the scan writes it.

`storage.journal_sqlite.SqliteJournal` is a SQLite file of its own; `MemoryJournal` is the stand-in of tests. A replicated log may take
their place behind `Journal`: `append` is compare-and-append.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class JournalFull(Exception):
    """Nothing can be appended, also after the reserve was freed (no space, or the disk refuses): the service becomes volatile."""


class JournalConflict(Exception):
    """Somebody else appended: `expected_position` is not the last."""


class JournalDamaged(Exception):
    """Rows that fail their checksum or format, or are missing, in the span of positions `first` to `last` (both included)."""

    def __init__(self, first: int, last: int, reason: str) -> None:
        super().__init__(f"journal positions {first} to {last}: {reason}")
        self.first, self.last, self.reason = first, last, reason


class Journal(Protocol):
    @property
    def position(self) -> int:
        """Position of the last durable row; 0 when empty."""
        ...

    @property
    def bytes_kept(self) -> int:
        """Bytes that the kept rows take."""
        ...

    def append(self, expected_position: int, row: bytes) -> int:
        """Durably append one row (cut into chunks of at most 1 MiB inside); returns its position, expected_position + 1.
        Raises JournalFull, JournalConflict."""
        ...

    def read(self, after: int, skip_damaged: bool = False) -> Iterator[tuple[int, bytes]]:
        """Rows with position > after, in order, from any thread. Raises JournalDamaged at the first bad or missing span, or leaves
        the bad ones out."""
        ...

    def damage(self, after: int) -> list[tuple[int, int]]:
        """Spans (first, last) of bad or missing positions > after; reads all of them."""
        ...

    def advance_to(self, position: int) -> None:
        """Let the next row follow `position` when the journal's tail was lost while snapshot or records are past it: a position is
        never given twice. Nothing when the journal is there already."""
        ...

    def prune(self, upto: int) -> None:
        """Forget rows with position <= upto (the last row may be kept)."""
        ...

    def close(self) -> None: ...


def spans_of(positions: Iterator[int]) -> list[tuple[int, int]]:
    """Ascending positions as spans (first, last)."""
    spans: list[tuple[int, int]] = []
    for position in positions:
        if spans and spans[-1][1] == position - 1:
            spans[-1] = (spans[-1][0], position)
        else:
            spans.append((position, position))
    return spans


class MemoryJournal:
    """A journal that lives as long as the process. `most_bytes` makes it full."""

    def __init__(self, most_bytes: int | None = None) -> None:
        self._rows: dict[int, bytes] = {}
        self._position = 0
        self._bytes = 0
        self.most_bytes = most_bytes

    @property
    def position(self) -> int:
        return self._position

    @property
    def bytes_kept(self) -> int:
        return self._bytes

    def append(self, expected_position: int, row: bytes) -> int:
        if expected_position != self._position:
            raise JournalConflict(f"expected the journal at {expected_position}, it is at {self._position}")
        if self.most_bytes is not None and self._bytes + len(row) > self.most_bytes:
            raise JournalFull(f"more than {self.most_bytes} bytes")
        self._position += 1
        self._rows[self._position] = bytes(row)
        self._bytes += len(row)
        return self._position

    def read(self, after: int, skip_damaged: bool = False) -> Iterator[tuple[int, bytes]]:
        for position in range(after + 1, self._position + 1):
            row = self._rows.get(position)
            if row is not None:
                yield position, row
            elif not skip_damaged:
                last = next(last for first, last in self.damage(after) if first <= position <= last)
                raise JournalDamaged(position, last, "missing")

    def damage(self, after: int) -> list[tuple[int, int]]:
        return spans_of(position for position in range(after + 1, self._position + 1) if position not in self._rows)

    def advance_to(self, position: int) -> None:
        self._position = max(self._position, position)

    def prune(self, upto: int) -> None:
        for position in [position for position in self._rows if position <= upto]:
            self._bytes -= len(self._rows.pop(position))

    def close(self) -> None:
        pass
