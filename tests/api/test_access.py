"""Who may do what where: the documented table, every route by every role inside and outside, and the ways round it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from alarms.contacts import Group
from alarms.duty import DutyRoster
from alarms.escalation_policy import Escalation, Step
from alarms.handovers import hash_of
from alarms.presence_checks import PresenceSchedule
from api.access import ACTS, ROLES, reach
from api.server import bare_app
from power.morning_model import ApproveMorning
from power.permit_model import ActOnPermit, ApplyPermit
from power.requests import LockOut
from power.stay_on import AskStayOn
from rules.model import NodeKind, Override
from sites.calendars import Calendar
from sites.keys import ApiKey, Place
from sites.model import District, Enterprise, Site, derived_id
from sites.people import Grant, User
from sites.roster import Roster
from tests.api.conftest import Service
from tests.api.plant import NOON, PASSWORD, inbox_id
from tests.api.plant_duty import paper_check, paper_handover, paper_self_test

DOCUMENT = Path(__file__).parents[2] / "docs" / "access.md"


def test_the_documented_table_is_the_one_in_the_code() -> None:
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    roles = [cell.split()[0] for cell in lines[0].strip("|").split("|")[1:]]
    documented = {}
    for line in lines[2:]:
        act, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert set(cells) <= {"yes", "-"}, line
        documented[act.strip("`")] = frozenset(role for role, cell in zip(roles, cells, strict=True) if cell == "yes")
    assert tuple(roles) == ROLES
    assert documented == ACTS


def test_supervisors_and_administrators_never_cut() -> None:
    for role in ("supervisor", "administrator", "enterprise", "agency", "grid"):
        assert role not in ACTS["cut"] | ACTS["restore"]


@dataclass(frozen=True)
class Case:
    """How to ask a route at a site. `act` None: every signed-in person may. `outside`: what asking at another site answers."""

    act: str | None
    path: str
    body: Any = None
    outside: int = 404
    wrong: int = 403  # for whoever sees it and may not
    before: Callable[[Service, str], None] | None = None
    raw: bytes | None = None  # the body, where it is no JSON
    is_blind: bool = False  # who has the right nowhere is refused before anything is looked for


LATER = "2026-11-22T05:00:00Z"
GRADED = {"grade": "general"}
PLAN = {
    "rectification": {
        "person": "王", "measures": "replace", "funds": "own", "deadline_at": "2026-11-23T00:00:00Z", "contingency": "fire watch",
    }
}  # fmt: skip
RULE = {"name": {"zh": "燃气", "en": "Gas"}, "kind": "level", "metric": "lel", "above": [{"limit": 25, "severity": "high", "deadband": 2}]}
NIGHT = {"name": "闭店", "stages": [{"classes": ["use"]}], "at": "22:30"}
RULE_TEXT = "{id: {site}-rule, name: x, kind: level, metric: lel, above: [{limit: 20, severity: high}], scope: {sites: [{site}]}}"
LEDGER = base64.b64encode(b"site,title\nMall,open cover\n").decode()
USER = {"login": "new", "name": "New", "password": "a long password"}


def hazard_in(*steps: tuple[str, str, Any]) -> Callable[[Service, str], None]:
    """Brings the alarm's hazard so far by direct record transactions of people who may, whatever role is tested."""

    def bring(service: Service, site: str) -> None:
        everywhere = ("supervisor", "manager", "operator", "enterprise")
        for role in everywhere:
            user = service.records.user_by_login(f"all-{role}")
            if user is None:
                grants = (Grant(role=role, node_kind="all", node_id=None),)
                service.records.save_user(User(id=f"u-all-{role}", login=f"all-{role}", name=role, grants=grants), "t", 0)
        made = service.call("all-operator", "POST", f"/alarms/{site}-alarm/hazard", {}, 201)
        service.tokens["hazard"] = made["id"]
        for login, step, body in steps:
            service.call(login, "POST", f"/hazards/{made['id']}/{step}", body)

    return bring


REPORTED = hazard_in()
CONFIRMED = hazard_in(("all-manager", "confirm", GRADED))
RECTIFYING = hazard_in(("all-manager", "confirm", GRADED), ("all-enterprise", "rectify", PLAN))
SUBMITTED = hazard_in(
    ("all-manager", "confirm", GRADED), ("all-enterprise", "rectify", PLAN), ("all-enterprise", "submit", {"note": "valve replaced"})
)

SHUT = {"extent": "full", "note": "all"}
MORE_TIME = {"until_at": "2026-11-25T00:00:00Z", "reason": "parts are late"}
LISTED = {"body": "应急局", "list_number": "2026-7", "deadline_at": "2026-12-22T00:00:00Z", "contact": "王"}
EXTENDED = hazard_in(("all-manager", "confirm", GRADED), ("all-enterprise", "rectify", PLAN), ("all-enterprise", "extend", MORE_TIME))
MAJOR_ONE = hazard_in(("all-manager", "confirm", {"grade": "major"}))
LISTED_ONE = hazard_in(("all-manager", "confirm", {"grade": "major"}), ("all-supervisor", "supervise", LISTED))

PHOTO = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
FIXED = {"site_id": "{site}", "title": "wet floor", "measures": "dried", "before": base64.b64encode(PHOTO).decode()}
FIXED["after"] = FIXED["before"]


def with_file(service: Service, site: str) -> None:
    REPORTED(service, site)
    path = f"/api/v1/hazards/{service.tokens['hazard']}/files"
    shown = service.client.post(path, content=PHOTO, headers=service.as_("all-operator")).json()
    service.tokens["file"] = shown["files"][0]["id"]


def with_link(service: Service, site: str) -> None:
    REPORTED(service, site)
    made = service.call("all-manager", "POST", f"/hazards/{service.tokens['hazard']}/rectifiers", {"name": "P"}, 201)
    service.tokens["file"] = made["id"]


def another_hazard(service: Service, site: str) -> None:
    REPORTED(service, site)
    other = service.call("all-operator", "POST", "/hazards", {"site_id": site, "title": "the same", "category": "gas"}, 201)
    service.tokens["other"] = other["id"]


def emptied(service: Service, site: str) -> None:
    """A site, zone or enterprise is removed only when nothing is in it."""
    service.records.delete("plan", f"{site}-plan", "t", 0)
    for circuit in ("c1", "c2"):
        service.records.delete("circuit", f"{site}-{circuit}", "t", 0)
        service.board.roster.remove("circuit", f"{site}-{circuit}")
    for device in ("gas", "switch", "spare"):
        service.records.delete("device", f"{site}-{device}", "t", 0)
        service.board.roster.remove("device", f"{site}-{device}")
    for zone in ("kitchen", "empty"):
        service.records.delete("zone", f"{site}-{zone}", "t", 0)
        service.board.roster.remove("zone", f"{site}-{zone}")


def without_site(service: Service, site: str) -> None:
    emptied(service, site)
    service.records.delete("site", site, "t", 0)


def calendar_at(service: Service, site: str) -> None:
    service.records.insert("calendar", Calendar(id=f"{site}-calendar", name="n", site_id=site), "t", 0)


def override_at(service: Service, site: str) -> None:
    made = Override(id=f"{site}-override", rule_id=f"{site}-rule", node_kind=NodeKind.SITE, node_id=site, hold_s=5.0, reason="steam")
    service.records.insert("override", made, "t", 0)


