"""One application on a real server for the session; behind it, for each test, fresh records, board and desk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from api.console import serve
from api.door import Door
from api.run import HttpServer, bind
from api.server import bare_app, open_door
from app.clock import ManualClock
from app.decoding import Codecs
from app.exports import Exports
from app.feed import Feed
from app.posting import open_post_office
from app.settings import Settings
from storage.database import writing
from storage.historian_memory import MemoryHistorian
from storage.outbox import SqlOutbox
from storage.project import apply
from storage.records import Records
from tests.api.bench import Workshop
from tests.api.plant import NOON, Outage, PaperBoard, PaperDesk, PaperHistory, fill, outcome


@dataclass
class Service:
    """A client on everything behind it. `as_(login)` gives the headers of somebody who is signed in."""

    client: httpx.Client
    door: Door
    desk: PaperDesk
    board: PaperBoard
    feed: Feed
    clock: ManualClock
    records: Records
    outage: Outage
    exports: Exports
    workshop: Workshop
    tokens: dict[str, str] = field(default_factory=dict)

    def as_(self, login: str) -> dict[str, str]:
        if login not in self.tokens:
            user = self.records.user_by_login(login)
            assert user is not None
            self.tokens[login] = self.door.sessions.open(user)[0]
        return {"Authorization": f"Bearer {self.tokens[login]}"}

    def call(self, login: str, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """Ask as somebody, expect this status, give the JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.request(method, f"/api/v1{path}", json=body, headers=self.as_(login) | named)
        assert response.status_code == status, f"{method} {path} as {login}: {response.status_code} {response.text}"
        return response.json() if response.content else None


@pytest.fixture(scope="session")
def filled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "filled.db"
    records = Records.open(f"sqlite:///{path}")
    records.upgrade()
    fill(records)
    with writing(records.engine) as connection:
        apply(connection, [outcome()])
    records.close()
    return path


@pytest.fixture(scope="session")
def app() -> FastAPI:
    made = bare_app("1.2.3")
    serve(made, None)
    return made


@pytest.fixture(scope="session")
def url(app: FastAPI) -> Iterator[str]:
    server = HttpServer(app, bind("127.0.0.1", 0))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def build(app: FastAPI, url: str, filled_file: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Makes a service. The newest is the one that answers: a second is the first after a restart."""
    made: list[Service] = []

    def service(records_file: Path | None = None, **settings: Any) -> Service:
        file = records_file or tmp_path / f"records-{len(made)}.db"
        if not file.exists():
            shutil.copy(filled_file, file)
        records = Records.open(f"sqlite:///{file}")
        # durability is the storage's to test; here a hundred databases need not reach the disk
        event.listen(records.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        board, feed, clock = PaperBoard(), Feed(), ManualClock(NOON)
        feed.start_at(1)
        desk, outage = PaperDesk(board, feed, clock), Outage(records)
        at = {
            "SITEWARDEN_DATA_DIR": str(tmp_path),
            "SITEWARDEN_HISTORIAN_URL": "memory://",
            "SITEWARDEN_RECORDS_URL": f"sqlite:///{file}",
        }
        exports = Exports(tmp_path / f"exports-{len(made)}", MemoryHistorian(), at, clock.now_ms)
        workshop = Workshop(tmp_path / f"workshop-{len(made)}", records, clock.now_ms)
        door = open_door(
            desk=desk, board=board, feed=feed, records=outage, history=PaperHistory(), exports=exports, clock=clock,  # type: ignore[arg-type]
            backtests=workshop.backtests, bench=workshop.bench, codecs=Codecs(Settings()),
            notices=open_post_office(Settings(), SqlOutbox(records.engine), clock.now_ms),
            secret=b"secret of the tests", version="1.2.3", **settings,
        )  # fmt: skip
        app.state.door = door
        client = httpx.Client(base_url=url, trust_env=False)
        made.append(Service(client, door, desk, board, feed, clock, records, outage, exports, workshop))
        return made[-1]

    yield service
    for each in made:
        each.door.live.close()
        each.exports.close()
        each.workshop.backtests.close()
        each.client.close()
        each.records.close()


@pytest.fixture
def service(build: Callable[..., Service]) -> Service:
    return build()
