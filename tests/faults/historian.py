"""F3: InfluxDB stopped, killed, frozen, slow, answering 5xx, losing its answers, emptied, under a writer that reads the journal.

Everything sent is in InfluxDB afterwards, once. Where it came back empty and the journal no longer reaches back, it is filled as far as the
journal does, and the hole is shown in the chart. The house is killed in the middle of it, too.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import urllib3

from app.restore import HistoryGone, replay
from sites.metrics import unit_of
from storage.historian_influx import InfluxHistorian, InfluxPlace
from storage.history_writer import ASK_EVERY_MS, HistoryWriter
from storage.projection import HistoryBatch, PointName
from tests.faults.brokered import NUMBER, BrokeredHouse
from tests.faults.checker import Kept, Reading, Verdict, compare
from tests.scenarios.sample import kitchen
from tests.servers import Server

FAULTS = ("stopped", "killed", "frozen", "slow", "5xx", "answers lost", "dropped", "back empty", "back empty, journal pruned")
DEVICES = ("gas-1", "gas-2", "smoke-1", "switch")
_ANSWER_S = 0.4
_WAIT_S = 60.0


class Door(ThreadingHTTPServer):
    """Stands before InfluxDB and passes on, or does as `mood` says: `5xx`, `slow`, `answers lost` (done, and not said)."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind, self.mood, self.tries = behind, "", 0
        self.pool = urllib3.PoolManager(retries=False, timeout=5.0)


class _Passing(BaseHTTPRequestHandler):
    server: Door

    def _pass(self) -> None:
        door, mood = self.server, self.server.mood
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        door.tries += bool(mood)
        if mood == "5xx":
            return self._answer((500, 502, 503, 504, 429)[door.tries % 5], b'{"error":"out of order"}')
        if mood == "slow":
            time.sleep(2 * _ANSWER_S)
            self.close_connection = True
            return None
        try:
            answer = door.pool.request(self.command, door.behind + self.path, body=body, headers=dict(self.headers.items()))
        except urllib3.exceptions.HTTPError:
            self.close_connection = True
            return None
        if mood == "answers lost":
            self.close_connection = True
            return None
        return self._answer(answer.status, answer.data)

    def _answer(self, status: int, body: bytes) -> None:
        with contextlib.suppress(OSError):  # who asked has gone
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_POST = _pass

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def door_before(server: Server) -> Iterator[Door]:
    with Door(server.url) as door:
        thread = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.05}, name="door", daemon=True)
        thread.start()
        try:
            yield door
        finally:
            door.shutdown()
            thread.join(10.0)
            door.pool.clear()


class _Story:
    """A house, its InfluxDB and the writer between them; every step is fed on."""

    def __init__(self, folder: Path, seed: int, server: Server, door: Door) -> None:
        self.chance = random.Random(seed)
        self.server, self.door = server, door
        self.house = BrokeredHouse(folder, kitchen())
        self.database = f"run{seed}"
        place = InfluxPlace.parse(f"influxdb://127.0.0.1:{door.server_port}//{self.database}")
        self.historian = InfluxHistorian(place, f"house-{seed}", answer_s=_ANSWER_S)
        self.fed = 0
        self.writer = self._open()

    def _open(self) -> HistoryWriter:
        house = self.house

        def refill(after: int) -> Iterator[HistoryBatch]:
            try:
                yield from (stepped.history for stepped in replay(house.folder / "snapshots", house.journal, after))
            except HistoryGone:
                return

        def name_of(key: int) -> PointName:
            roster = house.warden.configuration.roster
            row = roster.row_of_key[key]
            device, metric = roster.device_of_row(row), roster.metric_of_row(row)
            return PointName(key, device.site_id, device.id, metric, unit_of(metric))

        writer = HistoryWriter(
            self.historian,
            refill=refill,
            name_of=name_of,
            now_ms=house.clock.now_ms,
            most_readings=40,
            write_every_s=0.01,
            first_retry_s=0.02,
        )
        writer.start()
        return writer

    def talk(self, times: int) -> None:
        for _ in range(times):
            self.house.clock.advance(1)
            self.house.say(self.chance.choice(DEVICES))
            self.house.run(0.1)
            self.feed()

    def feed(self) -> None:
        for stepped in self.house.steps[self.fed :]:
            self.writer.feed(stepped.history)
        self.fed = len(self.house.steps)

    def kill(self) -> None:
        """The service dies, and what memory held for the historian with it."""
        self.writer.close(timeout_s=10.0)
        self.house.crash(down_ms=self.chance.randrange(3_000))
        self.house.redeliver()
        self.writer = self._open()
        self.feed()

    def caught_up(self) -> bool:
        return self.writer.wait(self.house.journal.position, _WAIT_S)

    def drop(self) -> None:
        query = urllib.parse.urlencode({"q": f'DROP DATABASE "{self.database}"'}).encode()
        urllib.request.urlopen(f"{self.server.url}/query", data=query, timeout=10.0).close()

    def stored(self) -> tuple[list[Reading], list[tuple[int, int]]]:
        readings: list[Reading] = []
        gaps: list[tuple[int, int]] = []
        for device in DEVICES:
            series = self.historian.series(f"{device}:{NUMBER}", 0, self.house.clock.now_ms() + 1, 100_000)
            readings += [(device, int(at), float(value)) for at, value in zip(series.taken_ms, series.mean, strict=True)]
            gaps = series.gaps
        return readings, gaps


