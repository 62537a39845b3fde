"""A change of the configuration, taken in by the warden: what it means for programs, trials, clocks and standing alarms.

However a row was edited or imported, what only a request may change (class, trial, commanding) stays as requests have made it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alarms.model import Alarm
from app.rows import ConfigChanged
from power.setup import edited
from rules.compile import concern
from rules.inheritance import Inheritance, overridden
from rules.model import Rule
from sites.model import Circuit, Device, Site
from sites.roster import Roster

if TYPE_CHECKING:
    from app.warden import Warden


def reconfigure(warden: Warden, change: ConfigChanged, at_ms: int) -> None:
    """Take one change in; an old version changes nothing."""
    roster = warden.configuration.roster
    old_circuit, old_site, old_device = roster.circuits.get(change.id), roster.sites.get(change.id), roster.device(change.id)
    old_override = warden.configuration.documents["override"].get(change.id) if change.kind == "override" else None
    was_ever = change.id in roster.rows_ever
    what = warden.configuration.apply(change)
    if what is None:
        return
    if change.kind == "circuit" and old_circuit is not None:
        _guard_circuit(warden, old_circuit, roster.circuits.get(change.id))
        warden.advance(warden.orders.due(at_ms), at_ms)  # complaints about a circuit that is no longer the same end
    if change.kind == "site" and old_site is not None:
        _guard_site(warden, old_site, roster.sites.get(change.id))
    if change.kind == "device":
        _take_device(warden, change.id, old_device, at_ms)
    if change.kind == "device" and (device := roster.device(change.id)) is not None:
        what = "more" if not was_ever else "names" if old_device is not None and concern(old_device) == concern(device) else what
    warden.configured(change.kind, change.id, what, at_ms)
    if change.kind == "rule":
        _withdraw_rule(warden, change.id, at_ms)
    if change.kind == "override":
        override = warden.configuration.documents["override"].get(change.id)
        for rule_id in sorted({each.rule_id for each in (old_override, override) if each is not None}):
            _withdraw_rule(warden, rule_id, at_ms)
    if change.kind == "device" and change.body is None:
        warden.transact(warden.book.withdraw(at_ms, "the device was removed", device_id=change.id), at_ms)
    if change.kind == "device" and old_device != roster.device(change.id):
        warden.transact(warden.book.inhibit(roster, at_ms, [change.id, *roster.behind(change.id)]), at_ms)


def _withdraw_rule(warden: Warden, rule_id: str, at_ms: int) -> None:
    """End what a rule has raised where it no longer applies: everywhere, or where a place has switched it off (or has not on)."""
    configuration = warden.configuration
    roster, rule = configuration.roster, configuration.rules.get(rule_id)
    overrides = [each for each in configuration.documents["override"].values() if each.rule_id == rule_id and each.enabled is not None]
    if rule is None or (not rule.enabled and not overrides):
        why = "the rule was deleted" if rule is None else "the rule was disabled"
        warden.transact(warden.book.withdraw(at_ms, why, rule_id=rule_id), at_ms)
    elif overrides or not rule.enabled:
        inheritance = Inheritance(roster, overrides)
        of_rule = [alarm for alarm in warden.book.open.values() if alarm.rule_id == rule_id]
        off = {alarm.id for alarm in of_rule if not _is_on(rule, alarm, roster, inheritance)}
        if not off:
            return
        warden.transact(warden.book.withdraw(at_ms, "the rule was disabled here", alarm_ids=off), at_ms)
    else:
        return
    warden.transact(warden.book.inhibit(roster, at_ms), at_ms)


def _is_on(rule: Rule, alarm: Alarm, roster: Roster, inheritance: Inheritance) -> bool:
    """Whether the rule applies to what an alarm is of, by itself and by the places around it: a zone's own ones, whoever spoke in it."""
    kind, _, zone_id = alarm.subject.partition(":")
    device, zone = roster.device(alarm.device_id), roster.zones.get(zone_id) if kind == "zone" else None
    if zone is not None:
        own = inheritance.by_rule.get(rule.id, {})
        return overridden(rule, [own[node] for node in inheritance.nodes(zone.site_id, zone.id) if node in own]).enabled
    return rule.enabled if device is None else overridden(rule, inheritance.chain(rule.id, device)).enabled


def _guard_circuit(warden: Warden, old: Circuit, new: Circuit | None) -> None:
    """However a circuit's row was edited or imported: another class, breaker or mapping voids its trial."""
    if new is not None and (kept := edited(old, new)) != new:
        warden.out.outcome.circuits.append(warden.changed("circuit", replace(kept, version=new.version + 1)))


def _guard_site(warden: Warden, old: Site, new: Site | None) -> None:
    """Commanding is switched by a request, never by an edit of the row."""
    if new is not None and new.commanding != old.commanding:
        kept = replace(new, commanding=old.commanding, version=new.version + 1)
        warden.out.outcome.sites.append(warden.changed("site", kept))


def _take_device(warden: Warden, device_id: str, old: Device | None, at_ms: int) -> None:
    """A device came, changed, got other hardware (whose clock is learnt anew), or went; its dates are watched from now on."""
    roster = warden.configuration.roster
    device = roster.device(device_id)
    if device is None:
        warden.refused.forget(device_id)
    elif old is not None and (old.codec, old.address) != (device.codec, device.address):
        warden.clocks.forget(roster.device_rows[device_id])
        warden.program.intervals.forget(roster.device_rows[device_id])
        _void_trials(warden, device_id)
    warden.date(device_id, at_ms)


def _void_trials(warden: Warden, device_id: str) -> None:
    """Another breaker stands in this place: what was witnessed with the one before is no longer so."""
    roster = warden.configuration.roster
    for circuit_id in sorted(roster.circuits_of_device.get(device_id, ())):
        circuit = roster.circuits[circuit_id]
        if circuit.trial is not None:
            voided = replace(circuit, trial=None, version=circuit.version + 1)
            warden.out.outcome.circuits.append(warden.changed("circuit", voided))
