"""The live stream's payloads: `snapshot`, then one shape a kind. The stream itself is `api.live`."""

from __future__ import annotations

from typing_extensions import TypedDict

from api.ports import Health
from api.shapes.alarms import AlarmShape, TransitionShape
from api.shapes.facts import FactShape
from api.shapes.hazards import HazardShape, HazardStepShape
from api.shapes.power import OrderShape, OrderStepShape
from api.shapes.times import Instant


class HealthShape(TypedDict):
    """`degraded`: part -> reason; empty: all well."""

    ready: bool
    degraded: dict[str, str]
    figures: dict[str, float]


class SnapshotShape(TypedDict):
    """event: snapshot. Everything open in the person's scope."""

    at: Instant
    alarms: list[AlarmShape]
    orders: list[OrderShape]
    facts: list[FactShape]
    health: HealthShape


class AlarmEvent(TypedDict):
    """event: alarm."""

    alarm: AlarmShape
    transition: TransitionShape


class OrderEvent(TypedDict):
    """event: order."""

    order: OrderShape
    step: OrderStepShape


class HazardEvent(TypedDict):
    """event: hazard."""

    hazard: HazardShape
    step: HazardStepShape


class LiveEvents(TypedDict):
    """Never sent whole: it names each event's shape, so that types can be generated from this document."""

    snapshot: SnapshotShape
    alarm: AlarmEvent
    order: OrderEvent
    hazard: HazardEvent
    run: FactShape
    shelf: FactShape
    out_of_service: FactShape
    proof_test: FactShape
    proof_record: FactShape
    quiet_time: FactShape
    health: HealthShape


def health_shape(health: Health) -> HealthShape:
    return {"ready": health.ready, "degraded": dict(health.degraded), "figures": dict(health.figures)}