def normal(service: Service, site: str) -> None:
    from dataclasses import replace

    from alarms.model import Condition

    alarm = service.board.alarms[f"{site}-alarm"]
    service.board.alarms[alarm.id] = replace(alarm, condition=Condition.NORMAL, cleared_ms=alarm.changed_ms)


def asking(service: Service, site: str) -> None:
    """The service stood still in the middle of the run."""
    service.board.runs.resumed(NOON - 3_600_000, NOON)


def with_group(service: Service, site: str) -> None:
    service.records.save_notify_group(Group(id=f"{site}-group", name="night", site_id=site), "t", 0, is_new=True)


POLICY = {"name": "gas", "kinds": ["gas"], "site_id": "{site}", "unacknowledged": [{"after_s": 60, "whom": ["role:operator"]}]}
ROSTER = {
    "name": "control room", "site_id": "{site}", "people": [{"id": "w", "name": "王", "phone": "13800000000"}],
    "shifts": [{"id": "day", "name": "day", "begin": "00:00", "end": "24:00", "places": [{"person": "w"}]}],
}  # fmt: skip


def with_policy(service: Service, site: str) -> None:
    steps = (Step(after_s=60, whom=("role:operator",)),)
    service.records.insert("escalation", Escalation(id=f"{site}-policy", name="gas", site_id=site, unacknowledged=steps), "t", 0)


def with_roster(service: Service, site: str) -> None:
    service.records.insert("duty_roster", DutyRoster(id=f"{site}-roster", name="control room", site_id=site), "t", 0)


HASH = hash_of("", "", "{}", "u-manager", 0, "")


def offered(service: Service, site: str) -> None:
    service.board.facts["handover", f"{site}-handover"] = paper_handover(f"{site}-handover", site)


def questioned(service: Service, site: str) -> None:
    service.board.facts["presence_check", f"{site}-check"] = paper_check(f"{site}-check", site)


def scheduled(service: Service, site: str) -> None:
    service.records.insert("presence_schedule", PresenceSchedule(id=f"{site}-watch", name="watch", site_id=site, times=(60,)), "t", 0)


def tried(service: Service, site: str) -> None:
    service.board.facts["self_test", "tried"] = paper_self_test("tried")


QUIET = {"name": "night", "reason": "cleaning", "kinds": ["water"], "windows": [{"begin": 60, "end": 120}]}


def quiet(service: Service, site: str) -> None:
    from alarms.quiet_times import QuietTime
    from sites.calendars import Window

    made = QuietTime(id=f"{site}-quiet", name="night", site_id=site, reason="cleaning", kinds=("water",), windows=(Window(60, 120),))
    service.records.insert("quiet_time", made, "t", 0)


def locked_circuit(service: Service, site: str) -> None:
    who = "u-operator" if site == "mall" else "u-plant"
    service.board.power.ask(LockOut(circuit_id=f"{site}-c1", who=who, reason="cable"), NOON)


def locked_by_each(service: Service, site: str) -> None:
    """Each role's own lock: who may, takes off their own."""
    for who in ("u-operator", "u-manager"):
        service.board.power.ask(LockOut(circuit_id=f"{site}-c1", who=who, reason="cable"), NOON)


def tripped(service: Service, site: str) -> None:
    service.board.power.trip(f"{site}-c1", site, NOON)


def permitted(service: Service, site: str) -> None:
    made = ApplyPermit(
        key="k", who="u-somebody", site_id=site, zone_id=f"{site}-kitchen", kind="height", title="t", content="", worker="w",
        guardian_name="g", promise="p", from_ms=NOON, until_ms=NOON + 3_600_000,
    )  # fmt: skip
    service.board.power.ask(made, NOON)


def assessed(service: Service, site: str) -> None:
    permitted(service, site)
    permit = derived_id("work_permit", site, "u-somebody", "k")
    service.board.power.ask(ActOnPermit(permit_id=permit, act="assess", who="u-somebody", note="falls"), NOON)


def tenanted(service: Service, site: str) -> None:
    from dataclasses import replace

    roster = service.board.roster
    roster.put(replace(roster.circuits[f"{site}-c1"], tenant="Noodles"))


def wants_to_stay(service: Service, site: str) -> None:
    tenanted(service, site)
    wish = AskStayOn(
        key="k", site_id=site, tenant="Noodles", from_ms=NOON, until_ms=NOON + 3_600_000, reason="stock", asked_by="Li", phone="138"
    )
    service.board.power.ask(wish, NOON)


def night_is_over(service: Service, site: str) -> None:
    tenanted(service, site)
    service.board.power.cut_by_night(derived_id("run", site, "click", "u-operator", "k"), NOON)


def approved_morning(service: Service, site: str) -> None:
    night_is_over(service, site)
    run = derived_id("run", site, "click", "u-operator", "k")
    service.board.power.ask(ApproveMorning(key="k", run_id=run, who="u-a", second="u-b", reason="opening"), NOON)


SECOND = {"reason": "opening", "second_login": "second", "second_password": PASSWORD}
WORK = {
    "site_id": "{site}", "zone_id": "{site}-kitchen", "kind": "height", "title": "lamps", "worker": "w", "guardian_name": "g",
    "promise": "harness", "from": "2026-11-22T04:00:00Z", "until": "2026-11-22T08:00:00Z",
}  # fmt: skip


def with_key(service: Service, site: str) -> None:
    places = (Place(node_kind="site", node_id=site),)
    made = ApiKey(
        id=f"{site}-key", name="BMS", prefix="swk_x", key_hash="h", acts=("see",), places=places, made_by="u-root", made_ms=NOON
    )  # fmt: skip
    service.records.save_key(made, "t", 0)


