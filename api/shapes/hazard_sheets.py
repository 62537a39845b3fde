"""The ledger's import over HTTP."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.asks import Ask


class LedgerImportAsk(Ask):
    """XLSX or CSV, base64; at most 8 MiB."""

    content: Annotated[str, Field(min_length=1, max_length=11_500_000)]
    dry_run: bool = True


class BadRow(TypedDict):
    """`row` as a spreadsheet counts it."""

    row: int
    title: str
    problems: list[str]


class LedgerImport(TypedDict):
    rows: int
    good: int
    bad: list[BadRow]
    recorded: list[str]
    dry_run: bool
