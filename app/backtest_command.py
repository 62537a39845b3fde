"""`sitewarden backtest RULE.yaml`: a rule tried on the historian or on a file of readings, findings as JSON lines on standard output.

A file of readings has no devices, so some are made for it: each `DEVICE:METRIC` is a point of a device that the rule's scope is taken to
cover by kind, zone and (where the file names none) site; all devices of a site lie in one zone. A device is expected to speak as often
as it does in the file.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import duckdb
import numpy as np
import yaml

from api.rule_text import Loader
from app.backtest import Job, blocks_of, step_through
from app.history_export import spilled
from app.places import Places, with_intervals
from app.readings_file import ReadingsFile
from app.settings import CommandError, Settings
from rules.backtest import Run
from rules.errors import RuleError
from rules.findings import Finding
from rules.intervals import BREATH_MS, longest_interval_ms
from rules.model import Rule
from rules.needs import companions, points_needed
from rules.parse import parse_rule
from sites.model import Device, Site, Zone
from sites.records import Unavailable
from sites.roster import Roster, expected_interval_ms
from storage.historian import HistorianDown
from storage.history_blocks import Block
from storage.records import Records

Progress = Callable[[float, int], None]
_LEAST = 5  # readings of a device from which its interval is taken
_KINDS = ("district", "enterprise", "site", "zone", "device", "circuit", "calendar", "override", "rule")
NOWHERE = "nowhere"


def read_rule(file: Path, rule_id: str | None) -> tuple[Rule, dict[str, Rule]]:
    """The rule of a file (of several: the one named), and all of it by id. Raises CommandError."""
    try:
        found = yaml.load(file.read_text(encoding="utf-8"), Loader)
        rules = [parse_rule(data) for data in (found if isinstance(found, list) else [found])]
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    except RuleError as error:
        raise CommandError(f"{file}: {error}") from None
    by_id = {rule.id: rule for rule in rules}
    if rule_id is None and len(rules) == 1:
        return rules[0], by_id
    if rule_id not in by_id:
        asked = "say which with --rule" if rule_id is None else f"none of them is {rule_id}"
        raise CommandError(f"{file} has {len(rules)} rules ({', '.join(sorted(by_id)) or 'nothing'}): {asked}")
    return by_id[rule_id], by_id


def try_file(rule: Rule, others: dict[str, Rule], file: Path, from_ms: int | None, to_ms: int | None, out: TextIO, bar: Progress) -> str:
    """On a file of readings. Returns a line for standard error. Raises CommandError."""
    with tempfile.TemporaryDirectory(prefix="sitewarden-backtest-") as folder:
        readings = ReadingsFile(file, Path(folder), from_ms, to_ms, lambda part, count: bar(part / 2, count))
        places, names = _places_of(readings.points, rule)
        fullest = readings.fullest()
        if fullest is not None:
            places = replace(places, devices=with_intervals(places.devices, _expected_ms(fullest, places.roster())))
        job = Job(
            tried=rule,
            present=None,
            companions=companions(rule, others),
            places=places,
            from_ms=readings.from_ms if from_ms is None else from_ms,
            to_ms=readings.until_ms if to_ms is None else to_ms,
        )
        return _stream(job, readings.blocks(), names, out, lambda part, count: bar(0.5 + part / 2, count))


def try_history(settings: Settings, rule: Rule, others: dict[str, Rule], from_ms: int, to_ms: int, out: TextIO, bar: Progress) -> str:
    """On the historian, by the records' roster; rules that this one refers to are those of its file, else of the records. Returns a line
    for standard error. Raises CommandError."""
    with contextlib.ExitStack() as stack:
        try:
            records = stack.enter_context(contextlib.closing(Records.open(settings.records)))
            kept = {kind: records.all_things(kind) for kind in _KINDS}
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sitewarden-backtest-")))
            known = [
                (device_id, metric) for device_id, _, metric in (name.rpartition(":") for name in spilled(settings, folder, from_ms, to_ms))
            ]
            beside = companions(rule, {each.id: each for each in kept.pop("rule")} | others)
            places = places_for([rule, *beside], known, **{f"{kind}s": things for kind, things in kept.items()})
            job = Job(tried=rule, present=None, companions=beside, places=places, from_ms=from_ms, to_ms=to_ms)
            with blocks_of(settings.historian, settings.data_dir, folder, job) as blocks:
                return _stream(job, blocks, {}, out, bar)
        except (HistorianDown, Unavailable, duckdb.Error, OSError) as error:
            raise CommandError(f"the backtest failed: {error}") from None


def places_for(rules: Sequence[Rule], known: Iterable[tuple[str, str]], **kept: Any) -> Places:
    """The configuration with the points that these rules look at, of those that history knows."""
    whole = Places(**kept)
    there = {device.id for device in whole.devices}
    whole = replace(whole, points=[point for point in known if point[0] in there])
    roster = whole.roster()
    return replace(whole, points=[whole.points[row] for row in points_needed(rules, roster).tolist()])


def _stream(job: Job, blocks: Iterable[Block], names: dict[str, str], out: TextIO, bar: Progress) -> str:
    """Findings to `out` as they come. `names` are those of subjects that the file calls otherwise."""
    run = Run(job.tried, job.places.roster(), job.companions, job.places.overrides)
    readings, made = 0, 0

    def take(_: int, findings: list[Finding]) -> bool:
        nonlocal made
        made += len(findings)
        for finding in findings:
            out.write(_line(finding, names) + "\n")
        return True

    def after(block: Block) -> None:
        nonlocal readings
        readings += len(block.rows)
        bar(min(0.999, (block.until_ms - job.from_ms) / max(1, job.to_ms - job.from_ms)), readings)

    step_through([run], blocks, job.to_ms, take, after)
    out.flush()
    bar(1.0, readings)
    nothing = "" if len(points_needed([job.tried], job.places.roster())) else f"; no point there is one that rule {job.tried.id} looks at"
    return f"{made} findings in {readings} readings of {len(job.places.points)} points{nothing}"


def _line(finding: Finding, names: dict[str, str]) -> str:
    point = names.get(finding.subject) or finding.subject.removeprefix("point:")
    return json.dumps(
        {"point": point, "edge": finding.edge.value, "level": finding.level, "at_ms": finding.at_ms, "value": finding.value},
        ensure_ascii=False,
    )


def _places_of(points: Sequence[str], rule: Rule) -> tuple[Places, dict[str, str]]:
    """Devices for the points of a file, and what the file calls each subject."""
    scope = rule.scope
    devices: dict[str, Device] = {}
    sites: dict[str, Site] = {}
    zones: dict[str, Zone] = {}
    taken: set[str] = set()
    pairs: list[tuple[str, str]] = []
    names: dict[str, str] = {}
    for point in points:
        place, _, metric = point.rpartition(":")
        if place not in devices:
            site_name, _, device_name = place.rpartition("/")
            site_id = site_name or (scope.sites[0] if scope.sites else NOWHERE)
            zone_id = scope.zones[0] if scope.zones else f"{site_id}"
            device_id = device_name if device_name not in taken else place
            taken.add(device_id)
            kind = scope.device_kinds[0] if scope.device_kinds else "other"
            sites.setdefault(site_id, Site(id=site_id, enterprise_id=NOWHERE, name=site_id))
            zones.setdefault(zone_id, Zone(id=zone_id, site_id=site_id, name=zone_id))
            devices[place] = Device(
                id=device_id,
                site_id=site_id,
                zone_id=zone_id,
                name=device_name,
                kind=kind,
                codec="native",
                address=f"{site_id}/{device_name}",
            )
            names[f"device:{device_id}"] = f"device:{place}"
        device = devices[place]
        pairs.append((device.id, metric))
        names[f"point:{device.id}:{metric}"] = point
    return Places(sites=list(sites.values()), zones=list(zones.values()), devices=list(devices.values()), points=pairs), names


def _expected_ms(block: Block, roster: Roster) -> dict[str, int]:
    """How often each device speaks in these readings: the median of the pauses between its moments, within what a service would learn."""
    device = roster.columns.device_rows[block.rows]
    order = np.lexsort((block.taken_ms, device))
    device, pause = device[order], np.diff(block.taken_ms[order], prepend=0)
    own = np.concatenate(([False], device[1:] == device[:-1])) & (pause >= BREATH_MS)
    device, pause = device[own], pause[own]
    starts = np.flatnonzero(np.concatenate(([True], device[1:] != device[:-1]))) if len(device) else np.zeros(0, np.int64)
    found: dict[str, int] = {}
    for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), len(device)], strict=True):
        if end - begin >= _LEAST:
            own_device = roster.devices_by_row[int(device[begin])]
            longest = longest_interval_ms(own_device)
            found[own_device.id] = min(max(int(np.median(pause[begin:end])), expected_interval_ms(own_device)), longest)
    return found
