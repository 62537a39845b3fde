"""Tables as files: CSV as Excel writes it anywhere, and XLSX, read and written in a child process of low priority.

A table is a list of rows of text. What comes in is bounded before it is unpacked; what goes out never holds a formula: a cell that begins
like one is led by an apostrophe, which reading takes off again. It knows nothing of what the cells mean.
"""

from __future__ import annotations

import csv
import io
import os
import resource
import subprocess
import sys
import zipfile
from datetime import date, datetime, time
from typing import Any

import orjson

MOST_BYTES = 8 << 20
MOST_UNPACKED = 128 << 20
MOST_ROWS = 20_000
MOST_COLUMNS = 100
MOST_CELL = 4_000
WITHIN_S = 60.0
_MEMORY = 2 << 30  # address space of the child
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Table = list[list[str]]
CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class SheetError(Exception):
    """The file cannot be read as a table; the message says why."""


def read(content: bytes) -> Table:
    """The first sheet of an XLSX, or a CSV, whichever the bytes are; empty rows at the end left out. Raises SheetError."""
    if len(content) > MOST_BYTES:
        raise SheetError(f"the file has {len(content)} bytes; at most {MOST_BYTES} are read")
    if content[:4] == b"PK\x03\x04":
        _check_archive(content)
        table = orjson.loads(_apart("read", content))
    elif content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise SheetError("this is an old .xls file: save it as .xlsx or .csv")
    else:
        table = _read_csv(content)
    while table and not any(table[-1]):
        table.pop()
    if len(table) > MOST_ROWS:
        raise SheetError(f"the file has {len(table)} rows; at most {MOST_ROWS} are read at once")
    return [[_plain(cell) for cell in row[:MOST_COLUMNS]] for row in table]


def write_csv(table: Table) -> bytes:
    """UTF-8 with a byte order mark, so that Excel reads Chinese."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([harmless(cell) for cell in row] for row in table)
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")


def write_xlsx(table: Table) -> bytes:
    """One sheet whose first row stays in sight. Raises SheetError."""
    return _apart("write", orjson.dumps([[harmless(cell) for cell in row] for row in table]))


def harmless(cell: str) -> str:
    return "'" + cell if cell.startswith((*_FORMULA, "'")) else cell


def _plain(cell: str) -> str:
    cell = cell.strip()[:MOST_CELL]
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*_FORMULA, "'")) else cell


def _read_csv(content: bytes) -> Table:
    for encoding in ("utf-8-sig", "gb18030"):  # Excel in China writes the second
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise SheetError("the file is neither XLSX nor text in UTF-8 or GB18030")
    if "\0" in text:
        raise SheetError("the file is neither XLSX nor text: it holds null bytes")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        return [row for row, _ in zip(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), range(MOST_ROWS + 1), strict=False)]
    except csv.Error as error:
        raise SheetError(f"the text cannot be read as CSV: {error}") from None


def _check_archive(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(each.file_size for each in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise SheetError("the file begins like an XLSX and is none") from None
    if unpacked > MOST_UNPACKED:
        raise SheetError(f"the file unpacks to {unpacked} bytes; at most {MOST_UNPACKED} are read")


# -- the child process ---------------------------------------------------------------------------------------------------


def _apart(act: str, given: bytes) -> bytes:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
    command = [sys.executable, "-m", "api.sheets", act]
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=WITHIN_S, env=environment, check=False)
    except subprocess.TimeoutExpired:
        raise SheetError(f"the file took longer than {WITHIN_S:g} s") from None
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()
        raise SheetError(f"the file cannot be read as XLSX: {last[-1][:200] if last else 'no reason given'}")
    return done.stdout


def _main(act: str) -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    given = sys.stdin.buffer.read()
    sys.stdout.buffer.write(orjson.dumps(_cells_of(given)) if act == "read" else _book_of(orjson.loads(given)))


def _cells_of(content: bytes) -> Table:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    rows = book.worksheets[0].iter_rows(max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS, values_only=True)
    return [[_text(value) for value in row] for row in rows]


def _book_of(table: Table) -> bytes:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet = book.create_sheet("sitewarden")
    sheet.freeze_panes = "A2"
    widths = [max((len(row[i]) for row in table[:500] if i < len(row)), default=8) for i in range(max(map(len, table), default=0))]
    for i, width in enumerate(widths):
        sheet.column_dimensions[chr(65 + i) if i < 26 else f"A{chr(65 + i - 26)}"].width = min(40, max(8, width + 2))
    for number, row in enumerate(table):
        cells = []
        for text in row:
            cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("�", text))
            cell.data_type = "s"  # text, whatever it looks like
            if number == 0:
                cell.font = Font(bold=True)
            cells.append(cell)
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _text(value: Any) -> str:
    """As a person sees the cell."""
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case datetime():
            return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
        case date():
            return value.isoformat()
        case _:
            return str(value)


if __name__ == "__main__":
    _main(sys.argv[1])