def run(folder: Path, seed: int, server: Server, door: Door) -> Verdict:
    """One fault of `FAULTS`, by the seed."""
    story = _Story(folder, seed, server, door)
    fault = FAULTS[seed % len(FAULTS)]
    pruned = 0
    with closing(story.historian):
        try:
            story.talk(20)
            story.house.snapshot()
            story.talk(10)
            assert story.caught_up(), f"seed {seed}: InfluxDB takes nothing before anything failed"
            if fault == "back empty, journal pruned":
                story.house.snapshot()
                pruned = story.house.snapshot_position
                story.house.journal.prune(pruned)
                story.talk(20)  # pruned rows leave with the next ones
            _begin(story, fault)
            story.talk(story.chance.randrange(5, 60))
            if story.chance.random() < 0.4:
                story.kill()
            time.sleep(story.chance.uniform(0, 0.3))
            _end(story, fault)
            story.talk(10)
            story.house.clock.advance(ASK_EVERY_MS)
            story.talk(5)
            verdict = Verdict()
            if not story.caught_up():
                verdict.lost.append(f"InfluxDB is not caught up: {story.writer.degraded_reason}")
            verdict.add(_compare(story, pruned))
            return Verdict(*([f"{fault}: {text}" for text in texts] for texts in (verdict.lost, verdict.doubled, verdict.invented)))
        finally:
            door.mood = ""
            if server.process is None:
                server.start()
            story.writer.close()
            story.house.journal.close()


def _begin(story: _Story, fault: str) -> None:
    match fault:
        case "stopped" | "back empty" | "back empty, journal pruned":
            story.server.stop()
        case "killed":
            story.server.kill()
        case "frozen":
            story.server.freeze()
        case "dropped":
            story.drop()
        case _:
            story.door.mood = fault


def _end(story: _Story, fault: str) -> None:
    if fault == "frozen":
        story.server.thaw()
    elif fault.startswith("back empty"):
        for part in ("data", "meta", "wal"):
            shutil.rmtree(story.server.folder / part, ignore_errors=True)
        story.server.start()
    elif fault in ("stopped", "killed"):
        story.server.start()
    story.door.mood = ""


def _compare(story: _Story, pruned: int) -> Verdict:
    """The chart must have everything; with a pruned journal what came before it, in holes that the chart shows."""
    readings, gaps = story.stored()
    kept = Kept(readings=readings)
    verdict = Verdict()
    if pruned:
        reachable = {
            (device, taken_ms)
            for stepped in story.house.steps
            if stepped.position > pruned
            for device, taken_ms in _taken(story, stepped.history)
        }
        missing = story.house.sent.readings - set(readings)
        kept.named = {r for r in missing if (r[0], r[1]) not in reachable and any(start <= r[1] < end for start, end in gaps)}
        if not kept.named:
            verdict.invented.append("nothing was out of the journal's reach: nothing was tried")
    elif gaps:
        verdict.lost.append(f"holes are shown where nothing is missing: {gaps}")
    verdict.add(compare(story.house.sent, kept))
    return verdict


def _taken(story: _Story, batch: HistoryBatch) -> Iterator[tuple[str, int]]:
    roster = story.house.warden.configuration.roster
    for key, taken_ms in zip(batch.keys.tolist(), batch.taken_ms.tolist(), strict=True):
        yield roster.device_of_row(roster.row_of_key[key]).id, taken_ms
