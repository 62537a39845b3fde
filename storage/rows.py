"""How the frozen values of the core rooms become rows and come back exactly, field by field, column by column.

A field is stored as it is, or through its `Field`: enumerations by value, nested values and tuples as JSON. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec

from alarms.linkage import Firing, Linkage
from alarms.model import Alarm, Attention, Condition, Signal, Suppression, Transition, Verdict
from power.model import Action, Measured, Order, OrderState, OrderStep
from rules.model import Rule, Severity
from sites.inbox import InboxDevice
from sites.model import Circuit, CircuitClass, Device, District, Enterprise, Site, Trial, Zone
from sites.people import Session
from storage.tables import storable

T = TypeVar("T")


def to_json(value: Any) -> str:
    """Compact JSON of a value of the core rooms; a lone half of a surrogate pair in a text becomes U+FFFD."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(_storable(msgspec.to_builtins(value))).decode()


def from_json(kind: Any, text: str) -> Any:
    return msgspec.json.decode(text, type=kind)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {_storable(key): _storable(each) for key, each in value.items()}
    return [_storable(each) for each in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class Field:
    """Both ways of one field; None passes untouched."""

    store: Callable[[Any], Any]
    load: Callable[[Any], Any]


def enum_field(kind: Callable[[Any], Any]) -> Field:
    return Field(lambda value: value.value, kind)


def json_field(kind: Any) -> Field:
    return Field(to_json, partial(from_json, kind))


class Shape(Generic[T]):
    """A dataclass whose fields are columns of the same names, but those left `out`, which the caller keeps elsewhere."""

    def __init__(self, make: type[T], special: Mapping[str, Field] | None = None, out: tuple[str, ...] = ()) -> None:
        self.make = make
        self.names = tuple(field.name for field in fields(make) if field.name not in out)  # type: ignore[arg-type]
        self.special = dict(special or {})

    def row(self, thing: T) -> dict[str, Any]:
        row = {name: getattr(thing, name) for name in self.names}
        for name, field in self.special.items():
            if row[name] is not None:
                row[name] = field.store(row[name])
        return row

    def thing(self, row: Mapping[Any, Any], **more: Any) -> T:
        """From a row's mapping; `more` are the fields kept elsewhere."""
        values = {name: row[name] for name in self.names}
        for name, field in self.special.items():
            if values[name] is not None:
                values[name] = field.load(values[name])
        return self.make(**values, **more)


DISTRICT = Shape(District)
ENTERPRISE = Shape(Enterprise)
SITE = Shape(Site)
ZONE = Shape(Zone)
DEVICE = Shape(Device)
CIRCUIT = Shape(Circuit, {"circuit_class": enum_field(CircuitClass), "poles": json_field(tuple[str, ...]), "trial": json_field(Trial)})
FIRING = Shape(Firing)
SESSION = Shape(Session)
INBOX_DEVICE = Shape(InboxDevice)
ALARM = Shape(
    Alarm,
    {
        "severity": enum_field(Severity),
        "condition": enum_field(Condition),
        "attention": enum_field(Attention),
        "verdict": enum_field(Verdict),
        "suppression": json_field(Suppression),
        "suppressions": json_field(tuple[Suppression, ...]),
        "progress": json_field(tuple[str, ...]),
    },
)
ORDER = Shape(
    Order, {"action": enum_field(Action), "state": enum_field(OrderState), "before": json_field(Measured), "after": json_field(Measured)}
)


def rule_row(rule: Rule) -> dict[str, Any]:
    names = ("id", "name", "name_en", "kind", "metric", "enabled", "version")
    return {name: getattr(rule, name) for name in names} | {"body": to_json(rule)}


def rule_of(row: Mapping[Any, Any]) -> Rule:
    rule: Rule = from_json(Rule, row["body"])
    return rule


def linkage_row(linkage: Linkage) -> dict[str, Any]:
    names = ("id", "name", "name_en", "enabled", "version")
    return {name: getattr(linkage, name) for name in names} | {"body": to_json(linkage)}


def linkage_of(row: Mapping[Any, Any]) -> Linkage:
    linkage: Linkage = from_json(Linkage, row["body"])
    return linkage


def transition_row(transition: Transition) -> dict[str, Any]:
    alarm = transition.alarm
    return {
        "alarm_id": alarm.id,
        "seq": alarm.seq,
        "signal": transition.signal.value,
        "at_ms": transition.at_ms,
        "who": transition.who,
        "note": transition.note,
        "value": transition.value,
        "before": transition.before,
        "note_zh": transition.note_zh,
        "step": transition.step,
        "whom": transition.whom,
        "phone": transition.phone,
        "alarm": to_json(alarm),
    }


def transition_of(row: Mapping[Any, Any]) -> Transition:
    return Transition(
        alarm=from_json(Alarm, row["alarm"]),
        signal=Signal(row["signal"]),
        at_ms=row["at_ms"],
        who=row["who"],
        note=row["note"],
        value=row["value"],
        before=row["before"],
        note_zh=row["note_zh"],
        step=row["step"],
        whom=row["whom"],
        phone=row["phone"],
    )


def order_step_row(step: OrderStep) -> dict[str, Any]:
    order = step.order
    return {
        "order_id": order.id,
        "seq": order.seq,
        "before": step.before,
        "reason": step.reason,
        "at_ms": step.at_ms,
        "order": to_json(order),
    }


def order_step_of(row: Mapping[Any, Any]) -> OrderStep:
    return OrderStep(order=from_json(Order, row["order"]), before=row["before"], at_ms=row["at_ms"], reason=row["reason"])
