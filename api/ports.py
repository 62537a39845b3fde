"""What the API needs of the rest of the house. `app.wiring` hands it things that fit; tests hand it in-memory ones.

All `Records` calls are synchronous and are made from worker threads. `sites` arguments are scopes: a set of site ids, or None for all;
what is outside a scope is as if it were not there. Times are integer milliseconds UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from alarms.figures import Counted
from alarms.linkage import Firing
from alarms.model import Alarm, Transition
from alarms.queries import AlarmQuery, Delivery
from api.ports_access import AccessRecords
from api.ports_ledger import LedgerRecords
from api.ports_notify import NotifyRecords
from power.model import Measured, Order, OrderStep
from power.plans import Night, Plan
from power.queries import OrderQuery
from power.refusals import Refusal
from power.run_model import Run, RunItem
from power.switchings import Switching
from rules.backtest import Judged, Result
from rules.explain import Explanation
from rules.inheritance import Inheritance
from rules.model import Rule
from rules.standing import Standing
from rules.versions import RuleVersion
from sites.facts import Fact
from sites.inbox import InboxDevice
from sites.model import Circuit
from sites.people import Session, User
from sites.records import Change, Page, SavedView, Scope
from sites.roster import Roster
from sites.series import Series

# -- the scan's door ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What the scan decided about a request, after journalling it."""

    position: int
    recorded: bool  # the records have reached `position` (waited for at most 1 s)
    alarms: tuple[Alarm, ...] = ()
    orders: tuple[Order, ...] = ()
    facts: tuple[Fact, ...] = ()
    is_journalled: bool = True  # False: the journal cannot be written, and no position stands for this


class Busy(Exception):
    """The inbox of requests is full, or the scan is not running: HTTP 503."""


class Desk(Protocol):
    async def ask(self, request: object) -> Answer:
        """Journal and decide. Raises AlarmError, PowerError, Busy."""
        ...

    def configurations_changed(self, changes: Sequence[tuple[str, str, int, Any | None]]) -> None:
        """Many at once, as (kind, id, version, thing or None), in their order: given to the scan in batches, so that none is long."""
        ...

    def configuration_changed(self, kind: str, thing_id: str, version: int, thing: Any | None) -> None:
        """A record transaction changed configuration (`thing` None: removed): it enters the inbox. `kind` is as in `Records`."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """What is degraded, each with a reason; empty: all well."""

    ready: bool
    degraded: Mapping[str, str]  # part -> reason: broker, records, historian, journal, scan
    figures: Mapping[str, float]  # readings_total, scan_ms_p99, journal_position, records_position, ...


@dataclass(frozen=True, slots=True)
class BrokerVerdict:
    """Whether strangers at the broker can give orders, answer them or pretend to be a device; `words` say what was found."""

    is_safe: bool
    words: tuple[str, ...]
    words_zh: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Presence:
    state: str  # online, silent, offline, never_heard
    heard_ms: int | None


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A message of a device that was no reading, and why; `raw` is its first 1 KiB."""

    at_ms: int
    topic: str
    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """`offset_ms`: how far the device's clock is behind ours, by its last live messages, which differ by `spread_ms`; None: it never sent
    a time. `is_wrong`: so far off that arrival times are taken instead."""

    offset_ms: int | None
    spread_ms: int | None
    is_wrong: bool


class Codecs(Protocol):
    """The ecosystems that are understood."""

    @property
    def names(self) -> Sequence[str]: ...
    def describe(self, topic: str, payload: bytes) -> Mapping[str, Any]:
        """What the codecs make of one message, as `sitewarden decode` says it."""
        ...


