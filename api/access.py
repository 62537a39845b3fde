"""Who may do what where: the one place. Roles come by grants on parts of the tree district -> enterprise -> site.

`ACTS` is the table of docs/access.md, and a test compares the two. A person's `Reach` turns grants into sets of sites through the
roster; what is outside the sites that a person sees does not exist for that person. Supervisors watch and accept, and never cut.
"""

from __future__ import annotations

from dataclasses import dataclass

from alarms.linkage import Linkage
from rules.model import Rule
from sites.keys import ApiKey
from sites.people import User
from sites.records import Scope
from sites.roster import Roster

ROLES = ("operator", "manager", "enterprise", "agency", "grid", "supervisor", "administrator")
_ALL = frozenset(ROLES)
EVERYWHERE = ""  # the site id of what concerns the service as a whole: its own alarms, seen by everybody

# act -> roles that may do it
ACTS: dict[str, frozenset[str]] = {
    "see": _ALL,
    "acknowledge": frozenset({"operator", "manager", "enterprise"}),
    "judge": frozenset({"operator", "manager"}),
    "shelve": frozenset({"operator", "manager"}),
    "out_of_service": frozenset({"operator", "manager"}),
    "approve_out_of_service": frozenset({"manager"}),
    "proof_test": frozenset({"operator", "manager"}),
    "hand_over": frozenset({"operator", "manager"}),
    "ask_presence": frozenset({"manager", "grid", "supervisor"}),
    "self_test": frozenset({"operator", "manager", "administrator"}),
    "cut": frozenset({"operator", "manager"}),
    "restore": frozenset({"operator", "manager"}),
    "plans": frozenset({"manager"}),
    "lock": frozenset({"operator", "manager"}),
    "unlock_others": frozenset({"manager"}),
    "stay_on": frozenset({"operator", "manager"}),
    "permit": frozenset({"operator", "manager", "enterprise"}),
    "permit_approve": frozenset({"manager"}),
    "classify": frozenset({"manager"}),
    "commanding": frozenset({"manager"}),
    "configure": frozenset({"manager", "administrator"}),
    "rules": frozenset({"manager", "administrator"}),
    "hazard_report": frozenset({"operator", "manager", "enterprise", "agency", "grid", "supervisor"}),
    "hazard_confirm": frozenset({"manager", "grid", "supervisor"}),
    "hazard_rectify": frozenset({"manager", "enterprise"}),
    "hazard_submit": frozenset({"manager", "enterprise"}),
    "hazard_accept": frozenset({"manager", "supervisor"}),
    "hazard_accept_major": frozenset({"supervisor"}),
    "users": frozenset({"administrator"}),
    "keys": frozenset({"administrator"}),
    "audit": frozenset({"administrator"}),
}
# what a machine may be given: never what needs a person's judgement, a second person, or gives rights to others
KEY_ACTS = frozenset(
    {"see", "acknowledge", "judge", "shelve", "out_of_service", "proof_test", "self_test", "cut", "plans", "configure", "rules"}
    | {"hazard_report"}
)


def roles_for(act: str) -> list[str]:
    """The roles that may, in the table's order."""
    return [role for role in ROLES if role in ACTS[act]]


@dataclass(frozen=True, slots=True)
class Reach:
    """What one person may do where. `sites[act]` is a set of site ids or None for all; `nodes[act]` are the districts and
    enterprises that a grant covers whole, as (kind, id)."""

    sites: dict[str, Scope]
    nodes: dict[str, frozenset[tuple[str, str]]]

    @property
    def scope(self) -> Scope:
        """The sites that the person sees."""
        return self.sites["see"]

    @property
    def alarm_scope(self) -> Scope:
        """The sites whose alarms the person sees, and the service's own alarms with them."""
        return None if self.scope is None else self.scope | {EVERYWHERE}

    def may(self, act: str, site_id: str | None) -> bool:
        """May this act be done at this site? `site_id` None: everywhere, which needs a grant on all."""
        allowed = self.sites[act]
        return allowed is None or (site_id is not None and site_id in allowed) or (act == "see" and site_id == EVERYWHERE)

    def may_at_all(self, act: str) -> bool:
        """Somewhere."""
        allowed = self.sites[act]
        return allowed is None or bool(allowed) or bool(self.nodes[act])

    def may_on(self, act: str, kind: str, node_id: str) -> bool:
        """May this act be done on a whole district or enterprise?"""
        return self.sites[act] is None or (kind, node_id) in self.nodes[act]

    def sees_node(self, kind: str, node_id: str, roster: Roster) -> bool:
        """A district or enterprise is seen when a grant covers it, or when it holds a site that is seen."""
        if self.may_on("see", kind, node_id):
            return True
        for site_id in self.scope or ():
            site = roster.sites.get(site_id)
            enterprise = roster.enterprises.get(site.enterprise_id) if site else None
            if enterprise is None:
                continue
            if kind == "enterprise" and enterprise.id == node_id:
                return True
            if kind == "district" and node_id in _ancestors(enterprise.district_id, roster):
                return True
        return False

    def all_within(self, act: str, site_ids: frozenset[str] | None) -> bool:
        """May this act be done at every one of these sites (None: all there are)?"""
        allowed = self.sites[act]
        return allowed is None or (site_ids is not None and bool(site_ids) and site_ids <= allowed)

    def sees_some(self, site_ids: frozenset[str] | None) -> bool:
        """What concerns all sites (None) is seen by everybody; else one of the sites must be seen."""
        return self.scope is None or site_ids is None or bool(site_ids & self.scope)


