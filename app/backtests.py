"""Backtests that people ask for over HTTP: one at a time in a child process at low priority, with progress; results kept for a day.

Like exports, jobs live in memory and their files in a folder of the data directory that is emptied at the start: a backtest is made again
rather than remembered. Jobs are changed by its own thread, and by `cancel`, under one lock.
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
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import msgspec

from api.ports import BacktestJob, Busy
from app.backtest import Job, result_of, write
from app.configuration import Configuration
from app.places import places_of
from rules.backtest import Judged, Result
from rules.intervals import Intervals
from rules.model import Rule
from rules.needs import companions, points_needed
from sites.records import Scope, Unavailable

MOST_WAITING = 10
KEPT_MS = 86_400_000
MOST_KEPT = 20  # results; the oldest leaves

log = logging.getLogger("sitewarden.backtests")


class Spills(Protocol):
    def spill(self, folder: Path, from_ms: int, to_ms: int) -> None: ...


class Backtests:
    """`folder` is emptied; `environment` tells the child where the historian is; `intervals` gives those that are learnt now."""

    def __init__(
        self,
        folder: Path,
        historian: Spills,
        environment: dict[str, str],
        now_ms: Callable[[], int],
        configuration: Callable[[], Configuration],
        intervals: Callable[[], Intervals],
    ) -> None:
        self._folder, self._historian, self._environment, self._now_ms = folder, historian, environment, now_ms
        self._configuration, self._intervals = configuration, intervals
        self._turn = threading.Condition()
        self._jobs: dict[str, BacktestJob] = {}
        self._waiting: dict[str, Job] = {}
        self._child: subprocess.Popen[str] | None = None
        self._is_closed = False
        self._thread: threading.Thread | None = None
        shutil.rmtree(folder, ignore_errors=True)

    def points(self, rules: Sequence[Rule], sites: Scope) -> list[str]:
        """The points that these rules look at, by what is configured now, of devices at these sites."""
        roster = self._configuration().roster
        rows = points_needed(rules, roster).tolist()
        return [roster.point_id_of_row(row) for row in rows if sites is None or roster.device_of_row(row).site_id in sites]

    def ask(
        self,
        tried: Rule,
        present: Rule | None,
        points: Sequence[str],
        from_ms: int,
        to_ms: int,
        judged: Sequence[Judged],
        user_id: str,
        is_edited: bool,
    ) -> BacktestJob:
        """Put it in line. Raises Busy when too many wait."""
        configuration = self._configuration()
        beside = {each.id: each for version in (tried, present) if version for each in companions(version, configuration.rules)}
        places = places_of(configuration, self._intervals(), points)
        with self._turn:
            if self._is_closed or sum(job.state in ("waiting", "running") for job in self._jobs.values()) >= MOST_WAITING:
                raise Busy(f"{MOST_WAITING} backtests are waiting already")
            self._forget()
            job = BacktestJob(
                id=secrets.token_hex(8),
                user_id=user_id,
                rule_id=tried.id,
                rule_name=tried.name,
                present_version=present.version if present else None if is_edited else tried.version,
                is_edited=is_edited,
                state="waiting",
                points=len(points),
                from_ms=from_ms,
                to_ms=to_ms,
                asked_ms=self._now_ms(),
            )
            self._jobs[job.id] = job
            self._waiting[job.id] = Job(
                tried=tried,
                present=present,
                companions=[beside[name] for name in sorted(beside)],
                places=places,
                from_ms=from_ms,
                to_ms=to_ms,
                judged=list(judged),
            )
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="backtests", daemon=True)
                self._thread.start()
            self._turn.notify_all()
            return job

    def of(self, user_id: str) -> list[BacktestJob]:
        """This person's, newest first."""
        with self._turn:
            self._forget()
            return [job for job in reversed(self._jobs.values()) if job.user_id == user_id]

    def one(self, backtest_id: str) -> BacktestJob | None:
        with self._turn:
            self._forget()
            return self._jobs.get(backtest_id)

    def result(self, backtest_id: str) -> Result | None:
        """Of one that is done."""
        job = self.one(backtest_id)
        if job is None or job.state != "done":
            return None
        try:
            return result_of(self._folder / backtest_id)
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("the result of a backtest is gone: %s", error)
            return None

    def cancel(self, backtest_id: str) -> None:
        """Stop and forget it, and remove its result."""
        with self._turn:
            job = self._jobs.pop(backtest_id, None)
            self._waiting.pop(backtest_id, None)
            if job is not None and job.state == "running" and self._child is not None:
                self._child.kill()
            if job is not None and job.state != "running":
                shutil.rmtree(self._folder / backtest_id, ignore_errors=True)

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
                backtest_id = next(iter(self._waiting))
                job = self._waiting.pop(backtest_id)
            try:
                self._try(backtest_id, job)
            except (Unavailable, OSError) as error:
                log.warning("a backtest failed: %s", error)
                self._change(backtest_id, state="failed", problem="the historian cannot be reached now, or the disk is full")

    def _try(self, backtest_id: str, job: Job) -> None:
        folder = self._folder / backtest_id
        folder.mkdir(parents=True)
        self._change(backtest_id, state="running")
        self._historian.spill(folder, job.from_ms, job.to_ms)
        write(job, folder)
        with open(folder / "problem.txt", "w+") as problem:
            with self._turn:
                if self._is_closed or backtest_id not in self._jobs:
                    shutil.rmtree(folder, ignore_errors=True)
                    return
                self._child = subprocess.Popen(
                    [sys.executable, "-m", "app.backtest", str(folder)],
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
                    self._change(backtest_id, part=told["part"], readings=told["readings"])
            with self._turn:
                self._child = None
            problem.seek(0)
            reason = problem.read().strip()[-300:]
        self._settle(backtest_id, folder, child.returncode, reason)

    def _settle(self, backtest_id: str, folder: Path, status: int, reason: str) -> None:
        """Keep the result alone, or say why there is none."""
        if self.one(backtest_id) is None:
            shutil.rmtree(folder, ignore_errors=True)
            return
        for each in folder.iterdir():
            if each.name != "result.json":
                each.unlink()
        if status == 0:
            self._change(backtest_id, state="done", part=1.0)
        else:
            log.warning("a backtest ended with %d: %s", status, reason)
            self._change(backtest_id, state="failed", problem="it could not be finished; the reason is in the service's log")

    def _change(self, backtest_id: str, **changed: object) -> None:
        with self._turn:
            if backtest_id in self._jobs:
                self._jobs[backtest_id] = replace(self._jobs[backtest_id], **changed)  # type: ignore[arg-type]

    def _forget(self) -> None:
        """Those that are too old, or too many."""
        ended = [job for job in self._jobs.values() if job.state in ("done", "failed")]
        old = [job for job in ended if self._now_ms() - job.asked_ms > KEPT_MS]
        for job in {job.id: job for job in (*old, *ended[: max(0, len(ended) - MOST_KEPT)])}.values():
            del self._jobs[job.id]
            shutil.rmtree(self._folder / job.id, ignore_errors=True)
