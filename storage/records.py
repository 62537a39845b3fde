"""The records: configuration, people, hazards, and the projections of alarms and orders, in SQLite or PostgreSQL.

A thin face over the `records_*` files: each call is one transaction. It fits `api.ports.Records`, whose words it keeps. Every call
raises Unavailable when the database cannot be reached, soon: connecting takes 2 s at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError

from alarms.contacts import Contact, Group
from alarms.figures import Counted
from alarms.linkage import Firing
from alarms.model import Alarm, Transition
from alarms.queries import AlarmQuery, Delivery, DeliveryQuery, Wording
from hazards.model import Hazard, HazardStep
from hazards.queries import Cause, HazardQuery
from power.model import Order, OrderStep
from power.queries import OrderQuery
from rules.model import Rule
from rules.versions import RuleVersion
from sites.facts import Fact
from sites.inbox import InboxDevice
from sites.people import Session, User
from sites.records import Change, Conflict, Page, SavedView, Scope
from storage import (
    audit_chain,
    facts,
    migrate,
    records_alarms,
    records_audit,
    records_duty,
    records_figures,
    records_hazards,
    records_inbox,
    records_notify,
    records_orders,
    records_people,
    records_presence,
    records_things,
    records_views,
    tables,
)
from storage.database import open_engine, reading, writing
from storage.kinds import kind_of
from storage.project import stored_position
from storage.records_access import AccessRecords
from storage.records_ledger import LedgerRecords


class Records(LedgerRecords, AccessRecords):
    """All that is kept of people, configuration, alarms, orders and hazards. Thread-safe; one engine, shared with the projector."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str) -> Records:
        """For `sqlite:///path` or `postgresql+psycopg://...`. Connects to nothing yet: `upgrade` does."""
        return cls(open_engine(url))

    def upgrade(self) -> None:
        """Bring the database to the newest revision."""
        migrate.upgrade_engine(self.engine)

    def revision(self) -> str:
        """The database's present revision; empty when there is none yet."""
        return migrate.revision_of(self.engine)

    def close(self) -> None:
        self.engine.dispose()

    # -- configuration -------------------------------------------------------------------------------------------------

    def things(self, kind: str, sites: Scope, cursor: str | None = None, limit: int = 50, **where: str) -> Page[Any]:
        with reading(self.engine) as c:
            return records_things.things(c, kind_of(kind), sites, cursor, limit, where)

    def thing(self, kind: str, thing_id: str) -> Any:
        with reading(self.engine) as c:
            return records_things.thing(c, kind_of(kind), thing_id)

    def all_things(self, kind: str) -> list[Any]:
        with reading(self.engine) as c:
            return records_things.all_things(c, kind_of(kind))

    def all_points(self) -> list[tuple[str, str]]:
        """(device id, metric) of every point ever heard, in the order of first hearing."""
        t = tables.points
        with reading(self.engine) as c:
            return [(row[0], row[1]) for row in c.execute(select(t.c.device_id, t.c.metric).order_by(t.c.first_ms, t.c.device_id))]

    def insert(self, kind: str, thing: Any, who: str, now_ms: int) -> Any:
        return self.insert_many(kind, [thing], who, now_ms)[0]

    def insert_many(self, kind: str, things: Sequence[Any], who: str, now_ms: int) -> list[Any]:
        """All or none, one audit entry. Raises Conflict."""
        known = kind_of(kind)
        try:
            with writing(self.engine) as c:
                return records_things.insert_things(c, known, things, who, now_ms)
        except IntegrityError as error:
            with reading(self.engine) as c:
                raise Conflict(records_things.explain_conflict(c, known, things, is_new=True)) from error

    def update(self, kind: str, thing: Any, who: str, now_ms: int) -> Any:
        known = kind_of(kind)
        try:
            with writing(self.engine) as c:
                return records_things.update_thing(c, known, thing, who, now_ms)
        except IntegrityError as error:
            with reading(self.engine) as c:
                raise Conflict(records_things.explain_conflict(c, known, [thing], is_new=False)) from error

    def delete(self, kind: str, thing_id: str, who: str, now_ms: int) -> int:
        known = kind_of(kind)
        try:
            with writing(self.engine) as c:
                return records_things.delete_thing(c, known, thing_id, who, now_ms)
        except IntegrityError as error:
            with reading(self.engine) as c:
                raise Conflict(records_things.referring(c, known, thing_id)) from error

    def commit(self, change: Change, who: str, now_ms: int) -> list[tuple[str, Any, int, Any | None]]:
        """Things of several kinds added, changed and removed in one transaction: all or none. Returns each as (kind, id, version, the
        thing or None), in the order in which they were done. Raises NotFound, Conflict."""
        try:
            with writing(self.engine) as c:
                return records_things.commit(c, change, who, now_ms)
        except IntegrityError as error:
            with reading(self.engine) as c:
                raise Conflict(records_things.explain_change(c, change)) from error

    def rule_version(self, rule_id: str, version: int) -> Rule:
        with reading(self.engine) as c:
            return records_things.rule_version(c, rule_id, version)

    def rule_versions(self, rule_id: str) -> list[RuleVersion]:
        with reading(self.engine) as c:
            return records_things.rule_versions(c, rule_id)

    def keep_rule_text(self, rule_id: str, version: int, text: str) -> None:
        with writing(self.engine) as c:
            records_things.keep_rule_text(c, rule_id, version, text)

    # -- projections ---------------------------------------------------------------------------------------------------

    def position(self) -> int:
        with reading(self.engine) as c:
            return stored_position(c)

    def alarms(self, query: AlarmQuery, sites: Scope) -> Page[Alarm]:
        with reading(self.engine) as c:
            return records_alarms.page(c, query, sites)

    def alarm(self, alarm_id: str) -> Alarm:
        with reading(self.engine) as c:
            return records_alarms.alarm(c, alarm_id)

    def alarm_counts(self, query: AlarmQuery, sites: Scope) -> dict[str, dict[str, int]]:
        with reading(self.engine) as c:
            return records_alarms.counts(c, query, sites)

    def facts(self, kind: str, sites: Scope, cursor: str | None = None, limit: int = 50, **where: Any) -> Page[Fact]:
        with reading(self.engine) as c:
            return facts.page(c, kind, sites, cursor, limit, where)

    def fact(self, kind: str, fact_id: str) -> Fact:
        with reading(self.engine) as c:
            return facts.one(c, kind, fact_id)

    def counted_alarms(self, sites: Scope, site: str | None, from_ms: int, to_ms: int, now_ms: int, by: str | None = None) -> Counted:
        with reading(self.engine) as c:
            return records_figures.counted(c, sites, site, from_ms, to_ms, now_ms, by)

    def alarm_operators(self, sites: Scope, site: str | None, from_ms: int, to_ms: int) -> list[str]:
        with reading(self.engine) as c:
            return records_figures.operators(c, sites, site, from_ms, to_ms)

    def presences(self, sites: Scope, site: str | None, from_ms: int, to_ms: int) -> dict[str, list[tuple[int, str]]]:
        with reading(self.engine) as c:
            return records_presence.spans(c, sites, site, from_ms, to_ms)

    def audit_of(self, things: Sequence[tuple[str, str]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        with reading(self.engine) as c:
            return records_audit.of_things(c, things)

    def alarm_views(self, user_id: str) -> list[SavedView]:
        with reading(self.engine) as c:
            return records_views.of(c, user_id)

    def put_alarm_view(self, view: SavedView) -> SavedView:
        with writing(self.engine) as c:
            return records_views.put(c, view)

    def drop_alarm_view(self, view_id: str) -> None:
        with writing(self.engine) as c:
            records_views.drop(c, view_id)

    def transitions(self, alarm_id: str) -> list[Transition]:
        with reading(self.engine) as c:
            return records_alarms.transitions(c, alarm_id)

    def transitions_within(self, site_id: str, from_ms: int, to_ms: int, most: int) -> list[Transition]:
        with reading(self.engine) as c:
            return records_duty.transitions_within(c, site_id, from_ms, to_ms, most)

    def alarms_within(self, site_id: str, from_ms: int, to_ms: int, most: int) -> list[Alarm]:
        """Those whose condition stood at some time in the span, newest first."""
        with reading(self.engine) as c:
            return records_duty.alarms_within(c, site_id, from_ms, to_ms, most)

    def firings(self, alarm_id: str) -> list[Firing]:
        """Which linkages fired on this alarm, or did not, and why."""
        with reading(self.engine) as c:
            return records_alarms.firings(c, alarm_id)

    def deliveries(self, alarm_id: str) -> list[Delivery]:
        with reading(self.engine) as c:
            return records_notify.of_alarm(c, alarm_id)

    def notifications(self, query: DeliveryQuery, sites: Scope) -> Page[Delivery]:
        with reading(self.engine) as c:
            return records_notify.deliveries(c, query, sites)

    def notification_counts(self, sites: Scope) -> dict[str, dict[str, int]]:
        with reading(self.engine) as c:
            return records_notify.counts(c, sites)

    def contact(self, user_id: str) -> Contact | None:
        with reading(self.engine) as c:
            return records_notify.contact(c, user_id)

    def save_contact(self, contact: Contact, who: str, now_ms: int) -> Contact:
        with writing(self.engine) as c:
            return records_notify.save_contact(c, contact, who, now_ms)

    def notify_groups(self, sites: Scope) -> list[Group]:
        with reading(self.engine) as c:
            return records_notify.groups(c, sites)

    def notify_group(self, group_id: str) -> Group:
        with reading(self.engine) as c:
            return records_notify.group(c, group_id)

    def save_notify_group(self, group: Group, who: str, now_ms: int, is_new: bool) -> Group:
        with writing(self.engine) as c:
            return records_notify.save_group(c, group, who, now_ms, is_new)

    def delete_notify_group(self, group_id: str, who: str, now_ms: int) -> None:
        with writing(self.engine) as c:
            records_notify.delete_group(c, group_id, who, now_ms)

    def wordings(self) -> list[Wording]:
        with reading(self.engine) as c:
            return records_notify.wordings(c)

    def save_wording(self, wording: Wording, who: str, now_ms: int) -> Wording:
        with writing(self.engine) as c:
            return records_notify.save_wording(c, wording, who, now_ms)

    def delete_wording(self, channel: str, language: str, who: str, now_ms: int) -> None:
        with writing(self.engine) as c:
            records_notify.delete_wording(c, channel, language, who, now_ms)

    def orders(self, query: OrderQuery, sites: Scope) -> Page[Order]:
        with reading(self.engine) as c:
            return records_orders.page(c, query, sites)

    def order(self, order_id: str) -> Order:
        with reading(self.engine) as c:
            return records_orders.order(c, order_id)

    def order_steps(self, order_id: str) -> list[OrderStep]:
        with reading(self.engine) as c:
            return records_orders.steps(c, order_id)

    def inbox_devices(self, sites: Scope, cursor: str | None = None, limit: int = 50, dismissed: bool = False) -> Page[InboxDevice]:
        with reading(self.engine) as c:
            return records_inbox.page(c, sites, cursor, limit, dismissed)

    def inbox_device(self, inbox_id: str) -> InboxDevice:
        with reading(self.engine) as c:
            return records_inbox.one(c, inbox_id)

    def drop_inbox_device(self, inbox_id: str) -> None:
        with writing(self.engine) as c:
            records_inbox.drop(c, inbox_id)

    def dismiss_inbox_devices(self, inbox_ids: Sequence[str], now_ms: int | None) -> None:
        """All or none; `now_ms` None: back into sight. Raises NotFound."""
        with writing(self.engine) as c:
            records_inbox.dismiss(c, inbox_ids, now_ms)

    # -- hazards -------------------------------------------------------------------------------------------------------

    def hazards(self, query: HazardQuery, sites: Scope) -> Page[Hazard]:
        with reading(self.engine) as c:
            return records_hazards.page(c, query, sites)

    def hazard(self, hazard_id: str) -> Hazard:
        with reading(self.engine) as c:
            return records_hazards.hazard(c, hazard_id)

    def hazard_steps(self, hazard_id: str) -> list[HazardStep]:
        with reading(self.engine) as c:
            return records_hazards.steps(c, hazard_id)

    def report_hazard(
        self,
        make: Callable[[str, Hazard | None], tuple[Hazard, HazardStep]],
        site_id: str,
        alarm_id: str | None,
        who: str,
        now_ms: int,
        cause: Cause | None = None,
    ) -> tuple[Hazard, HazardStep]:
        """`make` is given the hazard to which new trouble of the alarm's point belongs: the open one, or the one accepted less than
        30 days ago (`hazards.loop.recur` re-opens that), or None. It may be called twice."""
        with writing(self.engine) as c:
            return records_hazards.report(c, make, site_id, alarm_id, who, now_ms, cause)

    def change_hazard(self, hazard_id: str, change: Callable[[Hazard], tuple[Hazard, HazardStep]], who: str) -> tuple[Hazard, HazardStep]:
        with writing(self.engine) as c:
            return records_hazards.change(c, hazard_id, change, who)

    # -- people --------------------------------------------------------------------------------------------------------

    def users(self) -> list[User]:
        with reading(self.engine) as c:
            return records_people.users(c)

    def user(self, user_id: str) -> User:
        with reading(self.engine) as c:
            return records_people.user(c, user_id)

    def user_by_login(self, login: str) -> User | None:
        with reading(self.engine) as c:
            return records_people.user_by_login(c, login)

    def save_user(self, user: User, who: str, now_ms: int) -> User:
        try:
            with writing(self.engine) as c:
                return records_people.save_user(c, user, who, now_ms)
        except IntegrityError as error:
            raise Conflict(f"user {user.id} or login {user.login} was taken meanwhile") from error

    def put_session(self, session: Session) -> None:
        try:
            with writing(self.engine) as c:
                records_people.put_session(c, session)
        except IntegrityError as error:
            raise Conflict(f"user {session.user_id} does not exist") from error

    def session(self, token_hash: str) -> Session | None:
        with reading(self.engine) as c:
            return records_people.session(c, token_hash)

    def drop_session(self, token_hash: str) -> None:
        with writing(self.engine) as c:
            records_people.drop_session(c, token_hash)

    # -- answers of POSTs that act, audit ------------------------------------------------------------------------------

    def remembered(self, user_id: str, key: str) -> bytes | None:
        with reading(self.engine) as c:
            return records_people.remembered(c, user_id, key)

    def remember(self, user_id: str, key: str, answer: bytes, now_ms: int) -> None:
        with writing(self.engine) as c:
            records_people.remember(c, user_id, key, answer, now_ms)

    def audit_break(self) -> str | None:
        """What is wrong with the audit's hash chain, or None."""
        with reading(self.engine) as c:
            return audit_chain.check(c).problem

    def changes_by(self, who: str, after: int) -> tuple[int, bool]:
        """(the newest audit entry's id, whether `who` changed anything in entries after `after`)."""
        with reading(self.engine) as c:
            return records_audit.changes_by(c, who, after)

    def unprojected(self) -> int:
        """How many outcomes the projector had to set aside."""
        with reading(self.engine) as c:
            return c.execute(select(func.count()).select_from(tables.unprojected)).scalar_one()
