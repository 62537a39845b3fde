"""What may fail around the service, and what must not be lost by it: real processes, killed and stopped and started.

The checkers compare what was sent with what is stored, asked and told. Killing it at random moments is fault F1 of `tests/faults`.
"""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from tests import servers
from tests.app import kitchen
from tests.app.process import ServiceProcess, asked, eventually
from tests.faults.checker import Reading
from tests.faults.world import HALL, Loader, all_orders, hall, now_ms, open_alarms, silences, stored, tell

pytestmark = [pytest.mark.wire, pytest.mark.slow]


def _everything_is_stored(client: httpx.Client, sent: list[Reading], since_ms: int) -> None:
    assert len(sent) > 2_000

    def missing() -> set[Reading]:
        found = set[Reading]().union(*(stored(client, device, since_ms) for device in HALL))
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
