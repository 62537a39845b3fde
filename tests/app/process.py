"""The whole service as a process of its own: `sitewarden serve` with given settings, driven over HTTP like anybody would.

It can be killed and started again on the same port with the same data. What it prints goes to `service.log` in its folder and is shown
when a test fails; stopping it asserts that it ended cleanly and never lost its composure.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx

from tests.servers import free_port

START_S = 60.0
STOP_S = 20.0
_ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


def eventually(ask: Callable[[], T], what: str, seconds: float = 20.0) -> T:
    """What `ask` answers as soon as that is true; fails with `what` when it never is."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)
    return answer


class ServiceProcess:
    """`with ServiceProcess(folder, mqtt_url=...) as service:` starts it and stops it; settings are SITEWARDEN_* by their lower-case names.

    `client` is the last signed-in person's."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client()
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[httpx.Client] = [self.client]
        given = {"data_dir": folder / "data", "http_port": self.port, "commanding_unchecked": True, **settings}
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SITEWARDEN_")}
        self.environment |= {f"SITEWARDEN_{name.upper()}": str(value) for name, value in given.items()}
        self.environment["PYTHONPATH"] = str(_ROOT)

    def command(self, *arguments: str, stdin: str = "") -> str:
        """Run `sitewarden ...` with the service's settings; returns what it prints."""
        done = subprocess.run(
            [*_SITEWARDEN, *arguments], cwd=self.folder, env=self.environment, input=stdin, capture_output=True, text=True, timeout=START_S
        )
        assert done.returncode == 0, f"sitewarden {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    # -- its life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it and wait until it is ready."""
        assert self._process is None, "the service is running"
        with open(self.folder / "service.log", "ab") as log:
            self._process = subprocess.Popen(
                [*_SITEWARDEN, "serve"], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        end = time.monotonic() + START_S
        while not self.is_ready():
            assert self._process.poll() is None, f"the service ended by itself:\n{self.log_text()[-4000:]}"
            assert time.monotonic() < end, f"the service is not ready:\n{self.log_text()[-4000:]}"
            time.sleep(0.02)

    def stop(self) -> None:
        """SIGTERM; asserts a clean end."""
        process, self._process = self._process, None
        assert process is not None, "the service is not running"
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the service did not stop within {STOP_S:g} s") from None
        assert status == 0, f"the service ended with {status}"
        assert "CRITICAL" not in self.log_text()
        assert "Traceback" not in self.log_text()

    def kill(self) -> None:
        """SIGKILL, as a power failure would."""
        process, self._process = self._process, None
        assert process is not None, "the service is not running"
        assert process.poll() is None, f"the service ended by itself:\n{self.log_text()[-4000:]}"
        process.kill()
        process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def log_text(self) -> str:
        return (self.folder / "service.log").read_text(errors="replace")

    def __enter__(self) -> ServiceProcess:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for client in self._clients:
            client.close()
        if kind is None:
            self.stop()
            return
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        print(f"\n-- the service's log, its end --\n{self.log_text()[-8000:]}")

    # -- asking it -----------------------------------------------------------------------------------------------------

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5.0).status_code == 200
        except httpx.TransportError:
            return False

    def health(self) -> dict[str, Any]:
        """`ready`, `degraded`, `figures`."""
        return dict(httpx.get(f"{self.url}/readyz", timeout=5.0).json())

    def sign_in(self, login: str, password: str) -> httpx.Client:
        """A client of this person, with paths below /api/v1."""
        client = httpx.Client(base_url=f"{self.url}/api/v1", timeout=15.0)
        self._clients.append(client)
        token = asked(client, "POST", "/auth/login", login=login, password=password)["token"]
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {token}"
        self.client = client
        return client


def asked(client: httpx.Client, method: str, path: str, /, **body: Any) -> Any:
    """The answer's JSON; fails with the problem's text for anything but success."""
    answer = client.request(method, path, json=body if method != "GET" else None)
    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


class LiveStream:
    """One open live stream, read by a thread of its own: `events` are (id, kind, body) in order."""

    def __init__(self, client: httpx.Client) -> None:
        self.events: list[tuple[int, str, Any]] = []
        self._client = httpx.Client(base_url=client.base_url, headers={"Authorization": client.headers["Authorization"]}, timeout=30.0)
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._read, name="live stream", daemon=True)

    def of(self, kind: str) -> list[Any]:
        return [body for _, of_kind, body in self.events if of_kind == kind]

    def __enter__(self) -> LiveStream:
        self._thread.start()
        assert self._opened.wait(10.0), "the live stream sends no snapshot"
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()
        self._thread.join(10.0)
        self._client.close()

    def _read(self) -> None:
        event: dict[str, str] = {}
        try:
            with self._client.stream("GET", "/live") as self._response:
                for line in self._response.iter_lines():
                    name, _, value = line.partition(": ")
                    if line:
                        event[name] = value
                    elif "event" in event:
                        self.events.append((int(event["id"]), event["event"], json.loads(event["data"])))
                        self._opened.set()
                        event = {}
        except (httpx.TransportError, httpx.StreamError):
            return  # the service or the test has ended it


_SITEWARDEN = (sys.executable, "-m", "app.cli")
