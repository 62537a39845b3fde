"""F8: breakers that ignore, refuse, answer and do nothing, act late or flip back, through a closing time with crashes in it.

What the run and the watch after it say is held against what the breakers are: a circuit that should go dark has one order a round, one
that obeys is proved, one that does not is named.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from app.closing_time import PLAN, judge
from power.run_model import StartPlan
from simulators.breakers import Behaviour
from simulators.closing_time import closing_time
from simulators.place import Place
from tests.faults.checker import Verdict
from tests.faults.night import Night

_CIRCUITS = 40
_WATCHED_S = 45.0  # after the run, for what flips back


def run(folder: Path, seed: int) -> Verdict:
    """One night by seed: a third of its breakers bad or late, and up to two crashes."""
    choice = random.Random(seed)
    place = _late_ones(closing_time(_CIRCUITS, bad_share=0.25, seed=seed), choice)
    night = Night(folder, place, seed)
    night.live(12.0)
    night.house.ask(StartPlan(key="k", plan_id=PLAN.id, who="manager", reason="drill"))
    for _ in range(choice.randint(0, 2)):
        night.live(choice.uniform(0.5, 15.0))
        if choice.random() < 0.5:
            night.house.snapshot()
        night.crash(choice.uniform(0.5, 5.0))
    night.go_on_until_it_ends()
    night.live(_WATCHED_S)
    found = judge(place, night.run(), night.house.warden.runs.items(night.run().id), night.called_out())
    verdict = Verdict()
    for text in found.wrong:
        kind = verdict.doubled if "twice" in text or "orders" in text else verdict.invented if "called out" in text else verdict.lost
        kind.append(text)
    ids = [payload["id"] for _, payload in night.house.outlet.published if isinstance(payload, dict) and payload.get("action") == "cut"]
    strangers = set(ids) - {order_id for item in night.house.warden.runs.items(night.run().id) for order_id in item.order_ids}
    verdict.invented += [f"a command {order_id} of no order of the run" for order_id in sorted(strangers)]
    return verdict


def _late_ones(place: Place, choice: random.Random) -> Place:
    """Some that obey do so late: within the proof's window, so they must be proved all the same."""
    obeying = [at for at, load in enumerate(place.loads) if load.behaviour is Behaviour.OBEY and load.channel]
    late = set(choice.sample(obeying, len(obeying) // 10))
    loads = [replace(load, behaviour=Behaviour.LAG) if at in late else load for at, load in enumerate(place.loads)]
    return replace(place, loads=loads)
