"""Draws what each kind of rule does over time into `docs/pictures/rules/*.svg`: readings go through the engine, and what it says is drawn.

`make pictures`. Nothing is drawn by hand: the line of the value, the limits, the state of each level (idle, its hold running, raised, its
clear hold running) and the findings come from the run. Deterministic, so a test compares the committed pictures with a fresh drawing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from rules.backtest import Run
from rules.findings import Edge, Finding
from rules.parse import parse_rule
from rules.standing import Standing, standing
from sites.latest import apply_latest
from sites.model import Device, Site, Zone
from sites.readings import Readings
from sites.roster import Roster

FOLDER = Path(__file__).parent / "rules"
START = 1_795_305_600_000  # 08:00 in Shanghai
WIDTH, HEIGHT, LEFT, RIGHT, TOP = 760, 200, 56, 16, 30
STRIP, GAP = 14, 6
COLOURS = {"idle": "#d7dde3", "rising": "#f2c14e", "active": "#d64545", "falling": "#e79a9a"}
NAMES = {"idle": "quiet", "rising": "hold running", "active": "raised", "falling": "clear hold running"}
INK, FAINT, LINE, OTHER = "#22303c", "#8a97a3", "#1f6feb", "#7a5bd0"

Signal = Callable[[int], float | None]


@dataclass(frozen=True)
class Scene:
    """One picture: a rule over one zone. `signals` are values by second (None: nothing is said) of points `device:metric`; the first is
    drawn. `subject` is what the findings are of."""

    name: str
    title: str
    rule: dict[str, Any]
    signals: dict[str, Signal]
    subject: str = "point:d:temperature"
    seconds: int = 300
    every_s: int = 5
    drawn: tuple[float, float] = (0.0, 100.0)
    unit: str = "°C"
    shows: Sequence[str] = field(default_factory=tuple)  # further signals that are drawn


def ramp(*points: tuple[float, float]) -> Signal:
    """A line through (second, value)."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return lambda second: round(float(np.interp(second, xs, ys)), 2)


def steps(*points: tuple[float, float | None]) -> Signal:
    """Each value from its second on; None: silent."""
    return lambda second: next(value for begin, value in reversed(points) if second >= begin)


def wave(signal: Signal, height: float, period_s: float) -> Signal:
    """The signal with a ripple on it."""

    def made(second: int) -> float | None:
        value = signal(second)
        return None if value is None else round(value + height * math.sin(2 * math.pi * second / period_s), 2)

    return made