CASES: dict[str, Case] = {
    "GET /lock-outs": Case("see", "/lock-outs", outside=200),
    "GET /switchings": Case("see", "/switchings", outside=200),
    "POST /circuits/{circuit_id}/lock": Case("lock", "/circuits/{site}-c1/lock", {"reason": "cable", "number": "T-7"}),
    "POST /circuits/{circuit_id}/unlock": Case("lock", "/circuits/{site}-c1/unlock", {"reason": "done"}, before=locked_by_each),
    "POST /circuits/{circuit_id}/local-reset": Case("restore", "/circuits/{site}-c1/local-reset", {"cause": "kettle"}, before=tripped),
    "POST /orders/{order_id}/decide": Case("restore", "/orders/{site}-order/decide", {"is_live": False, "reason": "tested dead"}),
    "GET /work-permits": Case("see", "/work-permits", outside=200),
    "POST /work-permits": Case("permit", "/work-permits", WORK),
    "GET /work-permits/declarations": Case("see", "/work-permits/declarations?site={site}&date=2026-11-22"),
    "GET /work-permits/{permit_id}": Case("see", "/work-permits/{permit}", before=permitted),
    "POST /work-permits/{permit_id}/gas-test": Case(
        "permit", "/work-permits/{permit}/gas-test", {"place": "x", "combustible_vol": 0, "lel_vol": 5, "o2_vol": 20.9}, before=permitted
    ),
    "POST /work-permits/{permit_id}/act": Case(
        "permit", "/work-permits/{permit}/act", {"act": "assess", "note": "falls"}, before=permitted
    ),
    "POST /work-permits/{permit_id}/decide": Case(
        "permit_approve", "/work-permits/{permit}/decide", {"act": "check", "note": "harness is there"}, before=assessed
    ),
    "GET /mornings": Case("see", "/mornings", outside=200),
    "POST /runs/{run_id}/morning": Case("restore", "/runs/{run}/morning", SECOND, before=night_is_over),
    "POST /restores": Case("restore", "/restores", {**SECOND, "site_id": "{site}", "circuit_ids": ["{site}-c1"]}),
    "GET /mornings/{morning_id}": Case("see", "/mornings/{morning}", before=approved_morning),
    "POST /mornings/{morning_id}/confirm": Case(
        "restore", "/mornings/{morning}/confirm", {"person": "Li", "tenant": "Noodles"}, before=approved_morning
    ),
    "POST /mornings/{morning_id}/end": Case("restore", "/mornings/{morning}/end", {"reason": "closed today"}, before=approved_morning),
    "GET /stay-ons": Case("see", "/stay-ons", outside=200),
    "POST /stay-ons": Case(
        "stay_on",
        "/stay-ons",
        {"site_id": "{site}", "tenant": "Noodles", "until": "2026-11-22T06:00:00Z", "reason": "stock", "asked_by": "Li"},
        before=tenanted,
    ),
    "POST /stay-ons/{stay_on_id}/decide": Case("stay_on", "/stay-ons/{stay_on}/decide", {"approve": True}, before=wants_to_stay),
    "POST /stay-ons/{stay_on_id}/end": Case("stay_on", "/stay-ons/{stay_on}/end", {}, before=wants_to_stay),
    "POST /shop-links": Case("plans", "/shop-links", {"site_id": "{site}", "tenant": "Noodles"}, before=tenanted),
    "GET /escalations": Case("see", "/escalations", outside=200),
    "POST /escalations": Case("rules", "/escalations", POLICY, outside=422, wrong=403),
    "GET /escalations/{escalation_id}": Case("see", "/escalations/{site}-policy", before=with_policy),
    "PUT /escalations/{escalation_id}": Case("rules", "/escalations/{site}-policy", {**POLICY, "version": 1}, before=with_policy),
    "DELETE /escalations/{escalation_id}": Case("rules", "/escalations/{site}-policy", before=with_policy),
    "GET /duty-rosters": Case("see", "/duty-rosters", outside=200),
    "POST /duty-rosters": Case("configure", "/duty-rosters", ROSTER, is_blind=True),
    "GET /duty-rosters/{roster_id}": Case("see", "/duty-rosters/{site}-roster", before=with_roster),
    "GET /duty-rosters/{roster_id}/duty": Case("see", "/duty-rosters/{site}-roster/duty", before=with_roster),
    "PUT /duty-rosters/{roster_id}": Case("configure", "/duty-rosters/{site}-roster", {**ROSTER, "version": 1}, before=with_roster),
    "DELETE /duty-rosters/{roster_id}": Case("configure", "/duty-rosters/{site}-roster", before=with_roster),
    "GET /notifications": Case("see", "/notifications", outside=200),
    "GET /notifications/channels": Case("see", "/notifications/channels", outside=200),
    "POST /notifications/test": Case("configure", "/notifications/test", {"to": "a@example.org", "channel": "email"}, outside=200),
    "GET /notifications/contacts/{user_id}": Case("users", "/notifications/contacts/{colleague}", is_blind=True),
    "PUT /notifications/contacts/{user_id}": Case("users", "/notifications/contacts/{colleague}", {"phone": "13800000000"}, is_blind=True),
    "GET /notifications/groups": Case("see", "/notifications/groups", outside=200),
    "POST /notifications/groups": Case("configure", "/notifications/groups", {"name": "night", "site_id": "{site}"}, outside=403),
    "GET /notifications/groups/{group_id}": Case("see", "/notifications/groups/{site}-group", before=with_group),
    "PUT /notifications/groups/{group_id}": Case(
        "configure", "/notifications/groups/{site}-group", {"name": "day", "site_id": "{site}", "version": 1}, before=with_group
    ),
    "DELETE /notifications/groups/{group_id}": Case("configure", "/notifications/groups/{site}-group", before=with_group),
    "GET /notifications/templates": Case(None, "/notifications/templates", outside=200),
    "PUT /notifications/templates/{channel}/{language}": Case(
        "configure", "/notifications/templates/sms/zh", {"body": "alarm"}, outside=403
    ),
    "DELETE /notifications/templates/{channel}/{language}": Case("configure", "/notifications/templates/sms/zh", outside=403),
    "POST /notifications/templates/preview": Case(None, "/notifications/templates/preview", {"channel": "sms", "alarm_id": "{site}-alarm"}),
    "GET /me": Case(None, "/me", outside=200),
    "POST /auth/reauth": Case(None, "/auth/reauth", {"password": PASSWORD}, outside=200),
    "GET /districts": Case("see", "/districts", outside=200),
    "POST /districts": Case("configure", "/districts", {"name": "new", "parent_id": "{district}"}, outside=422),
    "GET /districts/{district_id}": Case("see", "/districts/{district}"),
    "PUT /districts/{district_id}": Case("configure", "/districts/{district}", {"name": "x", "version": 1, "parent_id": "city"}),
    "DELETE /districts/{district_id}": Case("configure", "/districts/{district}"),
    "GET /enterprises": Case("see", "/enterprises", outside=200),
    "POST /enterprises": Case("configure", "/enterprises", {"name": "new", "district_id": "{district}"}, outside=422),
    "GET /enterprises/{enterprise_id}": Case("see", "/enterprises/{enterprise}"),
    "PUT /enterprises/{enterprise_id}": Case(
        "configure", "/enterprises/{enterprise}", {"name": "x", "district_id": "{district}", "version": 1}
    ),
    "DELETE /enterprises/{enterprise_id}": Case("configure", "/enterprises/{enterprise}", before=without_site),
    "GET /sites": Case("see", "/sites", outside=200),
    "POST /sites": Case("configure", "/sites", {"name": "new", "enterprise_id": "{enterprise}"}, outside=422),
    "GET /sites/{site_id}": Case("see", "/sites/{site}"),
    "PUT /sites/{site_id}": Case("configure", "/sites/{site}", {"name": "x", "enterprise_id": "{enterprise}", "version": 1}),
    "DELETE /sites/{site_id}": Case("configure", "/sites/{site}", before=emptied),
    "POST /sites/{site_id}/commanding": Case("commanding", "/sites/{site}/commanding", {"commanding": False, "reason": "works"}),
    "GET /zones": Case("see", "/zones", outside=200),
    "POST /zones": Case("configure", "/zones", {"name": "new", "site_id": "{site}"}, outside=422),
    "GET /zones/{zone_id}": Case("see", "/zones/{site}-kitchen"),
    "PUT /zones/{zone_id}": Case("configure", "/zones/{site}-kitchen", {"name": "x", "site_id": "{site}", "version": 1}),
    "DELETE /zones/{zone_id}": Case("configure", "/zones/{site}-empty"),
    "GET /devices/inbox": Case("configure", "/devices/inbox", outside=200),
    "POST /devices/inbox/{inbox_id}/accept": Case(
        "configure", "/devices/inbox/{inbox}/accept", {"site_id": "{site}", "zone_id": "{site}-kitchen"}, wrong=404
    ),
    "POST /devices/inbox/accept": Case(
        "configure", "/devices/inbox/accept",
        {"items": [{"inbox_id": "{inbox}"}], "site_id": "{site}", "zone_id": "{site}-kitchen"}, wrong=404,
    ),
    "POST /devices/inbox/dismiss": Case("configure", "/devices/inbox/dismiss", {"inbox_ids": ["{inbox}"]}, wrong=404),
    "GET /devices/export": Case("see", "/devices/export?format=csv", outside=200),
    "POST /devices/import": Case("configure", "/devices/import", {"content_b64": "{register}", "dry_run": False}, outside=422),
    "POST /devices/{device_id}/move": Case(
        "configure", "/devices/{site}-gas/move", {"version": 1, "site_id": "{site}", "zone_id": "{site}-empty"}
    ),
    "POST /devices/{device_id}/replace": Case("configure", "/devices/{site}-gas/replace", {"version": 1, "address": "{site}/gas-new"}),
    "POST /devices/{device_id}/retire": Case("configure", "/devices/{site}-spare/retire", {"version": 1, "why": "sold"}),
    "GET /devices/{device_id}/refusals": Case("see", "/devices/{site}-gas/refusals"),
    "GET /codecs": Case(None, "/codecs", outside=200),
    "POST /decode": Case("configure", "/decode", {"topic": "sitewarden/v1/{site}/x/telemetry", "payload": "{}"}, outside=200),
    "GET /devices": Case("see", "/devices", outside=200),
    "POST /devices": Case("configure", "/devices", {"name": "new", "site_id": "{site}", "zone_id": "{site}-kitchen"}, outside=422),
    "GET /devices/{device_id}": Case("see", "/devices/{site}-gas"),
    "PUT /devices/{device_id}": Case(
        "configure", "/devices/{site}-gas", {"name": "x", "site_id": "{site}", "zone_id": "{site}-kitchen", "version": 1}
    ),
    "DELETE /devices/{device_id}": Case("configure", "/devices/{site}-spare"),
    "GET /points": Case("see", "/points", outside=200),
    "GET /points/{point_id}": Case("see", "/points/{site}-gas:lel"),
    "GET /points/{point_id}/readings": Case("see", "/points/{site}-gas:lel/readings"),
    "GET /circuits": Case("see", "/circuits", outside=200),
    "POST /circuits": Case(
        "configure", "/circuits",
        {"name": "new", "site_id": "{site}", "zone_id": "{site}-kitchen", "device_id": "{site}-switch", "channel": "3"}, outside=422,
    ),
    "GET /circuits/{circuit_id}": Case("see", "/circuits/{site}-c1"),
    "PUT /circuits/{circuit_id}": Case(
        "configure", "/circuits/{site}-c1",
        {"name": "x", "site_id": "{site}", "zone_id": "{site}-kitchen", "device_id": "{site}-switch", "channel": "1", "version": 1},
    ),
    "DELETE /circuits/{circuit_id}": Case("configure", "/circuits/{site}-c1"),
    "POST /circuits/{circuit_id}/cut": Case("cut", "/circuits/{site}-c1/cut", {"reason": "gas"}),
    "POST /circuits/{circuit_id}/restore": Case(
        "restore", "/circuits/{site}-c1/restore", {"reason": "closed", "second_login": "second", "second_password": PASSWORD}
    ),
    "POST /circuits/{circuit_id}/trial": Case("classify", "/circuits/{site}-c1/trial", {"first_name": "王", "second_name": "李"}),
    "POST /circuits/{circuit_id}/class": Case("classify", "/circuits/{site}-c1/class", {"circuit_class": "use", "reason": "seen"}),
    "GET /assignees": Case("acknowledge", "/assignees?site={site}"),
    "GET /alarms/{alarm_id}/call-script": Case("see", "/alarms/{site}-alarm/call-script"),
    "GET /duty-record": Case("see", "/duty-record?site={site}"),
    "GET /duty-record/page": Case("see", "/duty-record/page?site={site}"),
    "GET /quiet-times": Case("see", "/quiet-times", outside=200),
    "POST /quiet-times": Case("configure", "/quiet-times", {**QUIET, "site_id": "{site}"}, outside=422),
    "GET /quiet-times/{quiet_id}": Case("see", "/quiet-times/{site}-quiet", before=quiet),
    "PUT /quiet-times/{quiet_id}": Case(
        "configure", "/quiet-times/{site}-quiet", {**QUIET, "site_id": "{site}", "version": 1}, before=quiet
    ),
    "DELETE /quiet-times/{quiet_id}": Case("configure", "/quiet-times/{site}-quiet", before=quiet),
    "GET /suppressions": Case("see", "/suppressions", outside=200),
    "GET /shelves": Case("see", "/shelves", outside=200),
    "POST /alarms/{alarm_id}/shelve": Case("shelve", "/alarms/{site}-alarm/shelve", {"until": LATER, "reason": "known"}),
    "POST /alarms/{alarm_id}/unshelve": Case("shelve", "/alarms/{site}-alarm/unshelve", {}),
    "POST /alarms/{alarm_id}/withdraw": Case("acknowledge", "/alarms/{site}-alarm/withdraw", {"reason": "scope changed"}),
    "GET /out-of-service": Case("see", "/out-of-service", outside=200),
    "POST /out-of-service": Case(
        "out_of_service", "/out-of-service", {"device_id": "{site}-switch", "until": LATER, "reason": "repair"}, outside=422
    ),
    "GET /out-of-service/{out_id}": Case("see", "/out-of-service/{site}-out"),
    "POST /out-of-service/{out_id}/approve": Case("approve_out_of_service", "/out-of-service/{site}-out/approve", {}),
    "POST /out-of-service/{out_id}/end": Case("out_of_service", "/out-of-service/{site}-out/end", {}),
    "GET /proof-tests": Case("see", "/proof-tests", outside=200),
    "POST /proof-tests": Case(
        "proof_test", "/proof-tests", {"zone_id": "{site}-kitchen", "until": LATER, "reason": "yearly"}, outside=422
    ),
    "GET /proof-tests/{test_id}": Case("see", "/proof-tests/{site}-test"),
    "POST /proof-tests/{test_id}/applied": Case("proof_test", "/proof-tests/{site}-test/applied", {"device_id": "{site}-gas"}),
    "POST /proof-tests/{test_id}/end": Case("proof_test", "/proof-tests/{site}-test/end", {}),
    "GET /proof-records": Case("see", "/proof-records", outside=200),
    "GET /rules": Case("see", "/rules", outside=200),
    "POST /rules": Case("rules", "/rules", {**RULE, "scope": {"sites": ["{site}"]}}, outside=403),
    "GET /rules/{rule_id}": Case("see", "/rules/{site}-rule"),
    "PUT /rules/{rule_id}": Case("rules", "/rules/{site}-rule", {**RULE, "version": 1, "scope": {"sites": ["{site}"]}}),
    "POST /rules/check": Case("rules", "/rules/check", {"data": {**RULE, "id": "new", "scope": {"sites": ["{site}"]}}}, outside=200),
    "GET /rule-sets": Case(None, "/rule-sets", outside=200),
    "GET /rules/{rule_id}/cover": Case("see", "/rules/{site}-rule/cover"),
    "GET /rules/{rule_id}/state": Case("see", "/rules/{site}-rule/state"),
    "GET /rules/{rule_id}/explain": Case("see", "/rules/{site}-rule/explain?point={site}-gas:lel"),
    "GET /rules/{rule_id}/numbers": Case("see", "/rules/{site}-rule/numbers?device_id={site}-gas"),
    "GET /rules/{rule_id}/versions": Case("see", "/rules/{site}-rule/versions"),
    "GET /rules/{rule_id}/text": Case("see", "/rules/{site}-rule/text"),
    "POST /rules/{rule_id}/restore": Case("rules", "/rules/{site}-rule/restore", {"version": 1, "present": 1}),
    "PUT /rules/{rule_id}/text": Case(
        "rules",
        "/rules/{site}-rule/text",
        {"text": RULE_TEXT, "version": 1},
    ),
    "POST /rules/{rule_id}/backtest": Case("rules", "/rules/{site}-rule/backtest", {}),
    "GET /backtests": Case(None, "/backtests", outside=200),
    "GET /calendars": Case("see", "/calendars", outside=200),
    "POST /calendars": Case("rules", "/calendars", {"name": "n", "site_id": "{site}", "weekdays": [[]] * 7}, outside=422),
    "GET /calendars/{calendar_id}": Case("see", "/calendars/{site}-calendar", before=calendar_at),
    "PUT /calendars/{calendar_id}": Case(
        "rules",
        "/calendars/{site}-calendar",
        {"name": "n", "site_id": "{site}", "weekdays": [["09:00-21:00"], [], [], [], [], [], []], "version": 1},
        before=calendar_at,
    ),
    "DELETE /calendars/{calendar_id}": Case("rules", "/calendars/{site}-calendar", before=calendar_at),
    "GET /overrides": Case("see", "/overrides", outside=200),
    "POST /overrides": Case(
        "rules",
        "/overrides",
        {"rule_id": "{site}-rule", "node_kind": "device", "node_id": "{site}-gas", "hold_s": 5, "reason": "steam"},
        outside=403,
    ),
    "GET /overrides/{override_id}": Case("see", "/overrides/{site}-override", before=override_at),
    "PUT /overrides/{override_id}": Case(
        "rules",
        "/overrides/{site}-override",
        {"rule_id": "{site}-rule", "node_kind": "site", "node_id": "{site}", "hold_s": 9, "reason": "steam", "version": 1},
        before=override_at,
    ),
    "DELETE /overrides/{override_id}": Case("rules", "/overrides/{site}-override", before=override_at),
    "DELETE /rules/{rule_id}": Case("rules", "/rules/{site}-rule"),
    "GET /plans": Case("see", "/plans", outside=200),
    "POST /plans": Case("plans", "/plans", {**NIGHT, "site_id": "{site}"}),
    "GET /plans/{plan_id}": Case("see", "/plans/{site}-plan"),
    "PUT /plans/{plan_id}": Case("plans", "/plans/{site}-plan", {**NIGHT, "site_id": "{site}", "version": 1}),
    "DELETE /plans/{plan_id}": Case("plans", "/plans/{site}-plan"),
    "POST /plans/{plan_id}/preview": Case("see", "/plans/{site}-plan/preview", {}),
    "POST /plans/{plan_id}/runs": Case(
        "cut", "/plans/{site}-plan/runs", {"reason": "drill", "second_login": "second", "second_password": PASSWORD}
    ),
    "POST /plans/{plan_id}/skip": Case("cut", "/plans/{site}-plan/skip", {"date": "2026-12-24", "reason": "late opening"}),
    "POST /cuts/preview": Case("see", "/cuts/preview", {"zone_id": "{site}-kitchen"}),
    "POST /cuts": Case("cut", "/cuts", {"zone_id": "{site}-kitchen", "circuit_ids": ["{site}-c1"], "reason": "smoke"}),
    "GET /runs": Case("see", "/runs", outside=200),
    "GET /runs/month": Case("see", "/runs/month?site={site}"),
    "GET /runs/{run_id}": Case("see", "/runs/{run}"),
    "GET /runs/{run_id}/report": Case("see", "/runs/{run}/report"),
    "POST /runs/{run_id}/abort": Case("cut", "/runs/{run}/abort", {"reason": "stock-taking"}),
    "POST /runs/{run_id}/decide": Case("cut", "/runs/{run}/decide", {"go": False, "reason": "late"}, before=asking),
    "GET /linkages": Case("see", "/linkages", outside=200),
    "POST /linkages": Case("rules", "/linkages", {"name": "new", "sites": ["{site}"]}, outside=403),
    "GET /linkages/{linkage_id}": Case("see", "/linkages/{site}-linkage"),
    "PUT /linkages/{linkage_id}": Case("rules", "/linkages/{site}-linkage", {"name": "x", "sites": ["{site}"], "version": 1}),
    "POST /linkages/dry-run": Case("rules", "/linkages/dry-run", {"alarm_id": "{site}-alarm", "linkage": {"notify": ["a@b"]}}),
    "POST /linkages/{linkage_id}/dry-run": Case("rules", "/linkages/{site}-linkage/dry-run", {"alarm_id": "{site}-alarm"}),
    "GET /alarms/{alarm_id}/linkages": Case("see", "/alarms/{site}-alarm/linkages"),
    "DELETE /linkages/{linkage_id}": Case("rules", "/linkages/{site}-linkage"),
    "GET /alarms": Case("see", "/alarms", outside=200),
    "GET /alarms/counts": Case("see", "/alarms/counts", outside=200),
    "POST /alarms/acknowledge": Case("acknowledge", "/alarms/acknowledge", {"alarm_ids": ["{site}-alarm"]}),
    "POST /alarms/reset": Case("acknowledge", "/alarms/reset", {"alarm_ids": ["{site}-alarm"]}, before=normal),
    "POST /alarms/silence": Case("acknowledge", "/alarms/silence", {"alarm_ids": ["{site}-alarm"], "desk": "1"}, outside=204),
    "GET /alarms/{alarm_id}": Case("see", "/alarms/{site}-alarm"),
    "POST /alarms/{alarm_id}/acknowledge": Case("acknowledge", "/alarms/{site}-alarm/acknowledge", {}),
    "POST /alarms/{alarm_id}/reset": Case("acknowledge", "/alarms/{site}-alarm/reset", {}, before=normal),
    "POST /alarms/{alarm_id}/note": Case("acknowledge", "/alarms/{site}-alarm/note", {"note": "seen"}),
    "POST /alarms/{alarm_id}/progress": Case("acknowledge", "/alarms/{site}-alarm/progress", {"step": "arrived"}),
    "POST /alarms/{alarm_id}/assign": Case("acknowledge", "/alarms/{site}-alarm/assign", {"assignee": "u-operator"}),
    "POST /alarms/{alarm_id}/verdict": Case("judge", "/alarms/{site}-alarm/verdict", {"verdict": "true"}),
    "GET /alarms/{alarm_id}/cut": Case("see", "/alarms/{site}-alarm/cut"),
    "POST /alarms/{alarm_id}/cut": Case("cut", "/alarms/{site}-alarm/cut", {"circuit_ids": ["{site}-c1"], "reason": "gas"}),
    "POST /alarms/{alarm_id}/hazard": Case("hazard_report", "/alarms/{site}-alarm/hazard", {}),
    "GET /alarm-views": Case(None, "/alarm-views", outside=200),
    "POST /alarm-views": Case(None, "/alarm-views", {"name": "mine", "filter": {"state": "any"}}, outside=201),
    "POST /alarm-exports": Case(None, "/alarm-exports", {"filter": {"site": "{site}"}}, outside=202),
    "GET /alarm-exports": Case(None, "/alarm-exports", outside=200),
    "GET /figures/alarms": Case("see", "/figures/alarms?site={site}"),
    "GET /figures/cover": Case("see", "/figures/cover?site={site}"),
    "GET /incidents/export": Case(
        "see", "/incidents/export?form=html&site={site}&from=2026-11-22T00:00:00Z&to=2026-11-22T05:00:00Z"
    ),
    "GET /incidents/{alarm_id}/export": Case("see", "/incidents/{site}-alarm/export?form=html"),
    "GET /handovers": Case("see", "/handovers", outside=200),
    "GET /handovers/draft": Case("see", "/handovers/draft?site={site}"),
    "POST /handovers": Case("hand_over", "/handovers", {"site_id": "{site}"}),
    "GET /handovers/{handover_id}": Case("see", "/handovers/{site}-handover", before=offered),
    "GET /handovers/{handover_id}/page": Case("see", "/handovers/{site}-handover/page", before=offered),
    "POST /handovers/{handover_id}/take": Case("hand_over", "/handovers/{site}-handover/take", {"hash": HASH}, before=offered),
    "POST /handovers/{handover_id}/withdraw": Case("hand_over", "/handovers/{site}-handover/withdraw", {}, before=offered),
    "GET /presence-checks": Case("see", "/presence-checks", outside=200),
    "POST /presence-checks": Case("ask_presence", "/presence-checks", {"site_id": "{site}"}),
    "GET /presence-checks/{check_id}": Case("see", "/presence-checks/{site}-check", before=questioned),
    "POST /presence-checks/{check_id}/answer": Case(
        "acknowledge", "/presence-checks/{site}-check/answer", {"answer": "7"}, before=questioned
    ),
    "GET /presence-schedules": Case("see", "/presence-schedules", outside=200),
    "POST /presence-schedules": Case(
        "configure", "/presence-schedules", {"name": "night", "site_id": "{site}", "random_per_day": 2}, outside=422
    ),
    "GET /presence-schedules/{schedule_id}": Case("see", "/presence-schedules/{site}-watch", before=scheduled),
    "PUT /presence-schedules/{schedule_id}": Case(
        "configure", "/presence-schedules/{site}-watch", {"name": "x", "site_id": "{site}", "times": [60], "version": 1}, before=scheduled
    ),
    "DELETE /presence-schedules/{schedule_id}": Case("configure", "/presence-schedules/{site}-watch", before=scheduled),
    "GET /self-tests": Case(None, "/self-tests", outside=200),
    "POST /self-tests": Case("self_test", "/self-tests", outside=202, is_blind=True),
    "GET /self-tests/{test_id}": Case(None, "/self-tests/tried", outside=200, before=tried),
    "GET /hazards": Case("see", "/hazards", outside=200),
    "GET /hazards/counts": Case("see", "/hazards/counts", outside=200),
    "GET /hazards/trend": Case("see", "/hazards/trend", outside=200),
    "GET /hazards/comparison": Case("see", "/hazards/comparison", outside=200),
    "GET /hazards/reconciliation": Case("see", "/hazards/reconciliation", outside=200),
    "GET /hazard-views": Case(None, "/hazard-views", outside=200),
    "POST /hazard-views": Case(None, "/hazard-views", {"name": "mine", "filter": {"state": "overdue"}}, outside=201),
    "GET /hazards/{hazard_id}/files/{file_id}": Case("see", "/hazards/{hazard}/files/{file}", before=with_file),
    "GET /hazards/{hazard_id}/files/{file_id}/thumbnail": Case("see", "/hazards/{hazard}/files/{file}/thumbnail", before=with_file),
    "POST /hazards/{hazard_id}/files": Case("hazard_report", "/hazards/{hazard}/files", before=REPORTED, raw=PHOTO),
    "POST /hazards/fixed": Case("hazard_submit", "/hazards/fixed", FIXED),
    "POST /hazards/{hazard_id}/rectifiers": Case("hazard_rectify", "/hazards/{hazard}/rectifiers", {"name": "P"}, before=REPORTED),
    "GET /hazards/{hazard_id}/rectifiers": Case("hazard_rectify", "/hazards/{hazard}/rectifiers", before=REPORTED),
    "DELETE /hazards/{hazard_id}/rectifiers/{link_id}": Case("hazard_rectify", "/hazards/{hazard}/rectifiers/{file}", before=with_link),
    "GET /hazards/export.xlsx": Case("see", "/hazards/export.xlsx", outside=200),
    "GET /hazards/export.csv": Case("see", "/hazards/export.csv", outside=200),
    "POST /hazards/import": Case("hazard_report", "/hazards/import", {"content": LEDGER, "dry_run": True}, outside=200),
    "GET /hazards/{hazard_id}/notice.html": Case("see", "/hazards/{hazard}/notice.html", before=REPORTED),
    "GET /hazards/{hazard_id}/acceptance.html": Case("see", "/hazards/{hazard}/acceptance.html", before=REPORTED),
    "POST /hazards/accept": Case(None, "/hazards/accept", {"ids": ["{hazard}"]}, outside=200, before=SUBMITTED),
    "POST /hazards/{hazard_id}/control": Case("hazard_report", "/hazards/{hazard}/control", {"measures": "fenced"}, before=REPORTED),
    "POST /hazards/{hazard_id}/vouch": Case("hazard_report", "/hazards/{hazard}/vouch", {"note": "seen"}, before=REPORTED),
    "POST /hazards/{hazard_id}/extend": Case("hazard_rectify", "/hazards/{hazard}/extend", MORE_TIME, before=RECTIFYING),
    "POST /hazards/{hazard_id}/extension": Case("hazard_confirm", "/hazards/{hazard}/extension", {"granted": True}, before=EXTENDED),
    "POST /hazards/{hazard_id}/supervise": Case("hazard_accept_major", "/hazards/{hazard}/supervise", LISTED, before=MAJOR_ONE),
    "POST /hazards/{hazard_id}/progress": Case("hazard_submit", "/hazards/{hazard}/progress", {"text": "half done"}, before=LISTED_ONE),
    "POST /hazards/{hazard_id}/shutdown": Case("hazard_report", "/hazards/{hazard}/shutdown", SHUT, before=REPORTED),
    "POST /hazards/{hazard_id}/link": Case("hazard_report", "/hazards/{hazard}/link", {"order_ids": ["{site}-order"]}, before=REPORTED),
    "POST /hazards/{hazard_id}/unlink": Case(
        "hazard_report", "/hazards/{hazard}/unlink", {"order_ids": ["x"], "reason": "not its"}, before=REPORTED
    ),
    "POST /hazards/{hazard_id}/split": Case(
        "hazard_confirm", "/hazards/{hazard}/split", {"parts": [{"title": "a part"}], "reason": "two things"}, before=REPORTED
    ),
    "POST /hazards": Case("hazard_report", "/hazards", {"site_id": "{site}", "title": "blocked exit", "category": "exit"}),
    "GET /hazards/{hazard_id}": Case("see", "/hazards/{hazard}", before=REPORTED),
    "POST /hazards/{hazard_id}/confirm": Case("hazard_confirm", "/hazards/{hazard}/confirm", GRADED, before=REPORTED),
    "POST /hazards/{hazard_id}/rectify": Case("hazard_rectify", "/hazards/{hazard}/rectify", PLAN, before=CONFIRMED),
    "POST /hazards/{hazard_id}/submit": Case("hazard_submit", "/hazards/{hazard}/submit", {"note": "done"}, before=RECTIFYING),
    "POST /hazards/{hazard_id}/accept": Case("hazard_accept", "/hazards/{hazard}/accept", {"note": "seen"}, before=SUBMITTED),
    "POST /hazards/{hazard_id}/return": Case("hazard_accept", "/hazards/{hazard}/return", {"reason": "leaks"}, before=SUBMITTED),
    "POST /hazards/{hazard_id}/reject": Case("hazard_confirm", "/hazards/{hazard}/reject", {"reason": "none"}, before=REPORTED),
    "POST /hazards/{hazard_id}/merge": Case(
        "hazard_confirm", "/hazards/{hazard}/merge", {"into": "{other}", "reason": "same"}, before=another_hazard
    ),
    "GET /orders": Case("see", "/orders", outside=200),
    "GET /orders/{order_id}": Case("see", "/orders/{site}-order"),
    "POST /history/exports": Case(
        "see", "/history/exports", {"site_id": "{site}", "from_at": "2026-11-22T00:00:00Z", "to_at": "2026-11-22T01:00:00Z"}
    ),
    "GET /history/exports": Case(None, "/history/exports", outside=200),
    "GET /me/sessions": Case(None, "/me/sessions", outside=200),
    "DELETE /me/sessions": Case(None, "/me/sessions", outside=200),
    "POST /me/password": Case(None, "/me/password", {"present": PASSWORD, "password": "another long one"}, outside=200),
    "GET /keys": Case("keys", "/keys", outside=200),
    "POST /keys": Case("keys", "/keys", {"name": "BMS", "places": [{"node_kind": "site", "node_id": "{site}"}]}, outside=403),
    "GET /keys/{key_id}": Case("keys", "/keys/{site}-key", before=with_key, is_blind=True),
    "DELETE /keys/{key_id}": Case("keys", "/keys/{site}-key", before=with_key, is_blind=True),
    "GET /audit": Case("audit", "/audit", outside=403),
    "GET /audit/head": Case("audit", "/audit/head", outside=403),
    "POST /audit/check": Case("audit", "/audit/check", {}, outside=403),
    "GET /audit/export": Case("audit", "/audit/export", outside=403),
    "DELETE /users/{user_id}": Case("users", "/users/{person}", is_blind=True),
    "POST /users/{user_id}/link": Case("users", "/users/{person}/link", is_blind=True),
    "GET /users": Case("users", "/users", outside=200),
    "POST /users": Case(
        "users", "/users", {**USER, "grants": [{"role": "operator", "node_kind": "site", "node_id": "{site}"}]}, outside=403
    ),
    "GET /users/{user_id}": Case("users", "/users/{person}", is_blind=True),
    "PUT /users/{user_id}": Case("users", "/users/{person}", {"login": "{person}", "name": "x", "version": 1}, is_blind=True),
}  # fmt: skip

