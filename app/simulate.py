"""`sitewarden simulate`: a sample place's devices against any broker, for practice, tests and measurements."""

from __future__ import annotations

import sys
import threading
import time

from app.settings import CommandError
from ingest.link import Address
from ingest.publish import NotPublished
from simulators.plant import Figures
from simulators.plant import run as run_plant
from simulators.scenarios import scenario


def run(name: str, mqtt: str, devices: int | None, rate: float | None, seconds: float | None, seed: int) -> int:
    """Run a scenario until interrupted or for `seconds`; prints what it did."""
    last = [0.0]

    def progress(figures: Figures) -> None:
        if sys.stderr.isatty() and time.monotonic() - last[0] >= 1.0:
            last[0] = time.monotonic()
            print(f"{_said(figures)}", end="\r", file=sys.stderr, flush=True)

    stop = threading.Event()
    try:
        place, address = scenario(name, devices), Address.parse(mqtt)
        figures = run_plant(
            address,
            place,
            stop=stop,
            clock=lambda: time.time_ns() // 1_000_000,
            seed=seed,
            seconds=seconds,
            rate=rate,
            client_id=f"sitewarden-{name}-{seed}",
            on_progress=progress,
        )
    except (ValueError, NotPublished) as error:
        raise CommandError(str(error)) from None
    print(_said(figures))
    return 0


def _said(figures: Figures) -> str:
    refused = f", {figures.not_taken} not taken" if figures.not_taken else ""
    return f"{figures.messages} messages, {figures.readings} readings, {figures.commands} commands{refused}"
