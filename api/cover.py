"""Cover: which devices are heard, proof-tested in time, in service, plausible, calibrated and looked at by a rule; now or over a span.

It judges what it is given and asks nobody. A device is *covered* when it has none of the problems.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from api.shapes.figures import CoverShape, DeviceCover, Hearing, ZoneCover
from api.shapes.times import iso, iso_or_none
from rules.model import Rule, RuleKind
from rules.needs import allows, metrics_needed
from sites.metrics import base_metric
from sites.model import Device
from sites.roster import Roster

# worst first, as they are shown
PROBLEMS = ("never_heard", "offline", "silent", "no_rule", "bypassed", "stuck", "test_overdue", "never_tested", "calibration_due")
HEARD_ENOUGH = 0.99  # of a past span
_DAY_MS = 86_400_000
# how often a detector is proof-tested: every detector within a year (GB 25201; gas detectors are calibrated as often, JJG 693)
TEST_EVERY_MS = dict.fromkeys(("smoke", "heat", "gas", "co", "manual_call", "electrical"), 365 * _DAY_MS)
CALIBRATION_SOON_MS = 30 * _DAY_MS


@dataclass(slots=True)
class Evidence:
    """What is known of the devices. `presence`: (state, heard_ms) of each; `shares`: part of the span in which each was heard (None: it is
    about now); `bypassed`, `stuck`: device ids; `bypassed_zones`; `tested_ms`: the last passed proof test; `rules` None: not known."""

    presence: Mapping[str, tuple[Hearing, int | None]]
    shares: Mapping[str, float | None] | None = None
    bypassed: set[str] = field(default_factory=set)
    bypassed_zones: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)
    tested_ms: Mapping[str, int] = field(default_factory=dict)
    rules: Sequence[Rule] | None = None


def heard_share(changes: Sequence[tuple[int, str]], from_ms: int, to_ms: int) -> float | None:
    """Part of [from, to) in which a device was online, of what is known of it; None: nothing is."""
    known = heard = 0
    for at, (since, state) in enumerate(changes):
        until = changes[at + 1][0] if at + 1 < len(changes) else to_ms
        lasted = max(0, min(until, to_ms) - max(since, from_ms))
        known += lasted
        heard += lasted if state == "online" else 0
    return heard / known if known else None


def cover(
    devices: Iterable[Device], roster: Roster, known: Evidence, site: str | None, from_ms: int, to_ms: int, complete: bool
) -> CoverShape:
    """Every device with its problems, zones with their counts. `complete`: the records could be asked."""
    looking = _Rules(known.rules, roster)
    items = [_judged(device, roster, known, looking, to_ms) for device in devices]
    items.sort(key=lambda item: (not item["problems"], item["site_id"], item["zone_name"], item["name"], item["id"]))
    zones: dict[tuple[str, str], ZoneCover] = {}
    total: Counter[str] = Counter()
    for item in items:
        zone = zones.setdefault(
            (item["site_id"], item["zone_id"]),
            {
                "site_id": item["site_id"],
                "zone_id": item["zone_id"],
                "zone_name": item["zone_name"],
                "devices": 0,
                "covered": 0,
                "problems": {},
            },
        )
        zone["devices"] += 1
        zone["covered"] += not item["problems"]
        for problem in item["problems"]:
            zone["problems"][problem] = zone["problems"].get(problem, 0) + 1
            total[problem] += 1
    return {
        "site": site,
        "from": iso(from_ms),
        "to": iso(to_ms),
        "devices": len(items),
        "covered": sum(not item["problems"] for item in items),
        "problems": {problem: total[problem] for problem in PROBLEMS if total[problem]},
        "zones": [zones[key] for key in sorted(zones)],
        "items": items,
        "records_available": complete,
    }


class _Rules:
    """How many enabled rules, but for those of silence, look at a device's points."""

    def __init__(self, rules: Sequence[Rule] | None, roster: Roster) -> None:
        self._rules = None if rules is None else [rule for rule in rules if rule.enabled and rule.kind is not RuleKind.SILENCE]
        self._needed = [metrics_needed(rule) or frozenset() for rule in self._rules or ()]
        self._roster = roster
        self._known: dict[tuple[str, str, str, frozenset[str]], int] = {}

    def of(self, device: Device) -> int | None:
        if self._rules is None:
            return None
        row = self._roster.device_rows.get(device.id)
        metrics = frozenset(base_metric(metric) for metric in (self._roster.rows_by_metric[row] if row is not None else ()))
        key = (device.site_id, device.zone_id, device.kind, metrics)
        if key not in self._known:
            self._known[key] = self._count(device, metrics, named=False)
        return self._known[key] + self._count(device, metrics, named=True)

    def _count(self, device: Device, metrics: frozenset[str], named: bool) -> int:
        assert self._rules is not None
        pairs = zip(self._rules, self._needed, strict=True)
        return sum(bool(rule.scope.devices) is named and bool(needed & metrics) and allows(rule.scope, device) for rule, needed in pairs)


def _judged(device: Device, roster: Roster, known: Evidence, looking: _Rules, at_ms: int) -> DeviceCover:
    state, heard_ms = known.presence.get(device.id, ("never_heard", None))
    tested_ms, every_ms = known.tested_ms.get(device.id), TEST_EVERY_MS.get(device.kind)
    due_ms = None if every_ms is None or tested_ms is None else tested_ms + every_ms
    rules = looking.of(device)
    share: float | None = float(state == "online")
    found: set[str] = set()
    if known.shares is None:
        found |= {state} - {"online"}
    else:
        share = known.shares.get(device.id)
        if share is None or share < HEARD_ENOUGH:
            found.add("never_heard" if state == "never_heard" else "silent")
    found |= {"no_rule"} if rules == 0 else set()
    found |= {"bypassed"} if device.id in known.bypassed or device.zone_id in known.bypassed_zones else set()
    found |= {"stuck"} if device.id in known.stuck else set()
    if every_ms is not None:
        found |= {"never_tested"} if tested_ms is None else {"test_overdue"} if due_ms is not None and due_ms <= at_ms else set()
    if device.calibrated_until_ms is not None and device.calibrated_until_ms <= at_ms + CALIBRATION_SOON_MS:
        found.add("calibration_due")
    zone = roster.zones.get(device.zone_id)
    return {
        "id": device.id,
        "name": device.name,
        "kind": device.kind,
        "site_id": device.site_id,
        "zone_id": device.zone_id,
        "zone_name": zone.name if zone else device.zone_id,
        "state": state,
        "heard_at": iso_or_none(heard_ms),
        "heard_share": None if share is None else round(share, 4),
        "tested_at": iso_or_none(tested_ms),
        "test_due_at": iso_or_none(due_ms),
        "calibrated_until": iso_or_none(device.calibrated_until_ms),
        "rules": rules or 0,
        "problems": [problem for problem in PROBLEMS if problem in found],
    }
