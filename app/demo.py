"""`sitewarden demo`: the whole service with an embedded broker, a sample mall and a sample factory whose devices live through a story.

Nothing of it is special: the sample is put into the records as a person would, the plants publish over MQTT from threads of their own.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from alarms.model import Signal, Transition
from api.sessions import HASHER
from app import shipped
from app.service import Service
from app.settings import CommandError, Settings, load
from hazards.model import HazardAct, HazardStep
from ingest.publish import NotPublished
from power.model import FINAL, OrderState, OrderStep
from simulators.mall import PUBLISH_DEVICE
from simulators.plant import run as run_plant
from simulators.scenarios import scenario
from sites.model import Circuit, Device, District, Enterprise, Site, Zone, derived_id
from sites.people import Grant, User
from storage.records import Records

PLACES = ("mall", "factory")
# login, name, role; the password of each is the login with `-demo`
PEOPLE = (
    ("operator", "值班员 Operator", "operator"),
    ("manager", "商场经理 Manager", "manager"),
    ("enterprise", "企业安全员 Enterprise", "enterprise"),
    ("supervisor", "监管人员 Supervisor", "supervisor"),
    ("admin", "系统管理员 Administrator", "administrator"),
)
KIND = {District: "district", Enterprise: "enterprise", Site: "site", Zone: "zone", Device: "device", Circuit: "circuit"}


@dataclass(slots=True)
class Tally:
    """What the live feed has told so far."""

    alarms: int = 0
    proved: int = 0
    unproved: int = 0
    lying: int = 0
    failed: int = 0
    refused: int = 0
    hazards: int = 0
    after_id: int = 0
    seen: set[str] = field(default_factory=set)

    def take(self, body: object) -> None:
        match body:
            case Transition(signal=Signal.RAISED, alarm=alarm) if alarm.id not in self.seen:
                self.seen.add(alarm.id)
                self.alarms += 1
            case OrderStep(order=order) if order.state in FINAL:
                self.proved += order.state is OrderState.PROVED
                self.unproved += order.state is OrderState.UNPROVED
                self.refused += order.state is OrderState.REFUSED
                lying = order.state is OrderState.FAILED and order.state_code == "still_draws"
                self.lying += lying
                self.failed += order.state in (OrderState.FAILED, OrderState.REJECTED, OrderState.EXPIRED) and not lying
            case (_, HazardStep(act=HazardAct.REPORT)):
                self.hazards += 1


def run(port: int, seconds: float | None, speed: float, data_dir: Path | None) -> int:
    """Run until interrupted, or for `seconds`, then print a summary."""
    if speed <= 0 or (seconds is not None and seconds <= 0):
        raise CommandError(f"--speed {speed:g} and --seconds {seconds} must be above 0")
    with ExitStack() as stack:
        folder = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sitewarden-demo-")))
        http_port = free_port(port)
        settings = load(
            data_dir=folder,
            http_port=http_port,
            http_host="127.0.0.1",
            mqtt_url="embedded://127.0.0.1:1883",
            mqtt_users=None,
            records_url="sqlite:///{data_dir}/records.db",
            historian_url="duckdb:///{data_dir}/history.duckdb",
        )
        _furnish(settings)
        service = stack.enter_context(Service(settings))
        stop = threading.Event()
        stack.callback(stop.set)
        plants = [_plant(service, name, number, speed, stop) for number, name in enumerate(PLACES)]
        _greet(service, port, http_port, settings)
        try:
            tally = _watch(service, seconds, stop)
        except KeyboardInterrupt:
            tally = None
        stop.set()
        for plant in plants:
            plant.join(10.0)
        if tally is not None:
            _summarise(service, tally)
        if service.parts.scan.failed is not None:
            raise CommandError(f"the scan stopped: {service.parts.scan.failed}")
    return 0


def free_port(first: int) -> int:
    for port in range(first, min(first + 50, 65_536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise CommandError(f"no free port from {first} to {first + 49}; choose another with --port")


def _furnish(settings: Settings) -> None:
    """Put the samples, the shipped rules and the demo's people into empty records."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    records = Records.open(settings.records)
    try:
        records.upgrade()
        if records.users():
            return
        now_ms = time.time_ns() // 1_000_000
        shipped.ensure(records, now_ms)
        known: set[tuple[str, str]] = set()
        for name in PLACES:
            by_kind: dict[str, list[object]] = {}
            for thing in scenario(name).things():
                kind = KIND[type(thing)]
                if (kind, thing.id) not in known:
                    known.add((kind, thing.id))
                    by_kind.setdefault(kind, []).append(thing)
            for kind, things in by_kind.items():
                records.insert_many(kind, things, shipped.SERVICE, now_ms)
        for login, person, role in PEOPLE:
            grants = (Grant(role=role, node_kind="all", node_id=None),)
            hashed = HASHER.hash(f"{login}-demo")
            user = User(id=derived_id("user", login), login=login, name=person, password_hash=hashed, grants=grants)
            records.save_user(user, shipped.SERVICE, now_ms)
    finally:
        records.close()


