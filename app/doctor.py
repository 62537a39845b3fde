"""`sitewarden doctor`: the settings with secrets masked, and what of the outside can be reached and trusted. It changes nothing.

Where the broker lets an anonymous client publish commands, replies or another device's telemetry, commanding must stay off: it says so.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from api.ports import BrokerVerdict
from app.doctor_channels import examine_channels
from app.settings import Settings
from ingest.broker import Link
from ingest.heard import Message
from ingest.link import Address, Habits
from sites.records import Unavailable
from storage import migrate
from storage.historian import HistorianDown
from storage.historian_open import open_historian
from storage.records import Records

_WAIT_S = 3.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. `verdict`: ok, note, bad."""

    part: str
    verdict: str
    words: str


def examine(settings: Settings) -> int:
    """Print the report; 1 when anything is bad."""
    for name, value in settings.masked().items():
        print(f"SITEWARDEN_{name.upper():<24} {value}")
    print()
    bad = 0
    for check in (*_records(settings), *_historian(settings), *_broker(settings), *_channels(settings)):
        print(f"{check.verdict:<5} {check.part:<10} {check.words}")
        bad += check.verdict == "bad"
    return 1 if bad else 0


def _records(settings: Settings) -> Iterator[Check]:
    if settings.records.startswith("sqlite") and not settings.data_dir.exists():
        yield Check("records", "note", "the data directory is not there yet; `sitewarden serve` makes it")
        return
    records = Records.open(settings.records)
    try:
        revision = records.revision()
        yield Check("records", "ok", f"revision {revision or 'none yet: run `sitewarden db upgrade`'}")
        if revision == migrate.newest_revision():
            found = records.audit_check()
            words = f"whole; keep its head elsewhere: {found.last_id}:{found.head}" if found.problem is None else found.problem
            yield Check("audit", "ok" if found.problem is None else "bad", words)
    except Unavailable as error:
        yield Check("records", "bad", str(error))
    finally:
        records.close()


def _historian(settings: Settings) -> Iterator[Check]:
    if settings.historian.startswith("duckdb"):
        yield Check("historian", "ok", "embedded, in the data directory")
        return
    historian = open_historian(settings.historian, settings.data_dir, "doctor")
    try:
        historian.position()
        yield Check("historian", "ok", "reached")
    except HistorianDown as error:
        yield Check("historian", "bad", str(error))
    finally:
        historian.close()


def _channels(settings: Settings) -> Iterator[Check]:
    for part, verdict, words in examine_channels(settings):
        yield Check(part, verdict, words)


def _broker(settings: Settings) -> Iterator[Check]:
    address = Address.parse(settings.mqtt_url)
    if address.is_embedded:
        who = "every local client" if settings.mqtt_users is None else "whoever signs in"
        yield Check("broker", "note", f"embedded: keeps nothing over a restart and lets {who} publish anything; for trials only")
        return
    own = _Client(address)
    with own:
        if not own.is_up:
            yield Check("broker", "bad", f"cannot be reached: {own.problem}")
            return
        yield Check("broker", "ok", f"{address}, MQTT {'5' if own.protocol == 5 else '3.1.1'}")
        yield _in_flight(own, address)
        yield from _anonymous(own, replace(address, username=None, password=None))


