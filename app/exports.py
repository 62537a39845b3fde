"""Exports of history that people ask for over HTTP: one at a time in a child process at low priority, with progress; kept for a day.

It keeps its jobs in memory and their files in a folder of the data directory that is emptied at the start: an export is made again rather
than remembered. Jobs are changed by its own thread, and by `cancel`, under one lock.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import msgspec

from alarms.queries import AlarmQuery
from api.ports import Busy, ExportJob
from app.alarm_export import AlarmJob
from app.history_export import Job
from sites.records import Scope, Unavailable

MOST_WAITING = 10
KEPT_MS = 86_400_000
MOST_RENDERING = 2
RENDERED_WITHIN_S = 60.0
MOST_KEPT = 20  # files; the oldest leaves

log = logging.getLogger("sitewarden.exports")


class Spills(Protocol):
    def spill(self, folder: Path, from_ms: int, to_ms: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Work:
    """What a waiting job does: `prepare` writes what the child, a module of ours, is told by."""

    module: str
    prepare: Callable[[ExportJob, Path, Path], None]


class Exports:
    """`folder` is emptied; `environment` tells the child where the historian is."""

    def __init__(self, folder: Path, historian: Spills, environment: dict[str, str], now_ms: Callable[[], int]) -> None:
        self._folder, self._historian, self._environment, self._now_ms = folder, historian, environment, now_ms
        self._turn = threading.Condition()
        self._jobs: dict[str, ExportJob] = {}
        self._waiting: dict[str, _Work] = {}
        self._rendering = threading.BoundedSemaphore(MOST_RENDERING)
        self._child: subprocess.Popen[str] | None = None
        self._is_closed = False
        self._thread: threading.Thread | None = None
        shutil.rmtree(folder, ignore_errors=True)

    def ask(self, points: Sequence[str], from_ms: int, to_ms: int, form: str, user_id: str) -> ExportJob:
        """Put it in line. Raises Busy when too many wait."""

        def prepare(job: ExportJob, folder: Path, file: Path) -> None:
            self._historian.spill(folder, from_ms, to_ms)
            Job(list(points), from_ms, to_ms, str(file)).write(folder)

        return self._enqueue(_Work("app.history_export", prepare), "history", len(points), from_ms, to_ms, form, user_id)

    def ask_alarms(self, query: AlarmQuery, sites: Scope, total: int, form: str, user_id: str) -> ExportJob:
        """All alarms that answer a query, as that stands now. Raises Busy when too many wait."""

        def prepare(job: ExportJob, folder: Path, file: Path) -> None:
            seen = None if sites is None else sorted(sites)
            AlarmJob(query=query, sites=seen, form=form, file=str(file), total=total).write(folder)

        now_ms = self._now_ms()
        span = (query.from_ms or 0, query.to_ms or now_ms)
        return self._enqueue(_Work("app.alarm_export", prepare), "alarms", 0, *span, form, user_id)

    def _enqueue(self, work: _Work, kind: str, points: int, from_ms: int, to_ms: int, form: str, user_id: str) -> ExportJob:
        with self._turn:
            if self._is_closed or sum(job.state in ("waiting", "running") for job in self._jobs.values()) >= MOST_WAITING:
                raise Busy(f"{MOST_WAITING} exports are waiting already")
            self._forget()
            job = ExportJob(
                id=secrets.token_hex(8),
                user_id=user_id,
                state="waiting",
                points=points,
                kind=kind,  # type: ignore[arg-type]
                from_ms=from_ms,
                to_ms=to_ms,
                form=form,
                asked_ms=self._now_ms(),
            )
            self._jobs[job.id], self._waiting[job.id] = job, work
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="exports", daemon=True)
                self._thread.start()
            self._turn.notify_all()
            return job

    def incident(self, material: Mapping[str, Any], form: str) -> Path:
        """Render an incident file in a child process; its file lies in a folder of its own, which the caller removes. Raises Busy."""
        if not self._rendering.acquire(timeout=RENDERED_WITHIN_S):
            raise Busy(f"{MOST_RENDERING} incident files are being made already")
        folder = self._folder / f"incident-{secrets.token_hex(8)}"
        try:
            folder.mkdir(parents=True)
            (folder / "material.json").write_bytes(msgspec.json.encode(material))
            command = [sys.executable, "-m", "app.incident", str(folder), form]
            made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RENDERED_WITHIN_S, check=False)
            if made.returncode != 0:
                raise RuntimeError(f"an incident file could not be made: {made.stderr.strip()[-500:]}")
            (folder / "material.json").unlink()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            self._rendering.release()
        return folder / f"incident.{form}"

    def of(self, user_id: str) -> list[ExportJob]:
        """This person's, newest first."""
        with self._turn:
            self._forget()
            return [job for job in reversed(self._jobs.values()) if job.user_id == user_id]

    def one(self, export_id: str) -> ExportJob | None:
        with self._turn:
            self._forget()
            return self._jobs.get(export_id)

    def file(self, export_id: str) -> Path | None:
        """The file of one that is done."""
        job = self.one(export_id)
        return self._file(job) if job is not None and job.state == "done" else None

    def cancel(self, export_id: str) -> None:
        """Stop and forget it, and remove its file."""
        with self._turn:
            job = self._jobs.pop(export_id, None)
            self._waiting.pop(export_id, None)
            if job is not None and job.state == "running" and self._child is not None:
                self._child.kill()
            if job is not None and job.state != "running":
                shutil.rmtree(self._folder / export_id, ignore_errors=True)

    def close(self) -> None:
        """End the child and the thread."""
        with self._turn:
            self._is_closed = True
            if self._child is not None:
                self._child.kill()
            self._turn.notify_all()
        if self._thread is not None:
            self._thread.join(5.0)
        shutil.rmtree(self._folder, ignore_errors=True)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._is_closed or self._waiting)
                if self._is_closed:
                    return
                export_id = next(iter(self._waiting))
                work = self._waiting.pop(export_id)
            try:
                self._export(export_id, work)
            except (Unavailable, OSError) as error:
                log.warning("an export failed: %s", error)
                self._change(export_id, state="failed", problem="the historian or the records cannot be reached now, or the disk is full")

    def _export(self, export_id: str, work: _Work) -> None:
        folder = self._folder / export_id
        folder.mkdir(parents=True)
        self._change(export_id, state="running")
        job = self.one(export_id)
        if job is None:
            shutil.rmtree(folder, ignore_errors=True)
            return
        work.prepare(job, folder, self._file(job))
        with open(folder / "problem.txt", "w+") as problem:
            with self._turn:
                if self._is_closed or export_id not in self._jobs:
                    shutil.rmtree(folder, ignore_errors=True)
                    return
                self._child = subprocess.Popen(
                    [sys.executable, "-m", work.module, str(folder)],
                    env=os.environ | self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=problem,
                    text=True,
                )
            with self._child as child:
                assert child.stdout is not None
                for line in child.stdout:
                    told = json.loads(line)
                    self._change(export_id, part=told["part"], readings=told["readings"])
            with self._turn:
                self._child = None
            problem.seek(0)
            reason = problem.read().strip()[-300:]
        self._settle(job, child.returncode, reason)

    def _settle(self, job: ExportJob, status: int, reason: str) -> None:
        """Keep the file alone, or say why there is none."""
        file, kept = self._file(job), self.one(job.id) is not None
        for each in (self._folder / job.id).iterdir():
            if each != file or not kept:
                each.unlink()
        if not kept:
            shutil.rmtree(self._folder / job.id, ignore_errors=True)
        elif status == 0:
            self._change(job.id, state="done", part=1.0, bytes=file.stat().st_size)
        else:
            log.warning("an export ended with %d: %s", status, reason)
            self._change(job.id, state="failed", problem="it could not be finished; the reason is in the service's log")

    def _change(self, export_id: str, **changed: object) -> None:
        with self._turn:
            if export_id in self._jobs:
                self._jobs[export_id] = replace(self._jobs[export_id], **changed)  # type: ignore[arg-type]

    def _file(self, job: ExportJob) -> Path:
        return self._folder / job.id / f"{job.kind}.{job.form}"

    def _forget(self) -> None:
        """Those that are too old, or too many."""
        ended = [job for job in self._jobs.values() if job.state in ("done", "failed")]
        old = [job for job in ended if self._now_ms() - job.asked_ms > KEPT_MS]
        for job in {job.id: job for job in (*old, *ended[: max(0, len(ended) - MOST_KEPT)])}.values():
            del self._jobs[job.id]
            shutil.rmtree(self._folder / job.id, ignore_errors=True)
