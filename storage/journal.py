"""The journal: one durable row a scan, appended before anything is decided. Only the scan writes it.

`SqliteJournal` is a SQLite file of its own; `MemoryJournal` is the stand-in of tests. A replicated log may take their place behind
`Journal`: `append` is compare-and-append.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class JournalFull(Exception):
    """No space is left, also after the reserve was freed: the service becomes volatile."""


class JournalConflict(Exception):
    """Somebody else appended: `expected_position` is not the last."""


class JournalDamaged(Exception):
    """Rows that fail their checksum or format, in the span of positions named by the message."""


class Journal(Protocol):
    @property
    def position(self) -> int:
        """Position of the last durable row; 0 when empty."""
        ...

    @property
    def bytes_kept(self) -> int: ...

    def append(self, expected_position: int, row: bytes) -> int:
        """Durably append one row (cut into chunks of at most 1 MiB inside); returns its position, expected_position + 1.
        Raises JournalFull, JournalConflict."""
        ...

    def read(self, after: int) -> Iterator[tuple[int, bytes]]:
        """Rows with position > after, in order. Raises JournalDamaged at the first bad or missing one."""
        ...

    def prune(self, upto: int) -> None:
        """Forget rows with position <= upto."""
        ...

    def close(self) -> None: ...
