"""F2: a persistent mosquitto stopped by SIGTERM and restarted: for a moment, or for longer than the lateness with a fire in its queue, or
in a device's.

One life of the service, many restarts, each a run. Everything that devices ever said is stored; a fire that arrives late raises and is
marked late, and cuts nothing; a punctual one at the end does.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import httpx

from tests import servers
from tests.app import kitchen
from tests.app.process import ServiceProcess, asked, eventually
from tests.faults.checker import Sent, Verdict, compare
from tests.faults.world import HALL, Field, all_orders, commands_heard, detector, hall, kept, now_ms, pages

PER_S = 100
LATENESS_S = 2.0
FAULTS = ("blink", "blink", "fire in the device's queue", "blink", "fire in the broker's queue")
_AWAY_S = LATENESS_S + 1.5


def life(folder: Path, seed: int, restarts: int) -> Verdict:
    chance = random.Random(seed)
    with servers.mosquitto() as mosquitto:
        service = ServiceProcess(folder, mqtt_url=mosquitto.url)
        kitchen.administrator(service)
        with service:
            who = kitchen.people(service)
            kitchen.furnish(who)
            hall(who["manager"])
            _rules(who["manager"])
            began_ms, sent, verdict = now_ms(), Sent(), Verdict()
            with Field(mosquitto.port, HALL, PER_S) as field:
                for restart in range(restarts):
                    verdict.add(_restart(service, mosquitto, who, field, restart, chance, sent), f"restart {restart}: ")
            sent.readings = set(field.sent)
            verdict.invented += [f"a late fire made the order {order['id']}" for order in all_orders(who["operator"])]
            if service.health()["figures"]["sessions_lost_total"]:
                verdict.lost.append("mosquitto had no session for us any more")
            with commands_heard(mosquitto.url) as commands, kitchen.plant(mosquitto.url, kitchen.place()):
                _punctual(mosquitto, who["operator"], sent)
                verdict.add(compare(sent, kept(who["operator"], commands, began_ms, sent.readings)))
            return verdict


def _rules(manager: httpx.Client) -> None:
    """A short lateness, and a linkage that one fire in the kitchen starts."""
    data = asked(manager, "GET", "/rules/lel")["data"]
    asked(manager, "PUT", "/rules/lel", **{**data, "lateness_s": LATENESS_S})
    asked(manager, "POST", "/linkages", id="at-once", name="at once", kinds=["gas"], zones=["kitchen"], triggers=1, cut="automatic")


def _restart(
    service: ServiceProcess,
    mosquitto: servers.Server,
    who: dict[str, httpx.Client],
    field: Field,
    restart: int,
    chance: random.Random,
    sent: Sent,
) -> Verdict:
    fault, device = FAULTS[restart % len(FAULTS)], f"head-{restart}"
    if fault == "blink":
        time.sleep(chance.uniform(0, 0.5))
        mosquitto.stop()
        time.sleep(chance.uniform(0, 1.0))
        mosquitto.start()
        eventually(service.is_ready, "the broker is met again", 40)
        return Verdict()
    detector(who["manager"], device, "kitchen")
    for _ in range(3):  # its clock is learnt from what is told at once
        eventually(lambda: field.queued == 0, "devices and mosquitto have met again")
        field.tell(device, lel=1.0)
        time.sleep(0.2)
    path = f"/points/{device}:lel/readings"
    eventually(lambda: who["operator"].get(path).is_success, f"{device} is heard before anything fails")
    if fault == "fire in the device's queue":
        mosquitto.stop()
        field.tell(device, lel=60.0)
        time.sleep(_AWAY_S)
        mosquitto.start()
    else:
        os.kill(service.pid, signal.SIGSTOP)  # it takes nothing, so mosquitto keeps it
        try:
            field.tell(device, lel=60.0)
            eventually(lambda: field.queued == 0, "mosquitto has the fire")
            mosquitto.stop()
            time.sleep(_AWAY_S)
            mosquitto.start()
        finally:
            os.kill(service.pid, signal.SIGCONT)
    sent.fires.add(device)
    return _late_fire(who["operator"], device)


def _late_fire(operator: httpx.Client, device: str) -> Verdict:
    def alarm() -> list[dict[str, Any]]:
        return [a for a in pages(operator, "/alarms") if a["device"]["id"] == device and a["rule"]["id"] == "lel"]

    found = eventually(alarm, f"the late fire at {device} raises", 40)
    wrong = [a for a in found if not a["is_late"] or a["attention"] != "unacknowledged" or a["condition"] != "active"]
    return Verdict(lost=[f"the late fire at {device} is not a late, sounding alarm: {wrong}"] if wrong else [])


def _punctual(mosquitto: servers.Server, operator: httpx.Client, sent: Sent) -> None:
    """The linkage does work: a fire that is told at once cuts the kitchen, and what obeys is proved dark."""
    eventually(lambda: asked(operator, "GET", "/circuits/stove")["measured"]["closed"], "the switch is heard")
    with Field(mosquitto.port, [], 1) as field:
        field.tell("gas-1", lel=60.0)
    orders = eventually(
        lambda: (o := all_orders(operator)) and all(order["is_final"] for order in o) and o, "the kitchen is cut and the orders end", 60
    )
    sent.fires.add("gas-1")
    sent.orders = {f"{order['circuit_id']}": order["id"] for order in orders}
    sent.proofs = {order["id"] for order in orders if order["circuit_id"] == "stove"}
    assert sent.proofs, "the stove was not ordered off: nothing was tried"
