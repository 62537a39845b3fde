"""`sitewarden devices`: the register as a file, straight in the records, as the console's import and export do it over HTTP.

A service that is running meets the change by itself: it looks for what was done at the machine beside it.
"""

from __future__ import annotations

import time
from pathlib import Path

from api import register, sheets
from app.decoding import Codecs
from app.people import CONSOLE, opened
from app.settings import CommandError, Settings
from sites.records import Conflict

MOST_TOLD = 50


def import_file(settings: Settings, file: Path, dry_run: bool) -> str:
    """Do all that the file says, or say every wrong cell and do nothing. Raises CommandError."""
    try:
        table = sheets.read(file.read_bytes())
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None
    except sheets.SheetError as error:
        raise CommandError(f"{file}: {error}") from None
    with opened(settings) as records:
        sites, zones, devices, circuits = ({t.id: t for t in records.all_things(kind)} for kind in ("site", "zone", "device", "circuit"))
        present = register.Present(sites, zones, devices, circuits, tuple(Codecs(settings).names), lambda _: True)
        plan = register.read(table, present)
        if plan.bad_total:
            told = [f"  row {bad.row}, {bad.column or 'file'}: given {bad.given!r}; allowed: {bad.allowed}" for bad in plan.bad[:MOST_TOLD]]
            more = [f"  and {plan.bad_total - MOST_TOLD} more"] if plan.bad_total > MOST_TOLD else []
            raise CommandError("\n".join([f"{file}: {plan.bad_total} cells are wrong; nothing was changed", *told, *more]))
        change = plan.change(f"import of {file.name}")
        if not dry_run and (change.inserts or change.updates):
            try:
                records.commit(change, CONSOLE, time.time_ns() // 1_000_000)
            except Conflict as error:
                raise CommandError(f"{error}; nothing was changed") from None
    done = f"{plan.count('new')} new, {plan.count('changed')} changed, {plan.count('same')} the same"
    return f"a dry run of {file}: {done}; nothing was changed" if dry_run else f"{file}: {done}"


def export_file(settings: Settings, file: Path, language: str) -> str:
    """Write every device and circuit; the file's ending decides between CSV and XLSX. Raises CommandError."""
    write = {".csv": sheets.write_csv, ".xlsx": sheets.write_xlsx}.get(file.suffix.lower())
    if write is None:
        raise CommandError(f"{file}: its ending says neither .csv nor .xlsx")
    with opened(settings) as records:
        sites = {site.id: site for site in records.all_things("site")}
        table = register.write(records.all_things("device"), records.all_things("circuit"), sites, language)
    try:
        file.write_bytes(write(table))
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None
    return f"{file}: {len(table) - 1} devices and circuits"
