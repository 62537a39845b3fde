"""The one checker of the fault runs: what was sent, and taken from the sender, against what is stored, raised, ordered and proved.

From our acknowledgement on nothing is lost, and nothing has two records of one id. What the service itself names as gone (a damaged
span, a hole shown in a chart) is not lost in silence, and counted apart. It looks at plain values only, whoever gathered them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.stepped import Stepped
from power.model import Action, OrderState
from sites.roster import Roster

Reading = tuple[str, int, float]  # device, taken ms, a number that no other message of the device carries


@dataclass(slots=True)
class Sent:
    """What the world gave and was told that we have it. `numbers` are readings whose time is the service's to settle (a wrong clock, none
    at all): device and number. `fires` are devices that must be in alarm, `orders` what was answered: cause -> id, or "" where the
    answer did not arrive; `proofs` the ids of orders that a breaker carried out and measured."""

    readings: set[Reading] = field(default_factory=set)
    numbers: set[tuple[str, float]] = field(default_factory=set)
    fires: set[str] = field(default_factory=set)
    orders: dict[str, str] = field(default_factory=dict)
    proofs: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Kept:
    """What the service has. `transitions` are (alarm id, sequence number, subject, device); `open_alarms` (rule, subject); `orders`
    (id, cause with its circuit, state); `commands` what was published: (order id, action). `named`: readings that it says are gone;
    `quiet`: subjects that had no cause for an alarm."""

    readings: list[Reading] = field(default_factory=list)
    transitions: list[tuple[str, int, str, str]] = field(default_factory=list)
    open_alarms: list[tuple[str, str]] = field(default_factory=list)
    orders: list[tuple[str, str, str]] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)
    named: set[Reading] = field(default_factory=set)
    quiet: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Verdict:
    """What is wrong, in words; nothing in it: all well."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.invented)

    def add(self, other: Verdict, before: str = "") -> None:
        self.lost += [before + text for text in other.lost]
        self.doubled += [before + text for text in other.doubled]
        self.invented += [before + text for text in other.invented]


def compare(sent: Sent, kept: Kept) -> Verdict:
    """Everything that was sent must be kept once, and nothing else."""
    verdict = Verdict()
    _readings(sent, kept, verdict)
    _alarms(sent, kept, verdict)
    _orders(sent, kept, verdict)
    return verdict


def _readings(sent: Sent, kept: Kept, verdict: Verdict) -> None:
    found = set(kept.readings)
    times = Counter((device, number) for device, _, number in found)
    verdict.lost += [f"reading {reading} is not stored" for reading in sorted(sent.readings - found - kept.named)]
    verdict.lost += [f"number {number:g} of {device} is not stored" for device, number in sorted(sent.numbers - set(times))]
    # without a device time that can be believed, one that was delivered twice may count twice (behaviour, Duplicates)
    twice = [(one, n) for one, n in times.items() if n > 1 and one not in sent.numbers]
    verdict.doubled += [f"number {number:g} of {device} is stored {n} times" for (device, number), n in twice]
    verdict.invented += [
        f"reading {reading} was never sent" for reading in sorted(found - sent.readings) if (reading[0], reading[2]) not in sent.numbers
    ]


def _alarms(sent: Sent, kept: Kept, verdict: Verdict) -> None:
    verdict.lost += [f"the fire at {device} raised nothing" for device in sorted(sent.fires - {t[3] for t in kept.transitions})]
    steps = Counter((alarm_id, seq) for alarm_id, seq, _, _ in kept.transitions)
    verdict.doubled += [f"transition {seq} of alarm {alarm_id} {times} times" for (alarm_id, seq), times in steps.items() if times > 1]
    strangers = {(subject, device) for _, _, subject, device in kept.transitions if subject in kept.quiet}
    verdict.invented += [f"{subject} raised an alarm, and nothing burns at {device}" for subject, device in sorted(strangers)]
    for alarm_id, last in _last(steps).items():
        verdict.lost += [f"transition {seq} of alarm {alarm_id}" for seq in range(1, last) if (alarm_id, seq) not in steps]
    verdict.doubled += [f"{times} open alarms of {subject}" for subject, times in Counter(kept.open_alarms).items() if times > 1]


def _last(steps: Iterable[tuple[str, int]]) -> dict[str, int]:
    last: dict[str, int] = {}
    for alarm_id, seq in steps:
        last[alarm_id] = max(seq, last.get(alarm_id, 0))
    return last


def _orders(sent: Sent, kept: Kept, verdict: Verdict) -> None:
    states = {order_id: state for order_id, _, state in kept.orders}
    verdict.lost += [
        f"order {order_id}, answered for {cause}" for cause, order_id in sent.orders.items() if order_id and order_id not in states
    ]
    verdict.lost += [f"the proof of order {i}, which is {states.get(i)}" for i in sorted(sent.proofs) if states.get(i) != OrderState.PROVED]
    verdict.doubled += [f"order {i} {times} times" for i, times in Counter(order[0] for order in kept.orders).items() if times > 1]
    causes = Counter(order[1] for order in kept.orders)
    verdict.doubled += [f"{times} orders for {cause}" for cause, times in causes.items() if times > 1]
    restores = Counter(order_id for order_id, action in kept.commands if action == Action.RESTORE)
    verdict.doubled += [f"restore {order_id} was published {times} times" for order_id, times in restores.items() if times > 1]
    verdict.invented += [f"command {order_id} of no order" for order_id in sorted({i for i, _ in kept.commands} - set(states))]


def kept_of(steps: Iterable[Stepped], roster: Roster, metric: str) -> Kept:
    """What these steps hand to the records and the historian; `metric` carries the numbers."""
    kept = Kept()
    orders: dict[str, tuple[str, str, str]] = {}
    for stepped in steps:
        history = stepped.history
        for key, taken_ms, value in zip(history.keys.tolist(), history.taken_ms.tolist(), history.values.tolist(), strict=True):
            row = roster.row_of_key[key]
            if roster.metric_of_row(row) == metric:
                kept.readings.append((roster.device_of_row(row).id, taken_ms, value))
        kept.transitions += [(t.alarm.id, t.alarm.seq, t.alarm.subject, t.alarm.device_id) for t in stepped.outcome.transitions]
        for order in (step.order for step in stepped.outcome.order_steps):
            orders[order.id] = (order.id, f"{order.action} {order.circuit_id} by {order.cause}", str(order.state))
    kept.orders = list(orders.values())
    return kept
