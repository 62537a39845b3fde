"""A telephone gateway, webhook receiver and chat robot in this process: a real HTTP server on a free port that does as it is told.

`answers` are given in turn, the last for ever; every request is kept. With `callback` it reports what became of each message.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def taken(message_id: str) -> Answer:
    return Answer(body=json.dumps({"id": message_id, "state": "queued"}).encode())


@dataclass
class GatewayServer:
    answers: list[Answer] = field(default_factory=lambda: [Answer()])
    asked: list[Asked] = field(default_factory=list)
    numbers_ids: bool = False  # answer every POST with an id of its own
    _server: ThreadingHTTPServer | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        mine = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                mine.asked.append(Asked(self.command, self.path, dict(self.headers), body))
                answer = mine.answers.pop(0) if len(mine.answers) > 1 else mine.answers[0]
                if mine.numbers_ids and answer.status == 200 and self.command == "POST":
                    answer = taken(f"m{len(mine.asked)}")
                time.sleep(answer.after_s)
                self.send_response_only(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_POST = do_GET = do_PUT = handle_one

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="gateway", daemon=True).start()

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def gateway_server(**given: Any) -> Iterator[GatewayServer]:
    server = GatewayServer(**given)
    server.start()
    try:
        yield server
    finally:
        server.stop()
