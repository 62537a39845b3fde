"""The long fault runs: `python -m tests.faults [--runs N] [--seconds S] [--seed K] [--only F1,F5]`, or `make faults`.

Each case runs at least N times and at least S seconds. It prints one line a case and every failure with its seed, writes
`benchmarks/faults.json`, and exits with 1 when anything was lost, doubled or invented.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from pathlib import Path

import pytest

from tests.faults.cases import CASES, Case, Tally

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "faults.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Faults that must lose nothing, many times each.")
    parser.add_argument("--runs", type=int, default=100, help="least runs of each case (default 100)")
    parser.add_argument("--seconds", type=float, default=60.0, help="least seconds of each case (default 60)")
    parser.add_argument("--seed", type=int, default=1, help="first seed (default 1)")
    parser.add_argument("--only", default="", help="cases by id, such as F1,F5")
    given = parser.parse_args()
    wanted = [word for word in given.only.split(",") if word]
    chosen = [case for case in CASES if not wanted or any(case.id == word or case.id.startswith(f"{word}-") for word in wanted)]
    if not chosen:
        parser.error(f"no case {given.only}; there are {', '.join(case.id for case in CASES)}")
    logging.disable(logging.CRITICAL)
    tallies = [tally for case in chosen if (tally := _run(case, given.seed, given.runs, given.seconds)) is not None]
    RESULTS.write_text(json.dumps(_beside(_by_fault(tallies)), indent=2) + "\n")
    return 0 if len(tallies) == len(chosen) and all(tally.verdict.is_clean for tally in tallies) else 1


def _run(case: Case, seed: int, runs: int, seconds: float) -> Tally | None:
    """None: it cannot be run here, which is said."""
    whole, began = Tally(case.id), time.monotonic()
    try:
        while whole.runs < runs or time.monotonic() - began < seconds:
            tally = case.run(seed, max(case.life, min(20, runs - whole.runs)))
            seed += tally.runs
            whole.runs += tally.runs
            whole.injected += tally.injected
            whole.verdict.add(tally.verdict)
    except pytest.skip.Exception as reason:
        print(f"{case.id}: not run: {reason}", flush=True)
        return None
    verdict = whole.verdict
    figures = f"{whole.runs} runs, {whole.injected} injected, {len(verdict.lost)} lost, {len(verdict.doubled)} doubled"
    print(f"{case.id:11} {case.name}: {figures} ({time.monotonic() - began:.0f} s)", flush=True)
    for kind, texts in (("lost", verdict.lost), ("doubled", verdict.doubled), ("invented", verdict.invented)):
        for text in texts[:20]:
            print(f"  {kind}: {text}", flush=True)
    return whole


def _by_fault(tallies: list[Tally]) -> list[dict[str, object]]:
    """Cases of one fault together: F5-full and F5-torn are F5."""
    faults: dict[str, Tally] = {}
    for tally in tallies:
        name = tally.id.partition("-")[0]
        whole = faults.setdefault(name, Tally(name))
        whole.runs += tally.runs
        whole.injected += tally.injected
        whole.verdict.add(tally.verdict)
    return [fault.as_json() for fault in faults.values()]


def _beside(made: list[dict[str, object]]) -> list[dict[str, object]]:
    """These, and what earlier runs said of faults that were not run now."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    new = {str(each["id"]): each for each in made}
    rows = [new.pop(str(each["id"]), each) for each in known] + list(new.values())
    return sorted(rows, key=lambda each: int(str(each["id"])[1:]))


if __name__ == "__main__":
    sys.exit(main())
