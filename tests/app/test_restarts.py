"""What may fail around the service, or take it down, and what must not be lost by it: real processes, killed and stopped and started.

The checkers compare what was sent with what is stored, asked, told and commanded. Random moments come from a seed that a failure prints.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from api.shapes.times import iso
from ingest.codecs.native import encode_telemetry
from ingest.heard import Message
from ingest.link import Address
from ingest.publish import Publisher, publish_once
from tests import servers
from tests.app import kitchen
from tests.app.process import ServiceProcess, asked, eventually

pytestmark = [pytest.mark.wire, pytest.mark.slow]

SEED = 20_261
KILLS = 6
LOAD_PER_S = 400
HALL = [f"hall-{number}" for number in range(1, 11)]
PRESENCE = ("silence_detector", "silence_actuator", "silence_gateway", "silence_other")
Sent = tuple[str, int, float]  # device, taken ms, value


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Loader:
    """Publishes a numbered reading after another at QoS 1 until the end. `sent` is what the broker has acknowledged by then."""

    def __init__(self, mqtt_url: str, devices: list[str]) -> None:
        self.sent: list[Sent] = []
        self._devices = devices
        self._publisher = Publisher(Address.parse(mqtt_url), "loader", clock=now_ms)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)

    def __enter__(self) -> Loader:
        self._publisher.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10.0)
        self._publisher.stop()
        assert self._publisher.unsent == 0, "the broker did not acknowledge everything"

    def _run(self) -> None:
        began, number, last_ms = time.monotonic(), 0, dict.fromkeys(self._devices, 0)
        while not self._stop.wait(0.01):
            for number in range(number, int((time.monotonic() - began) * LOAD_PER_S)):  # noqa: B020 - goes on where it was
                device = self._devices[number % len(self._devices)]
                taken_ms = last_ms[device] = max(now_ms(), last_ms[device] + 1)  # no two of one device at one time
                topic, payload = encode_telemetry(kitchen.SITE, device, {"number": float(number)}, taken_ms)
                assert self._publisher.publish(topic, payload, qos=1) is None
                self.sent.append((device, taken_ms, float(number)))
            number += 1


@contextmanager
def commands_heard(mqtt_url: str) -> Iterator[list[dict[str, Any]]]:
    """Every command that was published to the switch."""
    heard: list[dict[str, Any]] = []

    def hear(message: Message) -> None:
        heard.append(orjson.loads(message.payload))

    listener = Publisher(
        Address.parse(mqtt_url), "listener", clock=now_ms, filters=(f"sitewarden/v1/{kitchen.SITE}/switch/command",), on_message=hear
    )
    listener.start()
    try:
        yield heard
    finally:
        listener.stop()


def tell(mqtt_url: str, *readings: tuple[str, dict[str, float]]) -> None:
    """Readings by (device, values), and the broker has them."""
    messages = [encode_telemetry(kitchen.SITE, device, values, now_ms()) for device, values in readings]
    publish_once(Address.parse(mqtt_url), messages, client_id="teller", clock=now_ms)


def hall(manager: httpx.Client) -> None:
    """A zone with ten more detectors that report when they like."""
    asked(manager, "POST", "/zones", id="hall", site_id=kitchen.SITE, name="大厅")
    for device in HALL:
        asked(manager, "POST", "/devices", id=device, site_id=kitchen.SITE, zone_id="hall", name=device, kind="gas", interval_s=36_000)


def open_alarms(client: httpx.Client) -> dict[str, tuple[Any, ...]]:
    """device -> what must survive, of the open gas alarms."""
    items = asked(client, "GET", "/alarms?limit=200")["items"]
    kept = ("id", "severity", "value", "condition", "attention", "acknowledged_at", "acknowledged_by", "raised_at", "seq")
    gas = [alarm for alarm in items if alarm["rule"]["id"] == "lel"]
    assert len({alarm["subject"] for alarm in gas}) == len(gas), "two open alarms of one point"
    return {alarm["device"]["id"]: tuple(alarm[name] for name in kept) for alarm in gas}


def silences(client: httpx.Client) -> list[str]:
    return [a["device"]["id"] for a in asked(client, "GET", "/alarms?limit=200")["items"] if a["rule"]["id"] in PRESENCE]


def stored(client: httpx.Client, device: str, since_ms: int) -> set[Sent]:
    series = asked(client, "GET", f"/points/{device}:number/readings?from={iso(since_ms)}&to={iso(now_ms() + 1)}&resolution=fine")
    assert (series["step_ms"], series["gaps"]) == (0, [])
    return {(device, taken, value) for taken, value in zip(series["taken_ms"], series["mean"], strict=True)}


def all_orders(client: httpx.Client) -> list[dict[str, Any]]:
    found, cursor = [], ""
    while cursor is not None:
        page = asked(client, "GET", f"/orders?limit=200{f'&cursor={cursor}' if cursor else ''}")
        found += page["items"]
        cursor = page["next_cursor"]
    return found


def test_killed_at_any_moment_under_load_it_comes_back_as_it_was_and_loses_nothing(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    with servers.mosquitto() as mosquitto:
        service = ServiceProcess(tmp_path, mqtt_url=mosquitto.url, snapshot_s=1.0)
        kitchen.administrator(service)
        with service, commands_heard(mosquitto.url) as commands:
            who = kitchen.people(service)
            kitchen.furnish(who)
            hall(who["manager"])
            began_ms = now_ms()
            answered: dict[str, set[str]] = {}
            with kitchen.plant(mosquitto.url, kitchen.place()), Loader(mosquitto.url, HALL) as loader:
                eventually(lambda: asked(who["manager"], "GET", "/circuits/stove")["measured"]["closed"], "the switch is heard")
                for kill in range(KILLS):
                    before = _live_on(who, mosquitto.url, HALL[kill])
                    answered[f"order-{kill}"] = _kill_while_ordering(service, who["manager"], kill, chance)
                    time.sleep(chance.uniform(0.0, 0.8))
                    service.start()
                    assert open_alarms(who["operator"]) == before
                    answered[f"order-{kill}"] |= _order(who["manager"], kill)
                    _ends(who["manager"], answered[f"order-{kill}"])
            _nothing_was_ordered_twice(who["manager"], answered, commands)
            _everything_is_stored(who["operator"], loader.sent, began_ms)
            assert silences(who["operator"]) == []
            eventually(lambda: service.health()["degraded"] == {}, "nothing is degraded")


def _live_on(who: dict[str, httpx.Client], mqtt_url: str, device: str) -> dict[str, tuple[Any, ...]]:
    """One more alarm, every second one acknowledged: what a restart must find again."""
    tell(mqtt_url, (device, {"lel": 60.0}))
    alarm = eventually(lambda: open_alarms(who["operator"]).get(device), f"{device} is in alarm")
    if int(device.removeprefix("hall-")) % 2:
        asked(who["operator"], "POST", f"/alarms/{alarm[0]}/acknowledge", note="seen")
    return open_alarms(who["operator"])


def _order(manager: httpx.Client, kill: int) -> set[str]:
    """Cut the stove, or restore it, each time under its own key; the ids of the orders."""
    what, extra = ("cut", {}) if kill % 2 == 0 else ("restore", {"second_login": "operator", "second_password": kitchen.PASSWORD})
    answer = manager.post(f"/circuits/stove/{what}", json={"reason": "drill", **extra}, headers={"Idempotency-Key": f"drill-{kill}"})
    assert answer.status_code == 202, answer.text
    return {order["id"] for order in answer.json()["items"]}


def _kill_while_ordering(service: ServiceProcess, manager: httpx.Client, kill: int, chance: random.Random) -> set[str]:
    """The order may get its answer, or the service dies of it; what was answered must be so."""
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(_order, manager, kill)
        time.sleep(chance.uniform(0.0, 0.25))
        service.kill()
        try:
            return asking.result()
        except httpx.TransportError:
            return set()


def _ends(manager: httpx.Client, ids: set[str]) -> None:
    (order_id,) = ids  # the same key is the same order, before and after
    eventually(lambda: asked(manager, "GET", f"/orders/{order_id}")["is_final"], "the order comes to an end", 40)


def _nothing_was_ordered_twice(manager: httpx.Client, answered: dict[str, set[str]], commands: list[dict[str, Any]]) -> None:
    orders = all_orders(manager)
    assert sorted(order["id"] for order in orders) == sorted(order_id for ids in answered.values() for order_id in ids)
    assert len({order["cause"] for order in orders}) == len(orders) == KILLS
    published = Counter((command["action"], command["id"]) for command in commands)
    restores = {key: times for key, times in published.items() if key[0] == "restore"}
    assert restores, "no restore was ever sent: the test tests nothing"
    assert set(restores.values()) == {1}
    proved = [order["action"] for order in orders if order["state"] == "proved"]
    assert proved.count("cut") == KILLS // 2, [(order["action"], order["state"], order["state_reason"]) for order in orders]


def _everything_is_stored(client: httpx.Client, sent: list[Sent], since_ms: int) -> None:
    assert len(sent) > 2_000

    def missing() -> set[Sent]:
        found = set[Sent]().union(*(stored(client, device, since_ms) for device in HALL))
        assert found <= set(sent), "readings that nobody sent"
        return set(sent) - found

    end = time.monotonic() + 15.0
    while lost := missing():
        assert time.monotonic() < end, f"{len(lost)} of {len(sent)} readings are not stored, such as {sorted(lost)[:5]}"
        time.sleep(0.5)


def test_without_postgresql_alarms_acknowledgements_and_cuts_go_on_and_the_records_catch_up(tmp_path: Path) -> None:
    with servers.mosquitto() as mosquitto, servers.postgres() as postgres:
        service = ServiceProcess(tmp_path, mqtt_url=mosquitto.url, records_url=postgres.url)
        kitchen.administrator(service)
        with service, kitchen.plant(mosquitto.url, kitchen.place()):
            who = kitchen.people(service)
            kitchen.furnish(who)
            hall(who["manager"])
            operator = who["operator"]
            eventually(lambda: asked(operator, "GET", "/circuits/stove")["measured"]["closed"], "the switch is heard")
            postgres.stop()
            tell(mosquitto.url, ("hall-1", {"lel": 60.0}))
            alarm_id = eventually(lambda: open_alarms(operator).get("hall-1"), "an alarm without the records")[0]
            taken = asked(operator, "POST", f"/alarms/{alarm_id}/acknowledge", note="seen")
            assert (taken["attention"], taken["recorded"]) == ("acknowledged", False)
            answer = asked(operator, "POST", "/circuits/stove/cut", reason="drill", alarm_id=alarm_id)
            order_id = answer["items"][0]["id"]
            assert answer["recorded"] is False
            eventually(lambda: asked(operator, "GET", f"/orders/{order_id}")["state"] == "proved", "a proved cut without the records")
            health = eventually(lambda: "records" in (h := service.health())["degraded"] and h, "health says that the records are away")
            assert health["ready"]

            before = open_alarms(operator)
            service.kill()
            service.start()  # needs no database, and who was signed in still is
            assert open_alarms(operator) == before
            assert service.health()["degraded"].keys() >= {"records"}

            postgres.start()
            eventually(lambda: service.health()["degraded"] == {}, "the records have caught up", 30)
            detail = eventually(
                lambda: (d := asked(operator, "GET", f"/alarms/{alarm_id}"))["transitions"] and d, "transitions are recorded"
            )
            assert [t["signal"] for t in detail["transitions"]] == ["raised", "acknowledged"]
            assert detail["records_available"]
            states = [step["state"] for step in asked(operator, "GET", f"/orders/{order_id}")["steps"]]
            assert [state for state in states if state != "confirmed"] == ["requested", "sending", "sent", "proved"]
            assert [order["id"] for order in all_orders(operator)] == [order_id]
            assert asked(operator, "POST", f"/alarms/{alarm_id}/note", note="written down")["recorded"]


def test_without_influxdb_alarms_go_on_and_the_hole_is_filled_afterwards(tmp_path: Path) -> None:
    with servers.mosquitto() as mosquitto, servers.influxdb() as influxdb:
        service = ServiceProcess(tmp_path, mqtt_url=mosquitto.url, historian_url=f"influxdb://127.0.0.1:{influxdb.port}//sitewarden")
        kitchen.administrator(service)
        with service:
            who = kitchen.people(service)
            kitchen.furnish(who)
            hall(who["manager"])
            operator, began_ms = who["operator"], now_ms()
            with Loader(mosquitto.url, HALL) as loader:
                eventually(lambda: service.health()["figures"]["readings_total"] > 200, "readings arrive")
                influxdb.stop()
                tell(mosquitto.url, ("hall-1", {"lel": 60.0}))
                alarm_id = eventually(lambda: open_alarms(operator).get("hall-1"), "an alarm without the historian")[0]
                assert asked(operator, "POST", f"/alarms/{alarm_id}/acknowledge")["recorded"]
                health = eventually(lambda: "historian" in (h := service.health())["degraded"] and h, "health says so")
                assert health["ready"]
                chart = operator.get("/points/hall-1:number/readings")
                assert (chart.status_code, chart.headers["content-type"]) == (503, "application/problem+json")
                service.kill()  # what memory held for the historian is in the journal too
                service.start()
                time.sleep(2.0)
                influxdb.start()
                eventually(lambda: service.health()["degraded"] == {}, "the historian is written again", 40)
            _everything_is_stored(operator, loader.sent, began_ms)


def test_a_restarted_mosquitto_is_met_again_and_nobody_is_called_silent_for_it(tmp_path: Path) -> None:
    every = [("gas-1", {"lel": 1.0}), ("gas-2", {"lel": 1.0}), ("switch", {"closed.1": 1.0})]
    with servers.mosquitto() as mosquitto:
        service = ServiceProcess(tmp_path, mqtt_url=mosquitto.url)
        kitchen.administrator(service)
        with service:
            who = kitchen.people(service)
            kitchen.furnish(who)
            operator = who["operator"]
            tell(mosquitto.url, *every)
            eventually(lambda: service.health()["figures"]["readings_total"] >= len(every), "readings arrive")
            mosquitto.stop()
            eventually(lambda: not service.health()["ready"], "the loss of the broker is seen")
            gone = eventually(lambda: asked(operator, "GET", "/alarms")["items"], "the loss of the broker is an alarm")
            assert [alarm["rule"]["id"] for alarm in gone] == ["service:broker_lost"]
            time.sleep(6.0)  # longer than 2.5 of the devices' intervals of 2 s
            assert silences(operator) == []
            mosquitto.start()
            eventually(service.is_ready, "the broker is met again")
            tell(mosquitto.url, *every)
            tell(mosquitto.url, ("gas-1", {"lel": 60.0}))
            alarm = eventually(lambda: open_alarms(operator).get("gas-1"), "alarms are raised as before")
            assert alarm[1] == "critical"
            assert silences(operator) == []
            (lost,) = [a for a in asked(operator, "GET", "/alarms")["items"] if a["rule"]["id"] == "service:broker_lost"]
            assert lost["condition"] == "normal"
            eventually(lambda: set(silences(operator)) == {"gas-1", "gas-2", "switch"}, "true silence is found again")
