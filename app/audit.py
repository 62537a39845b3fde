"""`sitewarden audit`: the chain checked, its head shown, exported, and shortened behind a checkpoint, straight in the records.

`verify` exits 1 when the chain is not whole. The head that it prints is to be kept elsewhere: given back later by --head, it shows a tail
that was cut off, or a chain that was made anew.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import orjson

from app.people import CONSOLE, opened
from app.settings import CommandError, load
from sites.audit import AuditQuery
from storage.records import Records

_AT_ONCE = 1_000
DAY_MS = 86_400_000


def add_commands(commands: Any) -> None:
    """The parser of `sitewarden audit`."""
    audit = commands.add_parser("audit", help="the audit's hash chain")
    acts = audit.add_subparsers(required=True, metavar="ACT")
    verify = acts.add_parser("verify", help="find a changed, removed or reordered entry, or a tail cut off")
    verify.add_argument("--head", metavar="ID:HASH", help="an entry's hash that was kept elsewhere, such as from a mail")
    verify.set_defaults(run=_verify)
    head = acts.add_parser("head", help="the newest entry's id and hash, to be kept elsewhere")
    head.set_defaults(run=_head)
    export = acts.add_parser("export", help="all entries with their hashes, oldest last, as JSON lines")
    export.add_argument("file", type=Path, metavar="FILE.jsonl")
    export.set_defaults(run=_export)
    prune = acts.add_parser("prune", help="export the oldest entries to a file, then take them away behind a checkpoint")
    prune.add_argument("file", type=Path, metavar="FILE.jsonl", help="where they go; it must not exist")
    prune.add_argument("--days", type=int, required=True, help="keep those of so many days")
    prune.set_defaults(run=_prune)


def parse_head(text: str) -> tuple[int, str]:
    """`ID:HASH`. Raises CommandError."""
    number, _, hashed = text.strip().partition(":")
    if not number.isdigit() or len(hashed) != 64 or set(hashed) - set("0123456789abcdef"):
        raise CommandError(f"--head {text!r}: give ID:HASH as `sitewarden audit head` prints it")
    return int(number), hashed


def _verify(arguments: argparse.Namespace) -> int:
    known = None if arguments.head is None else parse_head(arguments.head)
    with opened(load()) as records:
        found = records.audit_check(known)
    if found.problem is not None:
        raise CommandError(f"the audit is not whole: {found.problem}")
    before = f" ({found.first_id - 1} before it stand behind a checkpoint)" if found.first_id > 1 else ""
    print(f"the audit is whole: {found.entries} entries{before}")
    print(f"head {found.last_id}:{found.head}")
    return 0


def _head(arguments: argparse.Namespace) -> int:
    with opened(load()) as records:
        last_id, hashed = records.audit_head()
    print(f"{last_id}:{hashed}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    with opened(load()) as records:
        print(f"{_write(records, arguments.file, AuditQuery())} entries are in {arguments.file}")
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    if arguments.days < 1:
        raise CommandError("--days: at least 1 day is kept")
    now_ms = time.time_ns() // 1_000_000
    before_ms = now_ms - arguments.days * DAY_MS
    with opened(load()) as records:
        found = records.audit_check()
        if found.problem is not None:
            raise CommandError(f"the audit is not whole, nothing is taken away: {found.problem}")
        written = _write(records, arguments.file, AuditQuery(to_ms=before_ms))
        try:
            gone = records.audit_checkpoint(before_ms, CONSOLE, now_ms)
        except ValueError as error:
            raise CommandError(str(error)) from None
    print(f"{written} entries are in {arguments.file}; {gone} were taken away behind a checkpoint")
    return 0


def _write(records: Records, file: Path, query: AuditQuery) -> int:
    """All entries of the query, newest first, into a new file that is on the disk when this returns."""
    written, cursor = 0, None
    try:
        with open(file, "xb") as out:
            while True:
                page = records.audit_page(query, cursor, _AT_ONCE)
                out.writelines(orjson.dumps(entry) + b"\n" for entry in page.items)
                written, cursor = written + len(page.items), page.next_cursor
                if cursor is None:
                    out.flush()
                    os.fsync(out.fileno())
                    return written
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror or error}") from None
