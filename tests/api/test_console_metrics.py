"""The metrics that the console's rule form offers are those that the service knows, with the same units and ranges."""

from __future__ import annotations

import json
from pathlib import Path

from sites.metrics import METRICS

FILE = Path(__file__).resolve().parents[2] / "console" / "src" / "rules" / "metrics.json"


def test_the_form_offers_the_metrics_of_the_service() -> None:
    offered = json.loads(FILE.read_text(encoding="utf-8"))
    assert offered == {name: {"unit": each.unit, "low": each.low, "high": each.high} for name, each in METRICS.items()}