class Board(Protocol):
    """The scan's published view: always the newest, never half of a scan."""

    @property
    def position(self) -> int: ...
    @property
    def alarms(self) -> Mapping[str, Alarm]:
        """Open alarms by id (immutable)."""
        ...

    @property
    def orders(self) -> Mapping[str, Order]:
        """Orders that are open or ended within the last hour, by id (immutable)."""
        ...

    @property
    def facts(self) -> Mapping[tuple[str, str], Fact]:
        """By (kind, id), those that are not over (immutable)."""
        ...

    @property
    def roster(self) -> Roster:
        """To read only."""
        ...

    def peak(self, alarm: Alarm) -> float | None:
        """The worst value of an open alarm so far."""
        ...

    def measured(self, circuit_id: str) -> Measured: ...
    def presence(self, device_id: str) -> Presence: ...
    def clock(self, device_id: str) -> DeviceClock: ...
    def refusals(self, device_id: str) -> Sequence[RefusedMessage]:
        """The last hundred, newest first."""
        ...

    def refused_total(self, device_id: str) -> int: ...
    def cut_refusal(self, circuit_id: str) -> Refusal | None:
        """Why a cut of this circuit would be refused now, or None: the same decision as the order's."""
        ...

    def switching(self, circuit_id: str) -> Switching | None:
        """How the circuit came to stand as it does, and when it was last proved off; None: nothing was heard of it yet."""
        ...

    def normal_load(self, circuit_id: str) -> tuple[float | None, Sequence[float | None]]:
        """Amperes that are normal now, and for each of the 168 hours of the local week; None: not learnt yet."""
        ...

    def frozen(self, plan: Plan) -> Sequence[tuple[int, Circuit, Refusal | None]]:
        """What a run of this plan would cut now, and what stays on and why: (stage, circuit, why not)."""
        ...

    def stays_on(self, circuit: Circuit) -> Refusal | None:
        """Why one click would not cut this circuit now, or None."""
        ...

    def observes(self, plan: Plan) -> tuple[str, str] | None:
        """Why the plan's next night only observes (en, zh), or None."""
        ...

    def night(self, plan_id: str) -> Night | None:
        """When the plan runs next."""
        ...

    def run(self, run_id: str) -> tuple[Run, Sequence[RunItem]] | None:
        """A run that is live or ended within 72 h, with its items; None: ask the records."""
        ...

    def health(self) -> Health: ...


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event of the live stream. Ids rise strictly, also over restarts. `body` is a domain value: Transition, OrderStep,
    (Hazard, HazardStep), a presence change as dict, Health, Fact."""

    id: int
    kind: str  # alarm, order, run, hazard, device, health, and the kinds of facts
    site_id: str | None  # None: for everybody
    body: Any


class Feed(Protocol):
    @property
    def last_id(self) -> int: ...
    def since(self, event_id: int) -> Sequence[FeedEvent] | None:
        """Events after this id, or None when they are no longer kept: take a snapshot."""
        ...

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """`wake` is called (from any thread) when there are new events; returns the unsubscribing function."""
        ...

    def publish(self, kind: str, site_id: str | None, body: Any) -> None:
        """For changes made by record transactions (hazards)."""
        ...


# -- the records -------------------------------------------------------------------------------------------------------


class Records(NotifyRecords, LedgerRecords, AccessRecords, Protocol):
    # configuration: kinds are district, enterprise, site, zone, device, circuit, rule, linkage;
    # things are the dataclasses of sites.model, rules.model.Rule, alarms.linkage.Linkage
    def things(self, kind: str, sites: Scope, cursor: str | None = None, limit: int = 50, **where: str) -> Page[Any]: ...
    def thing(self, kind: str, thing_id: str) -> Any:
        """Raises NotFound."""
        ...

    def all_things(self, kind: str) -> list[Any]: ...
    def insert(self, kind: str, thing: Any, who: str, now_ms: int) -> Any:
        """Raises Conflict when the id is taken. Returns it with version 1."""
        ...

    def update(self, kind: str, thing: Any, who: str, now_ms: int) -> Any:
        """`thing.version` must be the present one, else Conflict. Returns it with the next version. Older rule versions are kept."""
        ...

    def delete(self, kind: str, thing_id: str, who: str, now_ms: int) -> int:
        """Returns the version of the removal (present + 1)."""
        ...

    def commit(self, change: Change, who: str, now_ms: int) -> list[tuple[str, Any, int, Any | None]]:
        """Things of several kinds in one transaction, all or none; each as (kind, id, version, thing or None). Raises NotFound,
        Conflict."""
        ...

    def rule_version(self, rule_id: str, version: int) -> Any: ...
    def rule_versions(self, rule_id: str) -> Sequence[RuleVersion]:
        """Oldest first, with removals; empty when there never was one."""
        ...

    def keep_rule_text(self, rule_id: str, version: int, text: str) -> None:
        """The version as it was written, with its comments."""
        ...

    # projections
    def position(self) -> int: ...
    def alarms(self, query: AlarmQuery, sites: Scope) -> Page[Alarm]: ...
    def alarm(self, alarm_id: str) -> Alarm: ...
    def alarm_counts(self, query: AlarmQuery, sites: Scope) -> dict[str, dict[str, int]]:
        """Facets: by severity, state, site, zone, kind."""
        ...

    def counted_alarms(self, sites: Scope, site: str | None, from_ms: int, to_ms: int, now_ms: int, by: str | None = None) -> Counted:
        """What the figures of a span are made of; `by`: of what this person acknowledged."""
        ...

    def alarm_operators(self, sites: Scope, site: str | None, from_ms: int, to_ms: int) -> list[str]:
        """Who acknowledged alarms of the span, most first."""
        ...

    def presences(self, sites: Scope, site: str | None, from_ms: int, to_ms: int) -> dict[str, list[tuple[int, str]]]:
        """How devices were heard: (since, state) by device, the first at or before `from_ms` where known."""
        ...

    def audit_of(self, things: Sequence[tuple[str, str]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The audit's entries about these (kind, id), oldest first, each whole, and the chain's head."""
        ...

    def alarm_views(self, user_id: str) -> list[SavedView]: ...
    def put_alarm_view(self, view: SavedView) -> SavedView:
        """New at version 1, else in place of the version before. Raises Conflict."""
        ...

    def drop_alarm_view(self, view_id: str) -> None: ...
    def transitions(self, alarm_id: str) -> list[Transition]: ...
    def orders(self, query: OrderQuery, sites: Scope) -> Page[Order]: ...
    def order(self, order_id: str) -> Order: ...
    def order_steps(self, order_id: str) -> list[OrderStep]: ...
    def transitions_within(self, site_id: str, from_ms: int, to_ms: int, most: int) -> list[Transition]:
        """Of a site's alarms, in order of time."""
        ...

    def alarms_within(self, site_id: str, from_ms: int, to_ms: int, most: int) -> list[Alarm]:
        """Those whose condition stood at some time in the span, newest first."""
        ...

    def firings(self, alarm_id: str) -> list[Firing]: ...
    def deliveries(self, alarm_id: str) -> list[Delivery]: ...
    def inbox_devices(self, sites: Scope, cursor: str | None = None, limit: int = 50, dismissed: bool = False) -> Page[InboxDevice]: ...
    def inbox_device(self, inbox_id: str) -> InboxDevice: ...
    def drop_inbox_device(self, inbox_id: str) -> None: ...
    def dismiss_inbox_devices(self, inbox_ids: Sequence[str], now_ms: int | None) -> None:
        """All or none; None: back into sight. Raises NotFound."""
        ...

    def facts(self, kind: str, sites: Scope, cursor: str | None = None, limit: int = 50, **where: Any) -> Page[Fact]:
        """Newest change first; `where` as in `storage.facts.page`."""
        ...

    def fact(self, kind: str, fact_id: str) -> Fact:
        """Raises NotFound."""
        ...

    # people
    def users(self) -> list[User]: ...
    def user(self, user_id: str) -> User: ...
    def user_by_login(self, login: str) -> User | None: ...
    def save_user(self, user: User, who: str, now_ms: int) -> User:
        """Insert (version 1, id new) or update (version is the present one, else Conflict)."""
        ...

    def put_session(self, session: Session) -> None: ...
    def session(self, token_hash: str) -> Session | None: ...
    def drop_session(self, token_hash: str) -> None: ...

    # idempotency of POSTs that act: the stored answer of (user, key), kept for a day
    def remembered(self, user_id: str, key: str) -> bytes | None: ...
    def remember(self, user_id: str, key: str, answer: bytes, now_ms: int) -> None: ...