# /live is walked in test_live.py, exports and backtests belong to who asked (test_exports.py, test_backtests.py); these need no session
OPEN = {
    *(
        f"{method} /rectify/{{token}}{part}"
        for method, part in (("GET", ""), ("GET", "/photos/{file_id}"), ("POST", "/photos"), ("POST", "/submit"))
    ),
    "GET /shop/{token}",
    "POST /shop/{token}/code",
    "POST /shop/{token}/stay-on",
    "POST /shop/{token}/confirm",
    "POST /notifications/receipts/{gateway}",
    "POST /auth/login",
    "POST /auth/links/look",
    "POST /auth/links/use",
    "POST /auth/logout",
}
ELSEWHERE = {
    "DELETE /me/sessions/{session_id}",  # of one's own: test_account.py
    *(f"{method} /alarm-exports/{{export_id}}{part}" for method, part in (("GET", ""), ("GET", "/file"), ("DELETE", ""))),
    "PUT /alarm-views/{view_id}", "DELETE /alarm-views/{view_id}",
    "PUT /hazard-views/{view_id}", "DELETE /hazard-views/{view_id}",
    "GET /live", "GET /history/exports/{export_id}", "GET /history/exports/{export_id}/file", "DELETE /history/exports/{export_id}",
    "GET /backtests/{backtest_id}", "GET /backtests/{backtest_id}/findings", "DELETE /backtests/{backtest_id}",
}  # fmt: skip


