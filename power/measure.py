"""What a circuit's points last said, pole by pole, with both times: what proofs, interlocks and people look at.

Reads the roster's columns of latest readings and nothing else; decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from power.model import Measured
from sites.model import Circuit
from sites.roster import Roster, expected_interval_ms

STALE_LEAST_MS = 90_000  # an actuator not heard for so long is stale (domain.md F: breaker/actuator 90 s)
STALE_INTERVALS = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One point's latest reading. `delay_ms`: how much later than usual it came, so that it was measured at `arrived_ms - delay_ms`."""

    value: float
    taken_ms: int
    arrived_ms: int
    delay_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Poles:
    """One circuit's latest readings. `voltages` and `currents` have one place a pole, None where that pole was never heard."""

    closed: Sample | None = None
    trip: Sample | None = None
    voltages: tuple[Sample | None, ...] = (None,)
    currents: tuple[Sample | None, ...] = (None,)
    power: Sample | None = None

    def samples(self) -> Iterable[Sample]:
        """Everything that tells of the circuit and was ever heard."""
        return (s for s in (self.closed, *self.voltages, *self.currents, self.power) if s is not None)


def read_poles(circuit: Circuit, roster: Roster) -> Poles:
    """The circuit's latest readings. A `trip` without the channel's suffix, of the whole device, counts for each of its circuits."""

    def sample(metric: str) -> Sample | None:
        latest = roster.latest(circuit.device_id, metric)
        if latest is None:
            return None
        delay_ms = roster.latest_delay_ms(circuit.device_id, metric)
        return Sample(value=latest[0], taken_ms=latest[1], arrived_ms=latest[2], delay_ms=delay_ms)

    poles = circuit.poles or ("",)
    trips = [s for s in (sample(circuit.metric("trip")), sample("trip")) if s is not None]
    return Poles(
        closed=sample(circuit.metric("closed")),
        trip=max(trips, key=lambda s: s.value, default=None),
        voltages=tuple(sample(circuit.metric("voltage_v", pole)) for pole in poles),
        currents=tuple(sample(circuit.metric("current_a", pole)) for pole in poles),
        power=sample(circuit.metric("power_w")),
    )


def summary(poles: Poles) -> Measured:
    """The same for people: the largest of the poles (currents by magnitude), and when any was last heard."""
    volts = [s.value for s in poles.voltages if s is not None]
    amps = [abs(s.value) for s in poles.currents if s is not None]
    return Measured(
        closed=poles.closed.value if poles.closed else None,
        current_a=max(amps, default=None),
        voltage_v=max(volts, default=None),
        power_w=poles.power.value if poles.power else None,
        heard_ms=max((s.arrived_ms for s in poles.samples()), default=None),
    )


def measured_of(circuit: Circuit, roster: Roster) -> Measured:
    """What a circuit's points last said."""
    return summary(read_poles(circuit, roster))


def interval_ms(circuit: Circuit, roster: Roster) -> int:
    """How often the circuit's switch is expected to report; the actuator's default where the device is not known."""
    device = roster.device(circuit.device_id)
    return expected_interval_ms(device) if device is not None else int(STALE_LEAST_MS / STALE_INTERVALS)


def stale_after_ms(circuit: Circuit, roster: Roster) -> int:
    """For how long a switch's last reading counts as fresh."""
    return max(STALE_LEAST_MS, int(STALE_INTERVALS * interval_ms(circuit, roster)))


def metrics_of(circuit: Circuit) -> list[str]:
    """The metrics that tell of the circuit."""
    poles = circuit.poles or ("",)
    single = [circuit.metric("closed"), circuit.metric("trip"), circuit.metric("power_w")]
    return single + [circuit.metric(name, pole) for name in ("voltage_v", "current_a") for pole in poles]


def watched_rows(circuits: Iterable[Circuit], roster: Roster) -> dict[int, str]:
    """Point row -> circuit id, for every known point of these circuits: whose readings must be shown to their orders."""
    rows: dict[int, str] = {}
    for circuit in circuits:
        for metric in metrics_of(circuit):
            row = roster.point_row(circuit.device_id, metric)
            if row is not None:
                rows[row] = circuit.id
    return rows
