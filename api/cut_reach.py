"""What one click reaches: the circuits of an alarm's zone, of a zone with all in it, of a floor or of a whole site; and the four digits.

The frozen list is what the person saw: the cut names exactly those circuits. A whole site asks for digits that the preview shows; they
stand in a signed challenge that is bound to site, list and a short time, so nothing is kept between preview and click.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from api.door import Door, Visitor
from api.problems import Problem, invalid
from api.shapes.plans import FrozenItem, Preview, ReachAsk
from power.plans import within
from power.refusals import Refusal
from sites.model import Circuit

CHALLENGE_MS = 120_000
SECOND_ABOVE = 200  # circuits in one click without an alarm: another person with the right must agree (domain.md C3)


def reached(door: Door, visitor: Visitor, ask: ReachAsk) -> tuple[str, list[Circuit]]:
    """(site id, circuits) that the ask reaches, by panel and name. Raises 404 for what the person does not see, 422 for an unclear ask."""
    roster = door.board.roster
    given = [name for name in ("alarm_id", "zone_id", "floor") if getattr(ask, name) is not None]
    if len(given) > 1 or (not given and ask.site_id is None):
        raise invalid("give one of alarm_id, zone_id, floor with site_id, or site_id alone", "/" + (given[0] if given else "site_id"))
    circuits = [circuit for circuit in tuple(roster.circuits.values()) if circuit.id not in set(ask.except_circuits)]
    if ask.alarm_id is not None:
        alarm = door.board.alarms.get(ask.alarm_id)
        if alarm is None or not visitor.reach.may("see", alarm.site_id):
            raise Problem(404, "not-found", "Not found", f"there is no open alarm {ask.alarm_id}")
        site_id, zones = alarm.site_id, within((alarm.zone_id,), roster)
    elif ask.zone_id is not None:
        zone = roster.zones.get(ask.zone_id)
        if zone is None or not visitor.reach.may("see", zone.site_id):
            raise Problem(404, "not-found", "Not found", f"there is no zone {ask.zone_id}")
        site_id, zones = zone.site_id, within((zone.id,), roster)
    else:
        site_id = ask.site_id or ""
        if site_id not in roster.sites or not visitor.reach.may("see", site_id):
            raise Problem(404, "not-found", "Not found", f"there is no site {site_id}")
        here = [zone for zone in tuple(roster.zones.values()) if zone.site_id == site_id]
        zones = frozenset(zone.id for zone in here if ask.floor is None or zone.floor == ask.floor)
        if ask.floor is not None and not zones:
            floors = ", ".join(sorted({zone.floor for zone in here if zone.floor})) or "none"
            raise invalid(f"the site has no floor {ask.floor!r}; its floors are {floors}", "/floor")
    chosen = [circuit for circuit in circuits if circuit.site_id == site_id and circuit.zone_id in zones]
    return site_id, sorted(chosen, key=lambda circuit: (circuit.panel, circuit.name, circuit.id))


def previewed(door: Door, site_id: str, frozen: list[tuple[int, Circuit, Refusal | None]]) -> Preview:
    """The list as a person sees it, without challenge."""
    goes_dark: list[FrozenItem] = []
    stays_on: list[FrozenItem] = []
    for stage, circuit, no in frozen:
        (goes_dark if no is None else stays_on).append(_item(door, stage, circuit, no))
    return {
        "site_id": site_id,
        "goes_dark": goes_dark,
        "stays_on": stays_on,
        "power_w": sum(item["power_w"] or 0.0 for item in goes_dark),
        "tenants": sorted({item["tenant"] for item in goes_dark if item["tenant"]}),
        "challenge": "",
        "digits": "",
        "needs_second": False,
        "observes": None,
        "observes_zh": None,
    }


def is_whole_site(ask: ReachAsk) -> bool:
    return ask.alarm_id is None and ask.zone_id is None and ask.floor is None


def needs_second(ask: ReachAsk, number: int) -> bool:
    """Never in front of an alarm."""
    return ask.alarm_id is None and number > SECOND_ABOVE


def challenge(secret: bytes, site_id: str, circuit_ids: list[str], now_ms: int) -> tuple[str, str]:
    """(challenge, digits) for this list, good for two minutes."""
    expires_ms = now_ms + CHALLENGE_MS
    mac = _mac(secret, site_id, circuit_ids, expires_ms)
    return f"{expires_ms}.{mac}", _digits(mac)


def must_meet(secret: bytes, site_id: str, circuit_ids: list[str], given: str, digits: str, now_ms: int) -> None:
    """Raises 422 unless challenge and digits are those of a preview of exactly this list within the last two minutes."""
    expires, _, mac = given.partition(".")
    if not expires.isdigit() or not hmac.compare_digest(mac, _mac(secret, site_id, circuit_ids, int(expires))):
        raise invalid("the challenge is not that of a preview of exactly these circuits: look at the preview again", "/challenge")
    if int(expires) < now_ms:
        raise invalid("the preview is older than two minutes: look at what goes dark again", "/challenge")
    if not hmac.compare_digest(digits.strip(), _digits(mac)):
        raise invalid("these are not the four digits that the preview shows", "/digits")


def _mac(secret: bytes, site_id: str, circuit_ids: list[str], expires_ms: int) -> str:
    text = "\n".join(["cut", site_id, str(expires_ms), *sorted(circuit_ids)])
    return hmac.new(secret, text.encode(), sha256).hexdigest()


def _digits(mac: str) -> str:
    return f"{int(mac[:8], 16) % 10_000:04d}"


def _item(door: Door, stage: int, circuit: Circuit, no: Refusal | None) -> FrozenItem:
    measured = door.board.measured(circuit.id)
    zone = door.board.roster.zones.get(circuit.zone_id)
    return {
        "circuit_id": circuit.id,
        "circuit_name": circuit.name,
        "zone_id": circuit.zone_id,
        "zone_name": zone.name if zone else "",
        "tenant": circuit.tenant,
        "panel": circuit.panel,
        "circuit_class": circuit.circuit_class.value,
        "stage": stage,
        "power_w": measured.power_w,
        "current_a": measured.current_a,
        "code": no.code if no else "",
        "reason": no.text_en if no else "",
        "reason_zh": no.text_zh if no else "",
    }