def broker_verdict(settings: Settings) -> BrokerVerdict:
    """Whether commanding may be switched on: a stranger at the broker can publish neither commands, replies nor telemetry of others."""
    if settings.commanding_unchecked:
        return BrokerVerdict(True, ("not checked: SITEWARDEN_COMMANDING_UNCHECKED is set",), ("未检查",))
    address = Address.parse(settings.mqtt_url)
    if address.is_embedded and settings.mqtt_users is None:
        words = (
            "the embedded broker lets every local client publish anything: set SITEWARDEN_MQTT_USERS, or use a broker with access control"
        )
        return BrokerVerdict(
            False, (words,), ("内置消息服务器允许任何本机客户端发布：请设置 SITEWARDEN_MQTT_USERS，或使用带访问控制的服务器",)
        )
    if address.is_embedded:
        return BrokerVerdict(
            True, ("the embedded broker lets in only those of SITEWARDEN_MQTT_USERS",), ("内置消息服务器仅允许已登记用户",)
        )
    with _Client(address) as own:
        if not own.is_up:
            return BrokerVerdict(False, (f"the broker cannot be reached: {own.problem}",), ("无法连接消息服务器",))
        checks = list(_anonymous(own, replace(address, username=None, password=None)))
    bad = [check for check in checks if check.verdict == "bad"]
    if not bad:
        return BrokerVerdict(True, tuple(check.words for check in checks), ("匿名客户端不能发布指令、回执或他人遥测",))
    return BrokerVerdict(
        False, tuple(check.words for check in bad), ("匿名客户端可以发布指令、回执或他人遥测：请先配置消息服务器的访问控制",)
    )


def _in_flight(own: _Client, address: Address) -> Check:
    """How many unacknowledged messages the broker sends at once: mosquitto's default of 20 makes durable acknowledgement slow."""
    topic, count = f"sitewarden/v1/doctor/{secrets.token_hex(4)}/telemetry", 40
    with _Client(address, filters=(topic,), manual=True) as reader:
        if not reader.is_up:
            return Check("broker", "note", f"the in-flight window could not be measured: {reader.problem}")
        for number in range(count):
            own.publish(topic, b'{"values":{"signal":%d}}' % number)
        _until(lambda: len(reader.heard) >= count, 1.5)
        window = len(reader.heard)
    if window >= count:
        return Check("broker", "ok", f"sends at least {count} messages before it wants an acknowledgement")
    return Check("broker", "bad", f"sends only {window} unacknowledged messages at once: set max_inflight_messages to 2000 or more")


def _anonymous(own: _Client, address: Address) -> Iterator[Check]:
    """Whether a client without credentials can pretend to be us or a device."""
    site = f"doctor-{secrets.token_hex(4)}"
    with _Client(address) as stranger:
        if not stranger.is_up:
            yield Check("broker", "ok", "refuses a client without credentials")
            return
        for part, what in (("command", "commands"), ("reply", "replies"), ("telemetry", "another device's telemetry")):
            topic = f"sitewarden/v1/{site}/device/{part}"
            with _Client(own.address, filters=(topic,)) as listener:
                stranger.publish(topic, b"{}")
                _until(partial(bool, listener.heard), 1.0)
                if listener.heard:
                    yield Check("broker", "bad", f"an anonymous client can publish {what}: keep commanding off until access control is set")
                else:
                    yield Check("broker", "ok", f"an anonymous client cannot publish {what}")


class _Client:
    """A connection for the length of a check."""

    def __init__(self, address: Address, filters: tuple[str, ...] = (), manual: bool = False) -> None:
        self.address = address
        self.heard: list[Message] = []
        self._up = threading.Event()
        habits = Habits(client_id=f"sitewarden-doctor-{secrets.token_hex(4)}", filters=filters, is_persistent=manual, session_expiry_s=0)
        self._link = Link("doctor", address, habits, clock=_now_ms, on_messages=self.heard.extend, on_connection=self._changed)

    def _changed(self, _name: str, up: bool, _present: bool) -> None:
        if up:
            self._up.set()

    def __enter__(self) -> _Client:
        self._link.start()
        self._up.wait(_WAIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._link.stop()

    @property
    def is_up(self) -> bool:
        return self._link.is_up

    @property
    def problem(self) -> str:
        return self._link.problem

    @property
    def protocol(self) -> int:
        return self._link.protocol

    def publish(self, topic: str, payload: bytes) -> str | None:
        return self._link.publish(topic, payload, qos=1)


def _until(done: Callable[[], bool], timeout_s: float) -> None:
    until = time.monotonic() + timeout_s
    while not done() and time.monotonic() < until:
        time.sleep(0.01)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
