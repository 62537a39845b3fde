"""`make bench`: runs the benchmarks, prints one table, writes `benchmarks/results.json`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

BENCHMARKS = {
    "B1": "benchmarks.b1_rules",
    "B2": "benchmarks.b2_ingest",
    "B3": "benchmarks.b3_node_red",
    "B4": "benchmarks.b4_live",
    "B5": "benchmarks.b5_memory",
    "B6": "benchmarks.b6_growth",
    "B7": "benchmarks.b7_restart",
    "B8": "benchmarks.b8_storm",
    "B9": "benchmarks.b9_history",
    "H5M": "benchmarks.b_history",
    "H200K": "benchmarks.b_hazards",
    "B10": "benchmarks.b10_plan",
    "B11": "benchmarks.b11_backtest",
    "B12": "benchmarks.b12_fan_out",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help="comma-separated ids, such as B1,B4")
    wanted = [name for name in parser.parse_args().only.upper().split(",") if name] or list(BENCHMARKS)
    unknown = [name for name in wanted if name not in BENCHMARKS]
    if unknown:
        print(f"unknown benchmark {', '.join(unknown)}; known are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    rows = []
    for name in wanted:
        print(f"running {name} ...", file=sys.stderr)
        rows += importlib.import_module(BENCHMARKS[name]).run()
    print(f"\n{'id':<5} {'figure':>14} {'unit':<18} {'bar':<22} {'':<11} name")
    for row in rows:
        verdict = {True: "holds", False: "falls short"}.get(row["holds"], "")
        print(f"{row['id']:<5} {row['figure']:>14.4g} {row['unit']:<18} {row['bar'] or '':<22} {verdict:<11} {row['name']}")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, commit {commit}")
    Path(__file__).with_name("results.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