def routes(app: FastAPI) -> set[str]:
    """Every route of the API, from its own document."""
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
        if path.startswith("/api/v1")
    }


def test_every_route_has_its_case() -> None:
    assert routes(bare_app("1")) == set(CASES) | OPEN | ELSEWHERE


def filled_in(given: Any, names: dict[str, str]) -> Any:
    match given:
        case str():
            return re.sub(r"\{(\w+)\}", lambda m: names[m.group(1)], given)
        case dict():
            return {key: filled_in(value, names) for key, value in given.items()}
        case list():
            return [filled_in(value, names) for value in given]
    return given


def ask(service: Service, case: Case, name: str, login: str | None, site: str) -> int:
    names = {
        "site": site,
        "district": "east" if site == "mall" else "west",
        "enterprise": "e1" if site == "mall" else "e2",
        "inbox": inbox_id(service.records, site) if "{inbox}" in f"{case.path}{case.body}" else "",
        "person": "u-operator" if site == "mall" else "u-plant",
        "colleague": "u-second" if site == "mall" else "u-plant",
        "register": base64.b64encode(f"site_id,zone_id,name,kind\n{site},{site}-kitchen,new,gas\n".encode()).decode(),
        "run": derived_id("run", site, "click", "u-operator", "k"),
        "permit": derived_id("work_permit", site, "u-somebody", "k"),
        "morning": derived_id("morning", derived_id("run", site, "click", "u-operator", "k")),
        "stay_on": derived_id("stay_on", site, "Noodles", "k"),
        "hazard": service.tokens.get("hazard", ""),
        "other": service.tokens.get("other", ""),
        "file": service.tokens.get("file", ""),
    }
    headers = {} if login is None else service.as_(login)
    method, path = name.split()[0], "/api/v1" + filled_in(case.path, names)
    if case.raw is None:
        response = service.client.request(method, path, json=filled_in(case.body, names), headers=headers)
    else:
        response = service.client.request(method, path, content=case.raw, headers=headers)
    assert response.status_code < 500, f"{name} as {login}: {response.text}"
    return response.status_code


