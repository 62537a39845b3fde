"""Whether the service lives, is ready, and its figures for Prometheus. Outside /api/v1, without sign-in, and without names."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from api.door import At, Door
from api.shapes.alarms import SEVERITY_NAMES
from api.shapes.live import HealthShape, health_shape

router = APIRouter(tags=["health"])
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """It runs and answers."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"model": HealthShape, "description": "restoring, or not subscribed"}})
async def readyz(door: At, response: Response) -> HealthShape:
    """Restored and subscribed. What is degraded is named, and does not make it unready: alarms and cuts go on."""
    health = door.board.health()
    response.status_code = 200 if health.ready else 503
    return health_shape(health)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(door: At) -> Response:
    registry = CollectorRegistry()
    registry.register(_Figures(door))
    return Response(generate_latest(registry), media_type=PROMETHEUS)


class _Figures(Collector):
    """The board's figures, the open alarms and the live clients, as of the scrape."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def collect(self) -> Iterator[Metric]:
        health, board, live = self._door.board.health(), self._door.board, self._door.live
        for name, value in sorted(health.figures.items()):
            if name.endswith("_total"):
                yield CounterMetricFamily(f"sitewarden_{name}", f"{name.replace('_', ' ')} of the scan", value=value)
            else:
                yield GaugeMetricFamily(f"sitewarden_{name}", f"{name.replace('_', ' ')} of the scan", value=value)
        yield GaugeMetricFamily("sitewarden_ready", "1 when restored and subscribed", value=float(health.ready))
        degraded = GaugeMetricFamily("sitewarden_degraded", "1 for each degraded part", labels=["part"])
        for part in health.degraded:
            degraded.add_metric([part], 1.0)
        yield degraded
        alarms = GaugeMetricFamily("sitewarden_open_alarms", "open alarms", labels=["severity", "attention"])
        counts: dict[tuple[str, str], int] = {}
        for alarm in tuple(board.alarms.values()):
            key = (SEVERITY_NAMES[alarm.severity], alarm.attention.value)
            counts[key] = counts.get(key, 0) + 1
        for (severity, attention), count in sorted(counts.items()):
            alarms.add_metric([severity, attention], float(count))
        yield alarms
        yield GaugeMetricFamily("sitewarden_live_clients", "open live streams", value=float(len(live.clients)))
        yield CounterMetricFamily(
            "sitewarden_live_dropped_total", "live streams ended because their client was too slow", value=float(live.dropped_slow)
        )