def _plant(service: Service, name: str, number: int, speed: float, stop: threading.Event) -> threading.Thread:
    def live() -> None:
        address = service.parts.broker.telemetry.address
        clock = service.parts.clock.now_ms
        try:
            run_plant(address, scenario(name), stop=stop, clock=clock, seed=number + 1, speed=speed, client_id=f"demo-{name}")
        except NotPublished as error:
            print(f"\nthe {name} cannot publish: {error}", file=sys.stderr)

    thread = threading.Thread(target=live, name=f"plant {name}", daemon=True)
    thread.start()
    return thread


def _greet(service: Service, port: int, http_port: int, settings: Settings) -> None:
    broker = service.parts.embedded
    assert broker is not None, "the demo has an embedded broker"
    print(f"Sitewarden demo: {service.url}")
    if http_port != port:
        print(f"  port {port} is taken, so {http_port}")
    print(f"  MQTT broker: {broker.address}" + (f" (port {broker.wanted_port} is taken)" if broker.port != broker.wanted_port else ""))
    for login, person, _ in PEOPLE:
        print(f"  login {login:<11} password {login}-demo{'':<{11 - len(login)}} {person}")
    if not settings.console_dir.is_dir():
        print("  the console is not built: `make console` builds it; the API is there")
    where = "" if broker.port == 1883 else f" --mqtt {broker.address}"
    command = "sitewarden" if shutil.which("sitewarden") else os.path.relpath(sys.argv[0])
    print(f"  one command that turns the screen red:  {command} publish {PUBLISH_DEVICE} lel=52{where}")
    print("  stop with Ctrl-C", flush=True)


def _watch(service: Service, seconds: float | None, stop: threading.Event) -> Tally:
    tally = Tally(after_id=service.parts.feed.last_id)
    began = time.monotonic()
    told = -10.0
    while not stop.wait(0.25):
        _read(service, tally)
        passed = time.monotonic() - began
        every = 1.0 if sys.stdout.isatty() else 10.0
        if passed - told >= every:
            told = passed
            end = "\r" if sys.stdout.isatty() else "\n"
            print(f"{passed:6.0f} s  {_line(service, tally)}", end=end, flush=True)
        if (seconds is not None and passed >= seconds) or service.parts.scan.failed is not None:
            break
    return tally


def _read(service: Service, tally: Tally) -> None:
    for event in service.parts.feed.since(tally.after_id) or ():
        tally.take(event.body)
    tally.after_id = service.parts.feed.last_id


def _line(service: Service, tally: Tally) -> str:
    readings = service.parts.scan.figures.readings
    cuts = f"{tally.proved} proved, {tally.unproved} opened unproved, {tally.lying} lying"
    return f"{readings} readings, {tally.alarms} alarms ({len(service.parts.board.alarms)} open), orders: {cuts}, {tally.hazards} hazards"


def _summarise(service: Service, tally: Tally) -> None:
    _read(service, tally)
    print("\nsummary")
    for name, value in (
        ("readings", service.parts.scan.figures.readings),
        ("alarms", tally.alarms),
        ("orders proved", tally.proved),
        ("orders opened, unproved", tally.unproved),
        ("orders lying (claims off, still draws)", tally.lying),
        ("orders failed otherwise", tally.failed),
        ("orders refused", tally.refused),
        ("hazards", tally.hazards),
    ):
        print(f"  {name:<40} {value}")
    sys.stdout.flush()