TWO = [{"limit": 60, "severity": "high", "deadband": 8}, {"limit": 80, "severity": "critical", "deadband": 8}]
T = "d:temperature"
SCENES = [
    Scene(
        "level", "level: two limits with deadband, hold 20 s, clear hold 30 s",
        {"kind": "level", "metric": "temperature", "above": TWO, "hold_s": 20, "clear_hold_s": 30},
        {T: wave(ramp((0, 30), (60, 66), (110, 68), (130, 90), (170, 88), (200, 56), (220, 56), (240, 40), (300, 35)), 2.0, 23)},
    ),
    Scene(
        "deadband", "level: a value that trembles around its limit is one alarm, because it must fall below limit - deadband",
        {"kind": "level", "metric": "temperature", "above": [{"limit": 60, "severity": "high", "deadband": 8}]},
        {T: wave(ramp((0, 40), (80, 60), (220, 60), (280, 45), (300, 40)), 5.0, 30)},
        drawn=(30.0, 75.0),
    ),
    Scene(
"gap", "level: a fall ends a running hold (60 s); silence for 2.5 expected intervals (25 s) while it runs raises at once",
        {"kind": "level", "metric": "temperature", "above": [{"limit": 60, "severity": "high"}], "hold_s": 60, "clear_hold_s": 10},
        {T: steps((0, 40.0), (20, 66.0), (60, 40.0), (120, 66.0), (150, None), (220, 66.0), (250, 40.0))},
        every_s=10,
        drawn=(30.0, 75.0),
    ),
    Scene(
        "state", "state: a contact, raised after 10 s",
        {"kind": "state", "metric": "gas_alarm", "states": [1], "severity": "critical", "hold_s": 10},
        {"d:gas_alarm": steps((0, 0.0), (60, 1.0), (65, 0.0), (120, 1.0), (210, 0.0))},
        subject="point:d:gas_alarm", drawn=(-0.2, 1.2), unit="",
    ),
    Scene(
        "silence", "silence: no word for 2.5 expected intervals (10 s); any word ends it",
        {"kind": "silence", "intervals": 2.5, "severity": "low"},
        {T: steps((0, 40.0), (80, None), (150, 42.0), (180, None), (190, 41.0), (260, None))},
        subject="device:d", every_s=10, drawn=(30.0, 50.0),
    ),
    Scene(
        "rate", "rate: the rise over the last 60 s, limit 8.3 °C/min",
        {"kind": "rate", "metric": "temperature", "window_s": 60, "above": [{"limit": 8.3, "severity": "high"}]},
        {T: ramp((0, 20), (80, 22), (160, 44), (300, 46))},
        drawn=(0.0, 60.0),
    ),
    Scene(
        "window", "window: the mean over 60 s, which a short peak does not lift",
        {
            "kind": "window", "metric": "temperature", "window_s": 60, "statistic": "mean",
            "above": [{"limit": 60, "severity": "high", "deadband": 5}],
        },
        {T: steps((0, 35.0), (60, 85.0), (75, 35.0), (130, 75.0), (210, 35.0))},
    ),
    Scene(
        "count", "count: how many readings of the last 60 s were at 60 or more; the third raises",
        {"kind": "count", "metric": "temperature", "window_s": 60, "share_of": {"above": 60}, "above": [{"limit": 3, "severity": "low"}]},
        {T: steps((0, 35.0), (40, 70.0), (45, 35.0), (90, 70.0), (95, 35.0), (110, 70.0), (115, 35.0), (125, 70.0), (130, 35.0))},
    ),
    Scene(
        "stuck", "stuck: moved by no more than 0.5 for 60 s",
        {"kind": "stuck", "metric": "temperature", "tolerance": 0.5, "above": [{"limit": 60, "severity": "low"}]},
        {T: lambda s: round(40 + 6 * math.sin(s / 9), 2) if s < 90 or s > 220 else 43.2},
        drawn=(30.0, 55.0),
    ),
    Scene(
        "drift", "drift: the distance from its own slow mean over 120 s, which does not learn while raised",
        {"kind": "drift", "metric": "temperature", "window_s": 120, "above": [{"limit": 6, "severity": "low", "deadband": 2}]},
        {T: wave(ramp((0, 40), (150, 40), (230, 52), (290, 40), (300, 40)), 1.0, 20)},
        drawn=(30.0, 60.0),
    ),
    Scene(
        "vote", "vote: devices of a zone at 60 or more; one is low, two are critical",
        {
            "kind": "vote", "metric": "temperature", "votes": {"above": 60},
            "above": [{"limit": 1, "severity": "low"}, {"limit": 2, "severity": "critical"}],
        },
        {
            T: ramp((0, 40), (60, 70), (220, 70), (260, 40), (300, 40)),
            "e:temperature": ramp((0, 35), (110, 40), (150, 72), (190, 40), (300, 38)),
        },
        subject="zone:z", shows=("e:temperature",),
    ),
    Scene(
        "expression", "expression: temperature > 60 °C and for(gas_alarm = 1, 30 s)",
        {"kind": "expression", "expression": "temperature > 60 °C and for(gas_alarm = 1, 30 s)", "severity": "critical"},
        {T: ramp((0, 40), (100, 75), (220, 75), (260, 40), (300, 40)), "d:gas_alarm": steps((0, 0.0), (80, 1.0), (180, 0.0), (200, 1.0))},
        subject="device:d", shows=("d:gas_alarm",),
    ),
    Scene(
        "only_while", "only while: a low voltage counts only while the switch is closed",
        {
            "kind": "level", "metric": "voltage_v", "below": [{"limit": 187, "severity": "high", "deadband": 3}], "hold_s": 10,
            "only_while": "closed = 1",
        },
        {
            "d:voltage_v": steps((0, 228.0), (60, 0.0), (120, 229.0), (170, 175.0), (240, 230.0)),
            "d:closed": steps((0, 1.0), (58, 0.0), (118, 1.0)),
        },
        subject="point:d:voltage_v", drawn=(-10.0, 260.0), unit="V", shows=("d:closed",),
    ),
    Scene(
        "schedule", "schedule: applies 08:01 to 08:04; opening with the condition true begins the hold, closing ends the alarm",
        {
            "kind": "level", "metric": "temperature", "above": [{"limit": 60, "severity": "high"}], "hold_s": 20,
            "schedule": {"windows": ["08:01-08:04"]},
        },
        {T: steps((0, 40.0), (20, 70.0))},
        drawn=(30.0, 80.0),
    ),
]  # fmt: skip