# a grant on an enterprise does not reach the district above it
ABOVE = {
    "PUT /notifications/templates/{channel}/{language}",
    "DELETE /notifications/templates/{channel}/{language}",
    "POST /districts",
    "PUT /districts/{district_id}",
    "DELETE /districts/{district_id}",
    "POST /enterprises",
    # the audit is of all sites
    "GET /audit",
    "GET /audit/head",
    "POST /audit/check",
    "GET /audit/export",
}


def second_person(service: Service) -> None:
    manager = service.records.user_by_login("manager")
    assert manager is not None
    service.records.save_user(
        User(id="u-second", login="second", name="Second", password_hash=manager.password_hash, grants=manager.grants), "t", 0
    )


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_route_by_every_role_inside_and_outside(name: str, build: Callable[..., Service]) -> None:
    case = CASES[name]
    changes = not name.startswith("GET")

    def prepared(site: str) -> Service:
        service = build()
        second_person(service)
        if case.before is not None:
            case.before(service, site)
        return service

    allowed = [role for role in ROLES if case.act is None or (role in ACTS[case.act] and name not in ABOVE)]
    refused = [role for role in ROLES if role not in allowed]
    service = prepared("mall")
    assert ask(service, case, name, None, "mall") == 401, "nobody is not signed in"
    for role in refused:
        assert ask(service, case, name, role, "mall") == case.wrong, f"{role} inside"
    for number, role in enumerate(allowed):
        if changes and number > 0:
            service = prepared("mall")
        assert 200 <= ask(service, case, name, role, "mall") < 300, f"{role} inside"
    service = prepared("plant")
    for role in ROLES:
        status = ask(service, case, name, role, "plant")
        # a list or a creation has no thing to hide: who may not at all is told so
        told = case.is_blind or case.outside in (200, 204, 422)
        assert status == (403 if told and status == 403 and role in refused else case.outside), f"{role} outside"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/sites", "id"), ("/zones", "site_id"), ("/devices", "site_id"), ("/circuits", "site_id"), ("/points", "site_id"),
        ("/orders", "site_id"), ("/alarms", "id"), ("/alarms?state=ended", "id"), ("/enterprises", "id"), ("/districts", "id"),
        ("/rules", "id"), ("/linkages", "id"), ("/hazards", "site_id"),
    ],
)  # fmt: skip
def test_lists_hold_nothing_from_outside(path: str, key: str, service: Service) -> None:
    SUBMITTED(service, "plant")
    SUBMITTED(service, "mall")
    for login, foreign in (("operator", ("plant", "e2", "west")), ("plant", ("mall", "e1", "east"))):
        items = service.call(login, "GET", path)["items"]
        assert items, f"{login} sees something in {path}"
        assert not [i for i in items if i[key].startswith(foreign)]