def reach(user: User, roster: Roster) -> Reach:
    """Grants to sites through the roster. A disabled person reaches nothing."""
    grants = () if user.disabled else user.grants
    expanded = [(grant.role, *_expand(grant.node_kind, grant.node_id, roster)) for grant in grants]
    sites: dict[str, Scope] = {}
    nodes: dict[str, frozenset[tuple[str, str]]] = {}
    for act, roles in ACTS.items():
        mine = [(scope, covered) for role, scope, covered in expanded if role in roles]
        scopes = [scope for scope, _ in mine if scope is not None]
        sites[act] = None if len(scopes) < len(mine) else frozenset().union(*scopes)
        nodes[act] = frozenset().union(*(covered for _, covered in mine))
    return Reach(sites, nodes)


def key_reach(key: ApiKey, roster: Roster) -> Reach:
    """What a key reaches: its acts (seeing always among them) at its places."""
    expanded = [_expand(place.node_kind, place.node_id, roster) for place in key.places]
    scope: Scope = None if any(sites is None for sites, _ in expanded) else frozenset().union(*(sites for sites, _ in expanded if sites))
    covered = frozenset[tuple[str, str]]().union(*(nodes for _, nodes in expanded))
    mine = (KEY_ACTS & frozenset(key.acts)) | {"see"}
    none: Scope = frozenset()
    return Reach({act: scope if act in mine else none for act in ACTS}, {act: covered if act in mine else frozenset() for act in ACTS})


def _expand(kind: str, node_id: str | None, roster: Roster) -> tuple[Scope, frozenset[tuple[str, str]]]:
    """(sites, districts and enterprises covered whole) of one grant."""
    if kind == "all":
        return None, frozenset()
    if node_id is None:
        return frozenset(), frozenset()
    if kind == "site":
        return frozenset({node_id}), frozenset()
    if kind == "enterprise":
        return _sites_of(frozenset({node_id}), roster), frozenset({("enterprise", node_id)})
    # `tuple` first: the scan may add to these dicts at any moment
    districts = {d.id for d in tuple(roster.districts.values()) if node_id in _ancestors(d.id, roster)} | {node_id}
    enterprises = frozenset(e.id for e in tuple(roster.enterprises.values()) if e.district_id in districts)
    covered = frozenset(("district", d) for d in districts) | frozenset(("enterprise", e) for e in enterprises)
    return _sites_of(enterprises, roster), covered


def _sites_of(enterprises: frozenset[str], roster: Roster) -> frozenset[str]:
    return frozenset(site.id for site in tuple(roster.sites.values()) if site.enterprise_id in enterprises)


def _ancestors(district_id: str | None, roster: Roster) -> set[str]:
    """The district itself and those above it; a ring in the data ends the walk."""
    seen: set[str] = set()
    while district_id is not None and district_id not in seen:
        seen.add(district_id)
        district = roster.districts.get(district_id)
        district_id = district.parent_id if district else None
    return seen


def rule_sites(rule: Rule, roster: Roster) -> frozenset[str] | None:
    """The sites that a rule can concern; None: all."""
    return _named_sites(rule.scope.sites, rule.scope.zones, rule.scope.devices, roster)


def linkage_sites(linkage: Linkage, roster: Roster) -> frozenset[str] | None:
    """The sites that a linkage can concern; None: all."""
    return _named_sites(linkage.sites, linkage.zones, (), roster)


def _named_sites(sites: tuple[str, ...], zones: tuple[str, ...], devices: tuple[str, ...], roster: Roster) -> frozenset[str] | None:
    if sites:
        return frozenset(sites)
    if zones:
        return frozenset(roster.zones[z].site_id for z in zones if z in roster.zones)
    if devices:
        found = (roster.device(d) for d in devices)
        return frozenset(d.site_id for d in found if d is not None)
    return None


def roles_at(user: User, site_id: str, roster: Roster) -> frozenset[str]:
    """The roles that a person's grants give at one site."""
    site = roster.sites.get(site_id)
    enterprise = roster.enterprises.get(site.enterprise_id) if site else None
    nodes: set[tuple[str, str | None]] = {("all", None), ("site", site_id)}
    if enterprise is not None:
        nodes |= {("enterprise", enterprise.id), *(("district", each) for each in _ancestors(enterprise.district_id, roster))}
    grants = () if user.disabled else user.grants
    return frozenset(grant.role for grant in grants if (grant.node_kind, grant.node_id) in nodes)


def enterprises_below(district_id: str, roster: Roster) -> frozenset[str]:
    """The enterprises of a district and of all below it."""
    return frozenset(e.id for e in tuple(roster.enterprises.values()) if district_id in _ancestors(e.district_id, roster))
