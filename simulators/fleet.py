"""A seeded fleet of devices, stepped as numpy arrays: what each would measure now, and which must report.

The same place, seed, steps and commands give the same readings. It reads no clock: time is what `step` is told has passed. Signals wander
about their base and follow the story; loads draw current while their breaker lets them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.breakers import Behaviour
from simulators.place import Load, Place, Signal
from simulators.story import Beat, Behave, Calm, Claim, Ramp, Silence
from sites.roster import expected_interval_ms

SUPPLY_V = 230.0
_POWER_FACTOR = 0.92
_SINK_TAU_S = 40.0  # how slowly gas leaves a kitchen whose supply was cut
_FIRST_ROUND_S = 4.0  # all devices report once within this time from the start
_METERED = ("current_a", "voltage_v", "power_w", "energy_kwh")


class Fleet:
    """Rows: devices as in `place.devices`, signals, loads. `now_s` counts from the start."""

    def __init__(self, place: Place, seed: int = 1) -> None:
        self.place = place
        self.now_s = 0.0
        self._random = np.random.default_rng(seed)
        self.device_rows = {device.id: row for row, device in enumerate(place.devices)}
        self.values: NDArray[np.float64] = np.zeros(0)  # by signal row, unrounded
        self._make_signals(place.signals)
        self._make_loads(place.loads)
        n = len(place.devices)
        self._interval_s = np.array([expected_interval_ms(device) / 1000 for device in place.devices])
        self._next_s = self._random.uniform(0, np.minimum(self._interval_s, _FIRST_ROUND_S), n)
        self._silent_until_s = np.full(n, -1.0)
        measures = np.zeros(n, bool)
        measures[self._device] = True
        measures[self._load_device] = True
        self._next_s[~measures] = np.inf  # known, but only ever published by hand
        children: dict[str, list[int]] = {}
        for row, device in enumerate(place.devices):
            if device.gateway_id is not None:
                children.setdefault(device.gateway_id, []).append(row)
        self._heard_through = {device_id: np.array(rows, np.int64) for device_id, rows in children.items()}

    # -- time ------------------------------------------------------------------------------------------------------

    def step(self, dt_s: float) -> None:
        """Let `dt_s` pass: the story's beats are played, every signal and load moves."""
        until_s = self.now_s + dt_s
        for beat in self.place.story.between(self.now_s, until_s):
            self.play(beat)
        self.now_s = until_s
        self._sink(dt_s)
        remaining = self._goal - self._centre
        move = np.clip(remaining, -self._speed * dt_s, self._speed * dt_s)
        self._centre += np.where(np.isinf(self._speed), remaining, move)
        contact = self._tau_s == 0
        pull = np.where(contact, 1.0, 1 - np.exp(-dt_s / np.where(contact, 1.0, self._tau_s)))
        spread = self._noise * np.sqrt(np.minimum(2 * pull, 1.0))
        before = self.values
        wander = self._random.standard_normal(len(before)) * spread
        self.values = np.clip(before + (self._centre - before) * pull + wander, self._low, self._high)
        changed = contact & (self.values != before)
        self._next_s[self._device[changed]] = self.now_s  # a contact reports at once
        self._energy_kwh += self._load_watts() * dt_s / 3.6e6

    def play(self, beat: Beat) -> None:
        """One beat of a story, now."""
        match beat:
            case Ramp():
                self._aim(self._signal_rows[(beat.device_id, beat.metric)], beat.to, beat.over_s)
            case Calm():
                for signal, _, _ in self._signals_of[self.device_rows[beat.device_id]]:
                    self._aim(signal, float(self._base[signal]), beat.over_s)
            case Silence():
                row = self.device_rows[beat.device_id]
                self._silent_until_s[row] = beat.at_s + beat.for_s
                self._silent_until_s[self._heard_through.get(beat.device_id, [])] = beat.at_s + beat.for_s
            case Claim():
                load = self._load_rows[(beat.device_id, beat.channel)]
                self._contact[load] = self._drawing[load] if beat.position is None else beat.position
                self.report_now(beat.device_id)
            case Behave():
                self.behaviours[self._load_rows[(beat.device_id, beat.channel)]] = beat.behaviour

    # -- what is reported ------------------------------------------------------------------------------------------

    def due(self) -> list[int]:
        """Device rows that report now; their next report is an interval later. Silent ones are skipped."""
        rows = np.flatnonzero(self._next_s <= self.now_s)
        self._next_s[rows] = self.now_s + self._interval_s[rows]
        return [int(row) for row in rows if self._silent_until_s[row] < self.now_s]

    def report_now(self, device_id: str) -> None:
        self._next_s[self.device_rows[device_id]] = self.now_s

    def reading(self, row: int) -> dict[str, float]:
        """What the device of this row measures now, by canonical metric."""
        values = {metric: round(float(self.values[signal]), digits) for signal, metric, digits in self._signals_of[row]}
        for load in self._loads_of[row]:
            values.update(self._load_reading(load))
        return values

    # -- breakers --------------------------------------------------------------------------------------------------

    def load_row(self, device_id: str, channel: str) -> int | None:
        return self._load_rows.get((device_id, channel))

    def set_contact(self, load: int, position: int) -> None:
        self._contact[load] = position
        self._next_s[self._load_device[load]] = self.now_s

    def set_drawing(self, load: int, position: int) -> None:
        self._drawing[load] = position
        self._next_s[self._load_device[load]] = self.now_s

    # -- inside ----------------------------------------------------------------------------------------------------

    def _make_signals(self, signals: list[Signal]) -> None:
        self._device = np.array([self.device_rows[signal.device_id] for signal in signals], np.int64)
        self._base = np.array([signal.base for signal in signals])
        self._noise = np.array([signal.noise for signal in signals])
        self._tau_s = np.array([signal.tau_s for signal in signals])
        self._low = np.array([signal.low for signal in signals])
        self._high = np.array([signal.high for signal in signals])
        self._centre = self._base.copy()  # where the value is pulled to
        self._goal = self._base.copy()  # where the centre moves to, at _speed per second
        self._speed = np.full(len(signals), np.inf)
        self.values = self._base.copy()
        self._signal_rows = {(signal.device_id, signal.metric): row for row, signal in enumerate(signals)}
        self._signals_of: list[list[tuple[int, str, int]]] = [[] for _ in self.place.devices]
        for row, signal in enumerate(signals):
            self._signals_of[self.device_rows[signal.device_id]].append((row, signal.metric, signal.digits))

    def _make_loads(self, loads: list[Load]) -> None:
        self._loads = loads
        self._load_device = np.array([self.device_rows[load.device_id] for load in loads], np.int64)
        self._amps = np.array([load.amps for load in loads])
        self._contact = np.ones(len(loads), np.int64)
        self._drawing = np.ones(len(loads), np.int64)
        self._energy_kwh = self._random.uniform(100, 9_000, len(loads))
        self.behaviours: list[Behaviour] = [load.behaviour for load in loads]
        self._load_rows = {(load.device_id, load.channel): row for row, load in enumerate(loads)}
        self._loads_of: list[list[int]] = [[] for _ in self.place.devices]
        for row, load in enumerate(loads):
            self._loads_of[self.device_rows[load.device_id]].append(row)
        fed = [(row, self._signal_rows[(device_id, "lel")]) for row, load in enumerate(loads) for device_id in load.feeds]
        self._feeding = np.array([load for load, _ in fed], np.int64)
        self._fed = np.array([signal for _, signal in fed], np.int64)

    def _aim(self, signal: int, goal: float, over_s: float) -> None:
        self._goal[signal] = goal
        self._speed[signal] = abs(goal - self._centre[signal]) / over_s if over_s > 0 else np.inf

    def _sink(self, dt_s: float) -> None:
        """Gas whose feeding load is dead sinks towards its base, whatever the story wanted."""
        dead = self._fed[self._drawing[self._feeding] == 0]
        if len(dead):
            self._goal[dead] = self._base[dead]
            self._speed[dead] = np.maximum(np.abs(self._centre[dead] - self._base[dead]) / _SINK_TAU_S, 0.01)

    def _load_watts(self) -> NDArray[np.float64]:
        return np.asarray(self._amps * self._drawing * SUPPLY_V * _POWER_FACTOR, np.float64)

    def _load_reading(self, load: int) -> dict[str, float]:
        spec = self._loads[load]
        end = f".{spec.channel}" if spec.channel else ""
        values: dict[str, float] = {f"closed{end}": int(self._contact[load])}
        if not spec.is_metered:
            return values
        on = bool(self._drawing[load])
        amps = float(self._amps[load] * (1 + 0.03 * self._random.standard_normal())) if on else 0.0
        volts = SUPPLY_V + 1.5 * float(self._random.standard_normal()) if on else float(abs(self._random.standard_normal()))
        measured = (amps, volts, amps * volts * _POWER_FACTOR, float(self._energy_kwh[load]))
        values.update((f"{name}{end}", round(value, 2)) for name, value in zip(_METERED, measured, strict=True))
        return values