def test_counts_hold_nothing_from_outside(service: Service) -> None:
    for login, site in (("operator", "mall"), ("plant", "plant")):
        for state in ("open", "ended"):
            counts = service.call(login, "GET", f"/alarms/counts?state={state}")
            assert counts["total"] == 1
            assert counts["facets"]["site"] == {site: 1}


def test_filtering_for_a_foreign_site_gives_nothing(service: Service) -> None:
    for path in (
        "/alarms?site=plant",
        "/alarms?state=any&site=plant",
        "/orders?site=plant",
        "/devices?site=plant",
        "/points?device=plant-gas",
    ):
        assert service.call("operator", "GET", path)["items"] == []


def test_a_grant_on_a_district_reaches_all_below_it_and_nothing_beside() -> None:
    roster = Roster()
    for thing in (
        District(id="city", name="c"), District(id="east", name="e", parent_id="city"), District(id="ring", name="r", parent_id="ring"),
        Enterprise(id="e1", district_id="east", name="1"), Enterprise(id="e2", district_id="ring", name="2"),
        Site(id="s1", enterprise_id="e1", name="1"), Site(id="s2", enterprise_id="e2", name="2"),
    ):  # fmt: skip
        roster.put(thing)

    def of(kind: str, node: str | None, role: str = "manager") -> Any:
        return reach(User(id="u", login="u", name="u", grants=(Grant(role=role, node_kind=kind, node_id=node),)), roster)

    assert of("district", "city").scope == {"s1"}
    assert of("district", "ring").scope == {"s2"}
    assert of("enterprise", "e1").scope == {"s1"}
    assert of("all", None).scope is None
    assert of("district", "nowhere").scope == frozenset()
    assert of("district", "city").may_on("configure", "enterprise", "e1")
    assert not of("enterprise", "e1").may_on("configure", "district", "east")
    assert of("site", "s1").sees_node("district", "city", roster)
    assert not of("site", "s1").sees_node("enterprise", "e2", roster)
    assert of("all", None, role="supervisor").sites["cut"] == frozenset()


