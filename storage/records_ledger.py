"""The ledger's part of the records: counts, files, links, reminders, saved filters, splitting. One transaction a call.

`storage.records.Records` is made of it; every call raises Unavailable when the database cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from hazards import notes
from hazards.model import Hazard, HazardStep
from hazards.queries import HazardFile, HazardQuery, RectifierLink, Reminded, Standing, TrendStep
from sites.records import SavedView, Scope
from storage import hazard_reminders, records_hazard_counts, records_hazard_files, records_hazards
from storage.database import reading, writing
from storage.files import FileStore

Part = Callable[[str], tuple[Hazard, HazardStep]]


class LedgerRecords:
    engine: Engine
    files_folder: Path | None = None  # where people's files lie; None: beside the SQLite file

    # -- files of people, by their content -----------------------------------------------------------------------------

    @property
    def _files(self) -> FileStore:
        folder = self.files_folder
        if folder is None:
            database = self.engine.url.database
            assert self.engine.dialect.name == "sqlite", "a server's records need a folder for files"
            assert database
            folder = Path(database).parent / "files"
        return FileStore(folder)

    def keep_content(self, content: bytes) -> str:
        return self._files.put(content)

    def content_path(self, sha256: str) -> Path:
        return self._files.path(sha256)

    # -- counts --------------------------------------------------------------------------------------------------------

    def hazard_counts(self, query: HazardQuery, sites: Scope) -> dict[str, dict[str, int]]:
        with reading(self.engine) as c:
            return records_hazard_counts.counts(c, query, sites)

    def hazard_trend(self, query: HazardQuery, sites: Scope, bounds: Sequence[int]) -> list[TrendStep]:
        with reading(self.engine) as c:
            return records_hazard_counts.trend(c, query, sites, bounds)

    def hazard_standings(self, query: HazardQuery, sites: Scope) -> list[Standing]:
        with reading(self.engine) as c:
            return records_hazard_counts.standings(c, query, sites)

    def open_hazards_by_enterprise(self, sites: Scope, now_ms: int) -> dict[str, tuple[int, int, int]]:
        """(open, overdue, major open) of every enterprise that has any."""
        with reading(self.engine) as c:
            return records_hazard_counts.open_by_enterprise(c, sites, now_ms)

    # -- what hangs on one ---------------------------------------------------------------------------------------------

    def hazard_clean_since(self, hazard: Hazard) -> int | None:
        with reading(self.engine) as c:
            return records_hazard_files.clean_since(c, hazard)

    def hazard_relatives(self, hazard_id: str) -> list[tuple[Hazard, str]]:
        """Those `merged` into it and those that are a `part` of it."""
        with reading(self.engine) as c:
            return [(records_hazards.hazard(c, each), how) for each, how in records_hazard_files.relatives(c, hazard_id)]

    def split_hazard(
        self, hazard_id: str, parts: Sequence[Part], reason: str, who: str, now_ms: int
    ) -> tuple[Hazard, HazardStep, list[tuple[Hazard, HazardStep]]]:
        """Make the parts, each with its own number, and the step of the whole, in one transaction. Raises what the loop raises."""
        with writing(self.engine) as c:
            whole = records_hazards.hazard(c, hazard_id, lock=True)
            made: list[tuple[Hazard, HazardStep]] = []
            for part in parts:

                def from_whole(number: str, _: Hazard | None, part: Part = part) -> tuple[Hazard, HazardStep]:
                    hazard, step = part(number)
                    return replace(hazard, split_from=whole.id), step

                made.append(records_hazards.report(c, from_whole, whole.site_id, None, who, now_ms))
            numbers = [hazard.number for hazard, _ in made]
            changed, step = notes.split(whole, numbers=numbers, reason=reason, who=who, now_ms=now_ms)
            records_hazards.keep(c, whole, changed, step, who)
            return changed, step, made

    def attach_to_hazard(self, file: HazardFile, who: str) -> tuple[Hazard, HazardStep]:
        """Keep the file's row with its step in one transaction. Raises NotFound, IllegalStep."""
        with writing(self.engine) as c:
            present = records_hazards.hazard(c, file.hazard_id, lock=True)
            made, step = notes.attach(present, name=f"{file.moment}: {file.name}", who=who, now_ms=file.at_ms)
            records_hazard_files.add_file(c, file)
            records_hazards.keep(c, present, made, step, who)
            return made, step

    def hazard_files(self, hazard_id: str) -> list[HazardFile]:
        with reading(self.engine) as c:
            return records_hazard_files.files(c, hazard_id)

    def hazard_file(self, hazard_id: str, file_id: str) -> HazardFile:
        with reading(self.engine) as c:
            return records_hazard_files.file(c, hazard_id, file_id)

    def hazard_file_moments(self, hazard_ids: list[str]) -> dict[str, set[str]]:
        with reading(self.engine) as c:
            return records_hazard_files.file_moments(c, hazard_ids)

    # -- links ---------------------------------------------------------------------------------------------------------

    def add_hazard_link(self, link: RectifierLink) -> None:
        with writing(self.engine) as c:
            records_hazard_files.add_link(c, link)

    def hazard_links(self, hazard_id: str) -> list[RectifierLink]:
        with reading(self.engine) as c:
            return records_hazard_files.links(c, hazard_id)

    def hazard_link(self, link_id: str) -> RectifierLink:
        with reading(self.engine) as c:
            return records_hazard_files.link(c, link_id)

    def end_hazard_link(self, link_id: str, who: str, now_ms: int) -> None:
        """Revoke it. Raises Conflict when it has ended already."""
        with writing(self.engine) as c:
            records_hazard_files.end_link(c, link_id, who, now_ms, is_used=False)

    def submit_by_link(
        self, link: RectifierLink, change: Callable[[Hazard], tuple[Hazard, HazardStep]], who: str, now_ms: int
    ) -> tuple[Hazard, HazardStep]:
        """The step and the link's end in one transaction."""
        with writing(self.engine) as c:
            made = records_hazards.change(c, link.hazard_id, change, who)
            records_hazard_files.end_link(c, link.id, who, now_ms, is_used=True)
            return made

    # -- reminders and saved filters ------------------------------------------------------------------------------------

    def hazard_reminders(self, hazard_id: str) -> list[Reminded]:
        with reading(self.engine) as c:
            return records_hazard_files.reminders(c, hazard_id)

    def remind_of_hazards(self, now_ms: int) -> int:
        """Tell every stage of a deadline that has come; returns how many."""
        return hazard_reminders.remind(self.engine, now_ms)

    def hazard_views(self, user_id: str) -> list[SavedView]:
        with reading(self.engine) as c:
            return records_hazard_files.views(c, user_id)

    def put_hazard_view(self, view: SavedView) -> SavedView:
        """New at version 1, else in place of the version before. Raises Conflict."""
        with writing(self.engine) as c:
            return records_hazard_files.put_view(c, view)

    def drop_hazard_view(self, view_id: str) -> None:
        with writing(self.engine) as c:
            records_hazard_files.drop_view(c, view_id)
