"""Mutation testing of `rules/` by cosmic-ray: do the tests notice when one operator, number or condition of the engine is another?

    python -m tests.mutants [--each 6] [--only rules/subjects.py] [--seconds 1200]

A clone of the present commit is changed, never this tree. Of each file `--each` mutants are taken, always the same ones; a mutant is
first shown to the stories of its file, then, if it lives, to the tests that hold the engine to its references. Mutants of annotations are
left out: they change nothing that runs. Not part of `make test`; the figures stand in `docs/measurements.md`.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent.parent
TOOL = Path(os.environ.get("COSMIC_RAY", HERE / ".venv/mutants/bin/cosmic-ray"))
_T = "tests/rules/test_"
_POINTS = ([f"{_T}engine_stories.py", f"{_T}gates.py", f"{_T}intervals.py"], [f"{_T}engine_equals_reference.py", f"{_T}sieve.py"])
_SUBJECTS = ([f"{_T}subjects_stories.py"], [f"{_T}subjects_equal_reference.py", f"{_T}standing.py"])
_DERIVED = ([f"{_T}derived_stories.py"], [f"{_T}derived_equals_reference.py", f"{_T}derived_gates.py"])
_WORDS = ([f"{_T}expression.py"], [f"{_T}subjects_stories.py"])
_TEXTS = ([f"{_T}parse.py", f"{_T}parse_derived.py", f"{_T}parse_schedule.py"], [f"{_T}shipped_sets.py"])
# by file: the tests that come first, and those for what is left
TESTS: dict[str, tuple[list[str], list[str]]] = {
    **dict.fromkeys(("engine", "kernels", "memory", "presence", "sieve", "newest", "carry", "compile", "edges", "gates", "wheel"), _POINTS),
    **dict.fromkeys(("subjects", "subjects_build", "subjects_frame", "subjects_memory", "subjects_plan", "subjects_points"), _SUBJECTS),
    **dict.fromkeys(("subjects_quiet", "subjects_rates", "subjects_state", "subjects_parts", "subjects_explain"), _SUBJECTS),
    **dict.fromkeys(("derived", "derived_carry", "derived_checks", "derived_due", "derived_gates", "derived_load"), _DERIVED),
    **dict.fromkeys(("derived_memory", "derived_values", "windows", "pairs"), _DERIVED),
    **dict.fromkeys(("expression", "expression_eval", "expression_parse", "expression_tokens", "expression_units"), _WORDS),
    **dict.fromkeys(("parse", "parse_levels", "parse_reader", "parse_derived", "parse_schedule", "limits"), _TEXTS),
    "schedule": ([f"{_T}gates.py", f"{_T}parse_schedule.py"], [f"{_T}derived_gates.py"]),
    "inheritance": ([f"{_T}inheritance.py"], [f"{_T}subjects_stories.py"]),
    "variants": ([f"{_T}inheritance.py"], [f"{_T}subjects_stories.py"]),
    "intervals": ([f"{_T}intervals.py"], [f"{_T}engine_stories.py"]),
    "recurrence": ([f"{_T}recurrence.py"], [f"{_T}engine_stories.py"]),
    "standing": ([f"{_T}standing.py"], [f"{_T}subjects_stories.py"]),
    "explain": ([f"{_T}standing.py"], ["tests/api/test_rule_views.py"]),
    "backtest": ([f"{_T}backtest.py"], ["tests/app/test_backtest_history.py"]),
    "cover": ([f"{_T}cover.py"], ["tests/api/test_rule_views.py"]),
    "needs": ([f"{_T}cover.py"], ["tests/api/test_rule_views.py"]),
}


@dataclass(slots=True)
class Tally:
    """Of one file."""

    made: int = 0  # mutants that there are
    tried: int = 0
    killed: int = 0


def sampled(session: Path, source: str, module: str, each: int) -> int:
    """Leave of a session's mutants `each` (by a hash of what they are), none of them in an annotation; returns how many there were."""
    spans = spans_of_annotations(source)
    with sqlite3.connect(session) as book:
        columns = "job_id, operator_name, occurrence, start_pos_row, start_pos_col"
        rows = [row for row in book.execute(f"select {columns} from mutation_specs") if not any(a <= row[3:5] < b for a, b in spans)]
        rows.sort(key=lambda row: hashlib.sha256(f"{module} {row[1]} {row[2]}".encode()).digest())
        kept = [row[0] for row in rows[:each]]
        marks = ",".join("?" * len(kept))
        for table in ("mutation_specs", "work_items"):
            book.execute(f"delete from {table} where job_id not in ({marks})", kept)
    return len(rows)