def test_grants_add_up_each_in_its_own_place(service: Service) -> None:
    both = (Grant(role="operator", node_kind="site", node_id="mall"), Grant(role="supervisor", node_kind="site", node_id="plant"))
    service.records.save_user(User(id="u-both", login="both", name="Both", grants=both), "t", 0)
    service.call("both", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 202)
    service.call("both", "POST", "/circuits/plant-c1/cut", {"reason": "gas"}, 403)


def test_a_rule_for_all_sites_is_seen_by_all_and_changed_only_with_the_right_everywhere(service: Service) -> None:
    made = service.call("root", "POST", "/rules", {**RULE, "id": "everywhere"}, 201)
    assert service.call("operator", "GET", "/rules/everywhere")["id"] == "everywhere"
    service.call("manager", "PUT", "/rules/everywhere", {**RULE, "version": made["version"]}, 403)
    service.call("manager", "PUT", "/rules/mall-rule", {**RULE, "version": 1}, 403)  # would widen it to all sites


def test_an_administrator_gives_only_what_is_theirs(service: Service) -> None:
    grant = {"role": "administrator", "node_kind": "all", "node_id": None}
    service.call("administrator", "POST", "/users", {**USER, "grants": [grant]}, 403)
    root = service.call("root", "GET", "/users/u-root")
    service.call("administrator", "PUT", "/users/u-root", {"login": "root", "name": "x", "version": root["version"]}, 404)
    mixed = [{"role": "operator", "node_kind": "site", "node_id": s} for s in ("mall", "plant")]
    made = service.call("root", "POST", "/users", {**USER, "id": "mixed", "grants": mixed}, 201)
    taken = {"login": "new", "name": "mine now", "password": "another password", "version": made["version"]}
    service.call("administrator", "PUT", "/users/mixed", taken, 403)


def test_the_second_person_of_a_restore_is_another_one_with_the_right_here(service: Service) -> None:
    def restore(login: str, password: str = PASSWORD) -> str:
        body = {"reason": "closed", "second_login": login, "second_password": password}
        status = 202 if login == "manager" and password == PASSWORD else 403
        answer = service.call("operator", "POST", "/circuits/mall-c1/restore", body, status)
        return str(answer.get("detail", "accepted"))

    assert "another person" in restore("operator")
    assert "may not restore here" in restore("supervisor")
    assert "may not restore here" in restore("plant")
    assert "wrong" in restore("manager", "guess")
    assert not service.desk.asked
    assert restore("manager") == "accepted"
    assert service.desk.asked[0].second == "u-manager"  # type: ignore[union-attr]


def test_routes_walked_here_are_those_that_are_served(app: FastAPI) -> None:
    """The document lists what is in the schema: nothing under /api/v1 is served beside it but the document and its page."""

    def flat(routes: Any) -> Iterator[Any]:
        for route in routes:
            yield from flat(route.routes) if hasattr(route, "routes") and not isinstance(route, APIRoute) else [route]

    hidden = {route.path for route in flat(app.routes) if getattr(route, "include_in_schema", True) is False}
    assert hidden == {"/api/v1/openapi.json", "/api/v1/docs", "/{path:path}"}
