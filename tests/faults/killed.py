"""F1: `kill -9` of the service at random moments under QoS 1 load on mosquitto, and in the middle of orders, then restart.

One life of mosquitto and of the data directory, many kills, each a run: alarms are found as they were left, what was acknowledged to the
broker is stored, an order is one order however often it was asked for.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tests import servers
from tests.app import kitchen
from tests.app.process import ServiceProcess, asked, eventually
from tests.faults.checker import Sent, Verdict, compare
from tests.faults.world import HALL, Loader, commands_heard, detector, hall, kept, now_ms, open_alarms, silences, tell

ORDER_EVERY = 3  # kills


def life(folder: Path, seed: int, kills: int) -> Verdict:
    chance = random.Random(seed)
    with servers.mosquitto() as mosquitto:
        service = ServiceProcess(folder, mqtt_url=mosquitto.url, snapshot_s=1.0)
        kitchen.administrator(service)
        with service, commands_heard(mosquitto.url) as commands:
            who = kitchen.people(service)
            kitchen.furnish(who)
            hall(who["manager"])
            began_ms, sent, verdict = now_ms(), Sent(), Verdict()
            with kitchen.plant(mosquitto.url, kitchen.place()), Loader(mosquitto.url, HALL) as loader:
                eventually(lambda: asked(who["manager"], "GET", "/circuits/stove")["measured"]["closed"], "the switch is heard")
                for kill in range(kills):
                    _one_kill(service, who, mosquitto.url, kill, chance, sent, verdict)
                verdict.invented += [f"{device} is called silent" for device in silences(who["operator"])]
            sent.readings = set(loader.sent)
            verdict.add(compare(sent, kept(who["operator"], commands, began_ms, sent.readings)))
            if kills > ORDER_EVERY and not any(command["action"] == "restore" for command in commands):
                verdict.lost.append("no restore was ever sent: nothing was tried")
            eventually(lambda: service.health()["degraded"] == {}, "nothing is degraded")
            return verdict


def _one_kill(
    service: ServiceProcess, who: dict[str, httpx.Client], mqtt_url: str, kill: int, chance: random.Random, sent: Sent, verdict: Verdict
) -> None:
    """One more alarm, every second one acknowledged: what the restart must find again."""
    manager, operator, device = who["manager"], who["operator"], f"head-{kill}"
    detector(manager, device, "hall")
    tell(mqtt_url, (device, {"lel": 60.0}))
    alarm = eventually(lambda: open_alarms(operator).get(device), f"{device} is in alarm")
    sent.fires.add(device)
    if kill % 2:
        asked(operator, "POST", f"/alarms/{alarm[0]}/acknowledge", note="seen")
    before = open_alarms(operator)
    orders = kill % ORDER_EVERY == 0
    if orders:
        _kill_while_ordering(service, manager, kill, chance, sent)
    else:
        time.sleep(chance.uniform(0, 0.5))
        service.kill()
    time.sleep(chance.uniform(0, 0.8))
    service.start()
    after = open_alarms(operator)
    verdict.lost += [f"kill {kill}: the alarm of {d} is {after.get(d)}, it was {before[d]}" for d in before if after.get(d) != before[d]]
    if orders:
        _order_again(manager, kill, sent, verdict)


def _kill_while_ordering(service: ServiceProcess, manager: httpx.Client, kill: int, chance: random.Random, sent: Sent) -> None:
    """The order may get its answer, or the service dies of it; what was answered must be so."""
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(_order, manager, kill)
        time.sleep(chance.uniform(0.0, 0.25))
        service.kill()
        try:
            sent.orders[f"drill-{kill}"] = asking.result()
        except httpx.TransportError:
            sent.orders[f"drill-{kill}"] = ""


def _order_again(manager: httpx.Client, kill: int, sent: Sent, verdict: Verdict) -> None:
    """The same key is the same order, before and after; it comes to an end, and a cut to its proof."""
    order_id, answered = _order(manager, kill), sent.orders[f"drill-{kill}"]
    if answered and answered != order_id:
        verdict.doubled.append(f"kill {kill}: asked again, order {answered} is order {order_id}")
    sent.orders[f"drill-{kill}"] = order_id
    ended: dict[str, Any] = eventually(
        lambda: (order := asked(manager, "GET", f"/orders/{order_id}"))["is_final"] and order, "the order comes to an end", 40
    )
    if ended["action"] == "cut":
        sent.proofs.add(order_id)


def _order(manager: httpx.Client, kill: int) -> str:
    """Cut the stove, or restore it, each time under its own key; the order's id."""
    is_cut = kill // ORDER_EVERY % 2 == 0
    extra = {} if is_cut else {"second_login": "operator", "second_password": kitchen.PASSWORD}
    path = f"/circuits/stove/{'cut' if is_cut else 'restore'}"
    answer = manager.post(path, json={"reason": "drill", **extra}, headers={"Idempotency-Key": f"drill-{kill}"})
    assert answer.status_code == 202, answer.text
    (order,) = answer.json()["items"]
    return str(order["id"])