@dataclass
class Drawn:
    """What the engine said: by second the standing, and the findings."""

    scene: Scene
    spoken: dict[str, list[tuple[int, float]]]
    standings: list[Standing | None]
    findings: list[Finding]


def play(scene: Scene) -> Drawn:
    """Step the engine over the scene, second by second."""
    roster = Roster()
    roster.put(Site(id="s", enterprise_id="e", name="s"))
    roster.put(Zone(id="z", site_id="s", name="z"))
    rows = {}
    for point in scene.signals:
        device_id, _, metric = point.partition(":")
        if roster.device(device_id) is None:
            roster.put(
                Device(
                    id=device_id,
                    site_id="s",
                    zone_id="z",
                    name=device_id,
                    kind="other",
                    codec="native",
                    address=f"s/{device_id}",
                    interval_s=10,
                )
            )
        rows[point] = roster.add_point(device_id, metric)
    run = Run(parse_rule({"id": "r", "name": "r", **scene.rule}), roster)
    drawn = Drawn(scene, {point: [] for point in scene.signals}, [], [])
    for second in range(scene.seconds + 1):
        at_ms = START + second * 1000
        for point, signal in scene.signals.items():
            value = signal(second) if second % scene.every_s == 0 else None
            if value is not None:
                reading = Readings.of([rows[point]], [at_ms], [at_ms], [value])
                drawn.findings += run.take(reading)
                apply_latest(roster, reading)
                drawn.spoken[point].append((second, value))
        drawn.findings += run.finish(at_ms + 1)
        drawn.standings.append(standing(run.program, run.memory, "r", scene.subject))
    drawn.findings = [finding for finding in drawn.findings if finding.subject == scene.subject]
    return drawn