def spans_of_annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations stand: (line, column) of begin and end."""
    found = []
    for node in ast.walk(ast.parse(source)):
        for name in ("annotation", "returns"):
            each = getattr(node, name, None)
            if isinstance(each, ast.expr):
                found.append(((each.lineno, each.col_offset), (each.end_lineno or 0, each.end_col_offset or 0)))
    return found


def run(clone: Path, name: str, each: int, timeout_s: float) -> tuple[Tally, list[str]]:
    """One file: its figures, and the changes that nobody noticed."""
    first, then = TESTS[name]
    module, session = f"rules/{name}.py", clone / f"{name}.sqlite"
    pytest = f"{shlex.quote(sys.executable)} -m pytest -q -x -p no:cacheprovider --hypothesis-seed=0"
    there = [[path for path in paths if (clone / path).exists()] for paths in (first, then)]
    command = " && ".join(f"{pytest} {' '.join(paths)}" for paths in there if paths)
    config = clone / f"{name}.toml"
    config.write_text(
        f'[cosmic-ray]\nmodule-path = "{module}"\ntimeout = {timeout_s}\nexcluded-modules = []\n'
        f"test-command = {json.dumps('sh -c ' + shlex.quote(command))}\n"
        '[cosmic-ray.distributor]\nname = "local"\n'
    )
    call: list[str | Path] = [TOOL, "init", config, session]
    subprocess.run(call, cwd=clone, check=True, capture_output=True)
    tally = Tally(made=sampled(session, (clone / module).read_text(), module, each))
    subprocess.run([TOOL, "exec", config, session], cwd=clone, check=True, capture_output=True)
    subprocess.run(["git", "checkout", "-q", "--", "rules"], cwd=clone, check=True)
    survived = []
    with sqlite3.connect(session) as book:
        for outcome, diff in book.execute("select test_outcome, diff from work_results"):
            tally.tried += 1
            if str(outcome).lower().endswith("killed"):
                tally.killed += 1
            else:
                survived.append(diff)
    return tally, survived


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--each", type=int, default=6, help="mutants of each file")
    parser.add_argument("--only", action="append", help="a file of rules/")
    parser.add_argument("--seconds", type=float, default=1_200.0, help="no further file is begun after so long")
    given = parser.parse_args()
    if not TOOL.exists():
        sys.exit("cosmic-ray is not there: make mutants installs it")
    names = [Path(name).stem for name in given.only or []] or list(TESTS)
    began = time.monotonic()
    tallies: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", "--local", HERE, clone], check=True)
        for name in names:
            if time.monotonic() - began > given.seconds:
                break
            if not (clone / f"rules/{name}.py").exists():
                continue
            tallies[name], survived = run(clone, name, given.each, 180.0)
            tally = tallies[name]
            print(f"{name:20} {tally.killed} of {tally.tried} noticed ({tally.made} there are)", flush=True)
            for diff in survived:
                print("\n".join(line for line in diff.splitlines() if line[:1] in "@+-" and line[:3] not in ("+++", "---")), flush=True)
    killed, tried = sum(tally.killed for tally in tallies.values()), sum(tally.tried for tally in tallies.values())
    print(f"in all {killed} of {tried} noticed, of {sum(tally.made for tally in tallies.values())}; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
