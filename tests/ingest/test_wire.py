"""The connections against real brokers: acknowledged after the journal or sent again, epochs, sessions, fall-back, reconnection."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from ingest.broker import Broker, Link
from ingest.courier import Courier
from ingest.embedded import EmbeddedBroker, read_users
from ingest.heard import Message
from ingest.inbox import Inbox
from ingest.link import Address, Habits
from ingest.publish import NotPublished, Publisher, publish_once
from power.model import Action, Command
from sites.model import Device
from sites.roster import Roster
from tests import servers

pytestmark = pytest.mark.wire

TELEMETRY = "sitewarden/v1/s/d/telemetry"


def clock() -> int:
    return int(time.time() * 1000)


def until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(params=["mosquitto", "embedded"])
def address(request, tmp_path) -> Iterator[Address]:
    if request.param == "mosquitto":
        with servers.mosquitto() as server:
            yield Address.parse(server.url)
    else:
        with EmbeddedBroker(Address(host="127.0.0.1", port=servers.free_port()), tmp_path) as broker:
            yield broker.address


class Service:
    """What the scan does with the broker, without the scan."""

    def __init__(self, address: Address, client_id: str = "service", receive_maximum: int = 10_000) -> None:
        self.inbox = Inbox()
        self.events: list[tuple[str, bool, bool]] = []
        self.delivered: list[tuple[str, str]] = []
        self.broker = Broker(
            address,
            client_id,
            self.inbox,
            clock=clock,
            telemetry_filters=("sitewarden/v1/+/+/telemetry",),
            reply_filters=("sitewarden/v1/+/+/reply", "sitewarden/v1/+/+/status"),
            on_connection=lambda *event: self.events.append(event),
            on_delivered=lambda *told: self.delivered.append(told),
            receive_maximum=receive_maximum,
        )
        self.broker.start()

    def take(self, count: int) -> list[Message]:
        taken: list[Message] = []
        until(lambda: taken.extend(self.inbox.drain(1_000)) or len(taken) >= count, 5)
        return taken

    def acknowledge(self, messages: list[Message]) -> None:
        self.broker.acknowledge([(m.epoch, m.mid) for m in messages if m.mid])


@pytest.fixture
def service(address) -> Iterator[Service]:
    service = Service(address)
    assert until(lambda: service.broker.is_up), service.broker.telemetry.problem
    yield service
    service.broker.stop()


@pytest.fixture
def device(address) -> Iterator[Publisher]:
    heard: list[Message] = []
    publisher = Publisher(address, "device", clock=clock, filters=("sitewarden/v1/+/+/command",), on_message=heard.append)
    publisher.heard = heard  # type: ignore[attr-defined]
    publisher.start()
    yield publisher
    publisher.stop()


def cut_network(link: Link) -> None:
    """The cable is pulled: the socket dies without a DISCONNECT."""
    link._current[0].socket().shutdown(socket.SHUT_RDWR)  # type: ignore[index,union-attr]


def test_what_was_not_acknowledged_comes_again_to_the_next_process(address, service, device):
    for i in range(6):
        assert device.publish(TELEMETRY, b"%d" % i, qos=1) is None
    first = service.take(6)
    assert [m.payload for m in first] == [b"%d" % i for i in range(6)]
    service.acknowledge(first[:2])
    time.sleep(0.2)
    cut_network(service.broker.telemetry)
    service.broker.stop()
    device.publish(TELEMETRY, b"while away", qos=1)
    again = Service(address)
    try:
        assert [m.payload for m in again.take(5)] == [b"2", b"3", b"4", b"5", b"while away"]
        assert until(lambda: ("telemetry", True, True) in again.events), again.events
    finally:
        again.broker.stop()


def test_an_old_connections_message_ids_acknowledge_nothing_on_the_new_one(service, device):
    for i in range(3):
        device.publish(TELEMETRY, b"%d" % i, qos=1)
    old = service.take(3)
    cut_network(service.broker.telemetry)
    new = service.take(3)
    assert {m.epoch for m in new}.isdisjoint({m.epoch for m in old})
    service.acknowledge(old)  # too late: dropped
    cut_network(service.broker.telemetry)
    assert [m.payload for m in service.take(3)] == [b"0", b"1", b"2"]
    assert service.broker.sessions_lost == 0


def test_what_was_left_unacknowledged_can_be_asked_for_again(service, device):
    for i in range(4):
        device.publish(TELEMETRY, b"%d" % i, qos=1)
    service.acknowledge(service.take(4)[:1])
    time.sleep(0.1)
    service.broker.redeliver()
    assert [m.payload for m in service.take(3)] == [b"1", b"2", b"3"]


def test_a_broker_that_is_not_there_yet_is_waited_for(tmp_path):
    port = servers.free_port()
    service = Service(Address(host="127.0.0.1", port=port, is_embedded=True))
    try:
        time.sleep(0.3)
        assert not service.broker.is_up
        assert "refused" in service.broker.telemetry.problem.lower()
        with EmbeddedBroker(Address(host="127.0.0.1", port=port), tmp_path):
            assert until(lambda: service.broker.is_up)
        assert until(lambda: not service.broker.telemetry.is_up)
    finally:
        service.broker.stop()


def test_a_restarted_broker_is_found_again_and_a_lost_session_is_said():
    with servers.mosquitto() as server:
        service = Service(Address.parse(server.url))
        assert until(lambda: service.broker.is_up)
        server.stop()
        assert until(lambda: not service.broker.telemetry.is_up and not service.broker.commands.is_up)
        server.start()
        assert until(lambda: service.broker.is_up, 20)
        assert service.broker.sessions_lost == 0
        server.stop()
        for file in server.folder.glob("*.db"):
            file.unlink()
        server.start()
        assert until(lambda: service.broker.is_up and service.broker.sessions_lost == 1, 20)
        service.broker.stop()


def test_mqtt_5_where_it_is_offered_and_3_1_1_where_not(tmp_path):
    with servers.mosquitto() as server:
        service = Service(Address.parse(server.url))
        assert until(lambda: service.broker.is_up)
        assert service.broker.telemetry.protocol == 5
        service.broker.stop()
    with EmbeddedBroker(Address(host="127.0.0.1", port=servers.free_port()), tmp_path) as embedded:
        plain = Address(host="127.0.0.1", port=embedded.port)  # not told that it is the embedded one
        service = Service(plain)
        assert until(lambda: service.broker.is_up), service.broker.telemetry.problem
        assert service.broker.telemetry.protocol == 4
        service.broker.stop()


def test_a_command_leaves_only_while_connected_and_is_never_kept(address, service, device):
    roster = Roster()
    roster.put(Device(id="d1", site_id="s", zone_id="z", name="", kind="switch", codec="native", address="s/d1"))
    courier = Courier(service.broker, roster, clock)

    def order(number: int, expires_in_ms: int = 30_000) -> Command:
        return Command(
            order_id=f"o{number}", attempt=1, site_id="s", device_id="d1", channel="", action=Action.CUT,
            issued_ms=clock(), expires_ms=clock() + expires_in_ms,
        )  # fmt: skip

    assert courier.send(order(1)) is None
    assert until(lambda: len(device.heard) == 1 and service.delivered)
    assert not device.heard[0].retain
    assert b'"o1"' in device.heard[0].payload
    assert service.delivered == [("o1/1", "")]
    assert courier.send(order(2, expires_in_ms=0)) == "expired before it could be sent"
    cut_network(service.broker.commands)
    assert until(lambda: not service.broker.commands.is_up)
    reason = courier.send(order(3))
    assert reason is not None
    assert "not connected" in reason
    assert until(lambda: service.broker.commands.is_up)
    assert courier.send(order(4)) is None
    assert until(lambda: len(device.heard) == 2)
    assert b'"o4"' in device.heard[1].payload
    late: list[Message] = []
    latecomer = Publisher(address, "late", clock=clock, filters=("sitewarden/v1/+/+/command",), on_message=late.append)
    latecomer.start()
    time.sleep(0.3)
    assert late == []
    latecomer.stop()


def test_replies_and_status_come_by_the_commands_connection(service, device):
    device.publish("sitewarden/v1/s/d/status", b"online", qos=1, retain=True)
    device.publish("sitewarden/v1/s/d/reply", b'{"id":"o1","result":"done"}', qos=1)
    assert sorted(m.topic.rsplit("/", 1)[1] for m in service.take(2)) == ["reply", "status"]


def test_a_retained_status_is_marked_as_such(address, device):
    device.publish("sitewarden/v1/s/d/status", b"offline", qos=1, retain=True)
    time.sleep(0.2)
    service = Service(address)
    (message,) = service.take(1)
    assert (message.payload, message.retain) == (b"offline", True)
    service.broker.stop()


def test_a_burst_larger_than_every_window_arrives_whole_and_in_order(service, device):
    stop = threading.Event()
    taken: list[Message] = []

    def scan() -> None:
        while not stop.is_set():
            drained = service.inbox.drain(500)
            taken.extend(drained)
            service.acknowledge(drained)
            time.sleep(0.001)

    thread = threading.Thread(target=scan)
    thread.start()
    for i in range(5_000):
        assert device.publish(TELEMETRY, b"%d" % i, qos=1) is None
    assert until(lambda: len(taken) >= 5_000, 20), len(taken)
    stop.set()
    thread.join()
    assert [m.payload for m in taken] == [b"%d" % i for i in range(5_000)]
    assert service.broker.telemetry.connections == 1


def test_a_megabyte_passes_and_nothing_stops(service, device):
    device.publish(TELEMETRY, b"x" * 1_000_000, qos=1)
    device.publish(TELEMETRY, b"after", qos=1)
    assert [len(m.payload) for m in service.take(2)] == [1_000_000, 5]


def test_publishing_once_waits_for_the_brokers_word(address, service):
    publish_once(address, [(TELEMETRY, b"a"), (TELEMETRY, b"b")], client_id="once", clock=clock)
    assert [m.payload for m in service.take(2)] == [b"a", b"b"]


def test_publishing_to_nobody_says_so():
    with pytest.raises(NotPublished, match="no connection"):
        publish_once(Address(host="127.0.0.1", port=servers.free_port()), [("t", b"x")], client_id="x", clock=clock, timeout_s=0.5)


def test_a_refused_login_is_said_and_tried_again(tmp_path):
    password_file = tmp_path / "passwords"
    password_file.write_text("")
    password_file.chmod(0o644)
    tmp_path.chmod(0o755)
    with servers.mosquitto() as server:
        conf = server.folder / "mosquitto.conf"
        conf.write_text(conf.read_text().replace("allow_anonymous true", "allow_anonymous false"))
        server.stop()
        server.start()
        link = Link("x", Address.parse(server.url), Habits(client_id="x"), clock=clock)
        link.start()
        assert until(lambda: "refused the connection" in link.problem), link.problem
        assert link.protocol == 5
        link.stop()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the library leaves a socket whose handshake failed to the collector
def test_tls_with_a_client_certificate(tmp_path):
    openssl = servers.find_binary("openssl")

    def make(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=tmp_path, check=True, capture_output=True)

    make("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test-ca", "-days", "2")
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("server", "client"):
        make("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        make(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", f"{name}.pem", "-days", "2", "-extfile", "names",
        )  # fmt: skip
    files = [f"{kind} {tmp_path}/{file}" for kind, file in (("cafile", "ca.pem"), ("certfile", "server.pem"), ("keyfile", "server.key"))]
    port = servers.free_port()
    with servers.mosquitto("\n".join([f"listener {port} 127.0.0.1", *files, "require_certificate true"])):
        ca, certificate, key = (str(tmp_path / file) for file in ("ca.pem", "client.pem", "client.key"))
        known = Address.parse(f"mqtts://127.0.0.1:{port}", ca=ca, certificate=certificate, key=key)
        publish_once(known, [("t", b"x")], client_id="known", clock=clock)
        unknown = Address.parse(f"mqtts://127.0.0.1:{port}", ca=ca)
        with pytest.raises(NotPublished):
            publish_once(unknown, [("t", b"x")], client_id="unknown", clock=clock, timeout_s=1.0)
        untrusting = Address.parse(f"mqtts://127.0.0.1:{port}")
        with pytest.raises(NotPublished, match=r"[Cc]ertificate"):
            publish_once(untrusting, [("t", b"x")], client_id="untrusting", clock=clock, timeout_s=1.0)


def test_the_next_free_port_is_taken_when_the_wanted_one_is_not_free(tmp_path):
    wanted = servers.free_port()
    with closing(socket.create_server(("127.0.0.1", wanted))):
        broker = EmbeddedBroker(Address(host="127.0.0.1", port=wanted), tmp_path)
        assert broker.port > wanted
        with broker:
            publish_once(broker.address, [("t", b"x")], client_id="x", clock=clock)


def test_the_embedded_broker_listens_on_this_machine_only(tmp_path):
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
        EmbeddedBroker(Address(host="0.0.0.0", port=1883), tmp_path)


def test_on_the_lan_the_embedded_broker_lets_in_who_knows_a_password_and_nobody_else(tmp_path):
    (tmp_path / "users").write_text('# devices\nmall/gas-1:pass "word"\n\n')
    wanted = Address(host="0.0.0.0", port=servers.free_port())
    with EmbeddedBroker(wanted, tmp_path, read_users(tmp_path / "users")) as embedded:
        assert (tmp_path / "embedded-broker.toml").stat().st_mode & 0o077 == 0
        own = embedded.address

        def comes_in(username, password):
            address = Address(host=own.host, port=own.port, username=username, password=password, is_embedded=True)
            link = Link("test", address, Habits(client_id=f"test-{len(username or '')}-{len(password or '')}"), clock=clock)
            link.start()
            came = until(lambda: link.is_up, 1.5)
            link.stop()
            return came

        assert comes_in(own.username, own.password)
        assert comes_in("mall/gas-1", 'pass "word"')
        assert not comes_in("mall/gas-1", "guess")
        assert not comes_in(None, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gas-1", "line 1: NAME:PASSWORD"),
        ("gas-1:short", "line 1: NAME:PASSWORD"),
        ("# nobody", "names nobody"),
        ("a:long enough\na:long enough", "line 2: the name a is taken"),
        ("sitewarden:long enough", "line 1: the name sitewarden is taken"),
    ],
)
def test_a_bad_list_of_users_is_refused_by_its_line(tmp_path, text, says):
    (tmp_path / "users").write_text(text)
    with pytest.raises(ValueError, match=says):
        read_users(tmp_path / "users")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://h", Address(host="h", port=1883)),
        ("mqtt://u:p%40ss@h:1884", Address(host="h", port=1884, username="u", password="p@ss")),
        ("mqtts://h", Address(host="h", port=8883, is_tls=True)),
        ("embedded://127.0.0.1:1999", Address(host="127.0.0.1", port=1999, is_embedded=True)),
    ],
)
def test_broker_urls(url, address):
    assert Address.parse(url) == address


@pytest.mark.parametrize("url", ["http://h", "h:1883", "mqtt://", "mqtt://h:x"])
def test_strange_broker_urls_are_refused(url):
    with pytest.raises(ValueError, match=r"URL|[Pp]ort"):
        Address.parse(url)


def test_a_broker_that_is_not_there_at_the_start_is_said_to_be_lost():
    told: list[tuple[str, bool, bool]] = []
    habits = Habits(client_id="early", backoff_s=0.05, patience_s=0.2)
    link = Link(
        "telemetry", Address(host="127.0.0.1", port=servers.free_port()), habits, clock=clock, on_connection=lambda *e: told.append(e)
    )
    link.start()
    try:
        assert until(lambda: told)
        time.sleep(0.3)
        assert told == [("telemetry", False, False)], "once"
    finally:
        link.stop()


@pytest.mark.parametrize(("granted", "is_up", "hang_ups"), [([True, True], True, 0), ([True, False], True, 0), ([False, False], False, 1)])
def test_a_broker_that_refuses_every_subscription_is_no_connection_and_one_that_refuses_some_has_a_problem(granted, is_up, hang_ups):
    # the library's own callback, with what a broker with rules of its own answers: mosquitto grants every subscription
    class Hangs:
        times = 0

        def disconnect(self) -> None:
            self.times += 1

    told: list[tuple[str, bool, bool]] = []
    habits = Habits(client_id="c", filters=("sitewarden/v1/+/+/telemetry", "zigbee2mqtt/#"))
    link, client = Link("telemetry", Address(host="h", port=1), habits, clock=clock, on_connection=lambda *e: told.append(e)), Hangs()
    reasons = [ReasonCode(PacketTypes.SUBACK, identifier=1 if is_granted else 0x87) for is_granted in granted]
    link._subscribed(client, True, 1, reasons, None)  # type: ignore[arg-type]
    assert (link.is_up, client.times, told) == (is_up, hang_ups, [("telemetry", True, True)] if is_up else [])
    assert ("zigbee2mqtt/#" in link.problem) == (not all(granted))