def draw(drawn: Drawn) -> str:
    """The picture as SVG text."""
    scene = drawn.scene
    seen = [standing for standing in drawn.standings if standing is not None]
    levels = list(seen[-1].levels) if seen else []
    bottom = TOP + HEIGHT
    strips = bottom + 12
    total = strips + len(levels) * (STRIP + GAP) + 46
    low, high = scene.drawn

    def x(second: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * second / scene.seconds, 1)

    def y(value: float) -> float:
        return round(bottom - HEIGHT * (min(max(value, low), high) - low) / (high - low), 1)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" width="{WIDTH}" height="{total}" font-family="sans-serif" '
        f'font-size="11" role="img"><title>{escape(scene.title)}</title>',
        f'<rect width="{WIDTH}" height="{total}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="18" font-size="13" fill="{INK}">{escape(scene.title)}</text>',
    ]
    for second in range(0, scene.seconds + 1, 60):
        out.append(f'<line x1="{x(second)}" y1="{TOP}" x2="{x(second)}" y2="{bottom}" stroke="#eceff2"/>')
        out.append(f'<text x="{x(second)}" y="{total - 6}" text-anchor="middle" fill="{FAINT}">08:0{second // 60}</text>')
    for value in np.linspace(low, high, 5):
        out.append(f'<text x="{LEFT - 6}" y="{y(value) + 4}" text-anchor="end" fill="{FAINT}">{value:g}</text>')
    out.append(f'<text x="{LEFT - 6}" y="{TOP - 8}" text-anchor="end" fill="{FAINT}">{escape(scene.unit)}</text>')
    compares = scene.rule["kind"] in ("level", "window")
    for level in levels if compares else []:
        if level.limit is None:
            continue
        if level.returns_at is not None and level.returns_at != level.limit:
            top, base = sorted((y(level.limit), y(level.returns_at)))
            box = f'x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{round(base - top, 1)}"'
            out.append(f'<rect {box} fill="{COLOURS["rising"]}" opacity="0.18"/>')
        out.append(f'<line x1="{LEFT}" y1="{y(level.limit)}" x2="{WIDTH - RIGHT}" y2="{y(level.limit)}" stroke="{COLOURS["active"]}"/>')
        out.append(
            f'<text x="{WIDTH - RIGHT}" y="{y(level.limit) - 4}" text-anchor="end" fill="{COLOURS["active"]}">{level.limit:g}</text>'
        )
    points = [next(iter(scene.signals)), *scene.shows]
    for point, colour in zip(points, (LINE, OTHER), strict=False):
        spread = 1.0 if max(value for _, value in drawn.spoken[point]) > 1.0 or high <= 2.0 else (high - low) * 0.3
        out += _line([(x(second), y(value * spread)) for second, value in drawn.spoken[point]], colour, x(scene.every_s * 2) - x(0))
    derived = [(second, each.value) for second, each in enumerate(drawn.standings) if each is not None and each.value is not None]
    if scene.rule["kind"] == "window":
        out += _line([(x(second), y(value)) for second, value in derived], OTHER, 1e9, dots=False)
    for number, level in enumerate(levels):
        top = strips + number * (STRIP + GAP)
        out += _strip(drawn, number, top, x)
        out.append(f'<text x="{LEFT - 6}" y="{top + 11}" text-anchor="end" fill="{INK}">{level.severity.name.lower()}</text>')
    for finding in drawn.findings:
        fired_s = (finding.fired_ms - START) / 1000
        mark = {Edge.RAISED: "raised", Edge.STEPPED: f"level {finding.level + 1}", Edge.CLEARED: "cleared"}[finding.edge]
        colour = INK if finding.edge is Edge.CLEARED else COLOURS["active"]
        out.append(f'<line x1="{x(fired_s)}" y1="{TOP}" x2="{x(fired_s)}" y2="{strips - 2}" stroke="{colour}" stroke-dasharray="3 3"/>')
        out.append(f'<text x="{x(fired_s) + 3}" y="{TOP + 10}" fill="{colour}">{mark}</text>')
    place = LEFT
    for phase, text in NAMES.items():
        out.append(f'<rect x="{place}" y="{total - 32}" width="10" height="10" fill="{COLOURS[phase]}"/>')
        out.append(f'<text x="{place + 14}" y="{total - 23}" fill="{INK}">{text}</text>')
        place += 30 + 7 * len(text)
    if any(each is not None and each.gate != "open" for each in drawn.standings):
        out.append(f'<rect x="{place}" y="{total - 32}" width="10" height="10" fill="#ffffff" stroke="{FAINT}"/>')
        out.append(f'<text x="{place + 14}" y="{total - 23}" fill="{INK}">does not apply</text>')
    return "\n".join([*out, "</svg>", ""])


def _line(places: list[tuple[float, float]], colour: str, gap: float, dots: bool = True) -> list[str]:
    """A polyline, broken where nothing was said for longer than `gap`."""
    parts: list[list[tuple[float, float]]] = [[]]
    for place in places:
        if parts[-1] and place[0] - parts[-1][-1][0] > gap:
            parts.append([])
        parts[-1].append(place)
    made = [
        f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{" ".join(f"{a},{b}" for a, b in part)}"/>' for part in parts
    ]
    return made + ([f'<circle cx="{a}" cy="{b}" r="1.6" fill="{colour}"/>' for a, b in places] if dots else [])


def _strip(drawn: Drawn, number: int, top: int, x: Callable[[float], float]) -> list[str]:
    """The phases of one level over time."""
    phases = ["idle" if each is None else each.levels[number].phase for each in drawn.standings]
    shut = [each is not None and each.gate != "open" for each in drawn.standings]
    made, begin = [], 0
    for second in range(1, len(phases) + 1):
        if second == len(phases) or (phases[second], shut[second]) != (phases[begin], shut[begin]):
            fill = "#ffffff" if shut[begin] else COLOURS[phases[begin]]
            width = round(x(min(second, len(phases) - 1)) - x(begin), 1)
            edge = FAINT if shut[begin] else "none"
            made.append(f'<rect x="{x(begin)}" y="{top}" width="{width}" height="{STRIP}" fill="{fill}" stroke="{edge}"/>')
            begin = second
    return made


def main(folder: Path = FOLDER) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for scene in SCENES:
        (folder / f"{scene.name}.svg").write_text(draw(play(scene)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