# -- the historian -----------------------------------------------------------------------------------------------------


class History(Protocol):
    def series(self, point_id: str, from_ms: int, to_ms: int, most: int) -> Series:
        """At most `most` steps (raw where that suffices). Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """One export of history, as it stands."""

    id: str
    user_id: str
    state: Literal["waiting", "running", "done", "failed"]
    points: int
    from_ms: int
    to_ms: int
    form: str  # csv, parquet
    asked_ms: int
    part: float = 0.0  # of the work that is done
    readings: int = 0
    bytes: int = 0
    problem: str | None = None
    kind: Literal["history", "alarms"] = "history"


class Exports(Protocol):
    def ask(self, points: Sequence[str], from_ms: int, to_ms: int, form: str, user_id: str) -> ExportJob:
        """Raises Busy."""
        ...

    def ask_alarms(self, query: AlarmQuery, sites: Scope, total: int, form: str, user_id: str) -> ExportJob:
        """All alarms that answer a query, csv or xlsx; its `readings` are alarms. Raises Busy."""
        ...

    def incident(self, material: Mapping[str, Any], form: str) -> Path:
        """An incident file of this material (`app.incident`), zip or html, in a folder of its own that the caller removes. Raises Busy."""
        ...

    def of(self, user_id: str) -> Sequence[ExportJob]:
        """A person's, newest first."""
        ...

    def one(self, export_id: str) -> ExportJob | None: ...
    def file(self, export_id: str) -> Path | None: ...
    def cancel(self, export_id: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestJob:
    """One backtest, as it stands. `present_version`: of the rule as it is kept; None: it is not kept yet."""

    id: str
    user_id: str
    rule_id: str
    rule_name: str
    present_version: int | None
    is_edited: bool  # tried is what was handed in, not what is kept
    state: Literal["waiting", "running", "done", "failed"]
    points: int
    from_ms: int
    to_ms: int
    asked_ms: int
    part: float = 0.0  # of the work that is done
    readings: int = 0
    problem: str | None = None


class Backtests(Protocol):
    def points(self, rules: Sequence[Rule], sites: Scope) -> Sequence[str]:
        """The points that these rules look at, of devices at these sites."""
        ...

    def ask(
        self,
        tried: Rule,
        present: Rule | None,
        points: Sequence[str],
        from_ms: int,
        to_ms: int,
        judged: Sequence[Judged],
        user_id: str,
        is_edited: bool,
    ) -> BacktestJob:
        """`present` is what `tried` is compared with, None: nothing. Raises Busy."""
        ...

    def of(self, user_id: str) -> Sequence[BacktestJob]:
        """A person's, newest first."""
        ...

    def one(self, backtest_id: str) -> BacktestJob | None: ...
    def result(self, backtest_id: str) -> Result | None:
        """Of one that is done."""
        ...

    def cancel(self, backtest_id: str) -> None: ...


class RuleBench(Protocol):
    """How rules stand, asked of the running engine; and why, now or replayed."""

    def standings(self, rule_id: str, subjects: Sequence[str]) -> Sequence[Standing | None]:
        """None: the rule says nothing about this subject. Raises Busy."""
        ...

    def explain(self, rule_id: str, subject: str, at_ms: int | None, alarms: Sequence[Alarm]) -> Explanation:
        """`at_ms` None: now. `alarms` are those of rule and subject around it. Raises Busy, Unavailable."""
        ...

    def compile_problem(self, rule: Rule) -> str | None:
        """Why this rule does not compile; None: it does."""
        ...

    def inheritance(self) -> Inheritance:
        """The overrides as they stand."""
        ...

    def shipped(self) -> Sequence[tuple[str, Sequence[Rule]]]:
        """The rule sets of this release: (file, its rules)."""
        ...


class Clock(Protocol):
    def now_ms(self) -> int: ...
