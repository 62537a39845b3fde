"""Real servers for the tests, each on a free port of 127.0.0.1 with its files in a temporary folder of its own.

Every one can be stopped, killed and started again on the same port with the same files, for the fault tests. A missing binary skips
the test at home, with the reason, and fails it on CI.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default as default_policy
from pathlib import Path
from typing import Any

import pytest

START_S = 30.0
STOP_S = 20.0


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_binary(name: str, *places: str) -> str:
    """Path of a server's binary; skips the test (fails it on CI) when it is not installed."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *places]))
    if found is None:
        reason = f"{name} is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@dataclass
class Server:
    """A server process: `url` and `port` stay the same over `stop`/`kill` and `start`."""

    name: str
    port: int
    url: str
    folder: Path
    command: list[str]
    is_ready: Callable[[], bool]
    stop_signal: int = signal.SIGTERM
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert self.process is None, f"{self.name} is running"
        with open(self.folder / "server.log", "ab") as log:
            options: dict[str, Any] = {}
            if self.user is not None:
                options = {"user": self.user, "group": self.user, "extra_groups": []}
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, **options)
        until = time.monotonic() + START_S
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError(f"{self.name} did not start:\n{self.log_text()[-4000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ask it to end and wait; nothing when it is not running."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End it without warning (SIGKILL)."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Make it deaf without closing its sockets (SIGSTOP), until `thaw`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def log_text(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def _end(self, signal_number: int) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal_number)
            process.send_signal(signal.SIGCONT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=0.5) as reply:
            return bool(reply.status < 300)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code in (401, 403)
    except OSError:
        return False


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


def _folder(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"sitewarden-{name}-"))


@contextmanager
def mosquitto(settings: str = "") -> Iterator[Server]:
    """A persistent mosquitto that lets anyone in, with wide in-flight and queue limits; `settings` are further lines of its
    configuration. `url` is `mqtt://127.0.0.1:port`."""
    binary, port, folder = find_binary("mosquitto"), free_port(), _folder("mosquitto")
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {folder}/",
        "autosave_interval 1",
        "max_inflight_messages 1000",
        "max_queued_messages 0",
        "set_tcp_nodelay true",
        "log_type error",
        "log_type warning",
        "log_dest stderr",
        *(["user root"] if os.geteuid() == 0 else []),
        settings,
    ]
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    command = [binary, "-c", str(folder / "mosquitto.conf")]
    with _running(Server("mosquitto", port, f"mqtt://127.0.0.1:{port}", folder, command, lambda: _listens(port))) as server:
        yield server


@contextmanager
def influxdb(auth: bool = False) -> Iterator[Server]:
    """InfluxDB 1.x without any database yet. `url` is `http://127.0.0.1:port`. With `auth` it refuses all but the first user, whom
    the test creates by `CREATE USER ... WITH ALL PRIVILEGES`."""
    binary, port, folder = find_binary("influxd"), free_port(), _folder("influxdb")
    (folder / "influxdb.conf").write_text(
        f"""reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = {str(auth).lower()}
  log-enabled = false
[retention]
  enabled = false
[logging]
  level = "warn"
"""
    )
    url = f"http://127.0.0.1:{port}"
    command = [binary, "-config", str(folder / "influxdb.conf")]
    with _running(Server("influxdb", port, url, folder, command, lambda: _answers(f"{url}/ping"))) as server:
        yield server


@contextmanager
def victoria_metrics() -> Iterator[Server]:
    """VictoriaMetrics, which takes InfluxDB's `/api/v2/write`. `url` is `http://127.0.0.1:port`; what was written is readable after
    `GET /internal/force_flush`, by `GET /api/v1/export?match[]=...`."""
    binary, port, folder = find_binary("victoria-metrics"), free_port(), _folder("victoria")
    url = f"http://127.0.0.1:{port}"
    command = [
        binary,
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-storageDataPath={folder}/data",
        "-retentionPeriod=100y",
        "-search.latencyOffset=0s",
        "-memory.allowedBytes=256MB",
        "-loggerLevel=WARN",
    ]
    with _running(Server("victoria-metrics", port, url, folder, command, lambda: _answers(f"{url}/health"))) as server:
        yield server


@contextmanager
def postgres() -> Iterator[Server]:
    """PostgreSQL that trusts its user `postgres`, database `postgres`. `url` is an SQLAlchemy URL for psycopg 3. Runs as the system
    user `postgres` when the tests run as root, whom it refuses."""
    places = sorted((str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    binary, initdb, port = find_binary("postgres", *places), find_binary("initdb", *places), free_port()
    folder = _folder("postgres")
    user: str | None = None
    options: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = "postgres"
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
        options = {"user": user, "group": user, "extra_groups": []}
    made = subprocess.run(
        [initdb, "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        capture_output=True,
        cwd=folder,
        **options,
    )
    assert made.returncode == 0, made.stderr.decode()
    # a killed process loses nothing without fsync, only a machine that loses power does; hundreds of fresh databases are then quick
    settings = ["-c", "shared_buffers=32MB", "-c", "fsync=off"]
    command = [binary, "-D", str(folder / "data"), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), *settings]

    def is_ready() -> bool:
        # a whole start-up message: the port listens before the server lets anyone in
        import psycopg

        try:
            psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    with _running(Server("postgres", port, url, folder, command, is_ready, signal.SIGINT, user)) as server:
        yield server


@dataclass
class Mailbox:
    """An SMTP server in this process. `messages` are those taken, parsed; `recipients` who each was for. While `refusal` is set
    (`"451 try later"`), every message is refused with it."""

    port: int = field(default_factory=free_port)
    messages: list[Message] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refusal: str | None = None
    _controller: Any = None
    _sessions: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # the name aiosmtpd calls
        if self.refusal is not None:
            return self.refusal
        self.messages.append(message_from_bytes(envelope.content, policy=default_policy))
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"

    def start(self) -> None:
        from aiosmtpd.controller import Controller

        assert self._controller is None, "the SMTP server is running"
        sessions = self._sessions = []

        class Doorman(Controller):
            def factory(self) -> Any:
                sessions.append(super().factory())  # type: ignore[no-untyped-call]
                return sessions[-1]

        self._controller = Doorman(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        controller, self._controller = self._controller, None
        if controller is None:
            return

        async def hang_up() -> None:
            # aiosmtpd leaves open connections to the garbage collector, which warns
            for session in self._sessions:
                if session.transport is not None:
                    session.transport.abort()
            await asyncio.sleep(0.01)

        asyncio.run_coroutine_threadsafe(hang_up(), controller.loop).result(STOP_S)
        controller.stop()


@contextmanager
def smtp_server() -> Iterator[Mailbox]:
    """An SMTP server that keeps what it is sent in `messages`. `url` is `smtp://127.0.0.1:port`."""
    mailbox = Mailbox()
    mailbox.start()
    try:
        yield mailbox
    finally:
        mailbox.stop()
