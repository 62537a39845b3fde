"""Closing-time plans, their previews and runs over HTTP, and what may be asked of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from api.shapes.asks import Ask, DayText, IdText, NameText, ReasonText
from api.shapes.people import Person
from api.shapes.power import ClassName, OrderStateName
from api.shapes.times import Instant, finite, iso, iso_or_none
from power.plans import Night, Plan, Stage
from power.run_model import ASKING, LIVE, Run, RunItem
from sites.model import CircuitClass

RunStateName = Literal["countdown", "running", "retrying", "done", "aborted", "missed", "interrupted", "declined", "observed", "skipped"]
ItemStateName = Literal["waiting", "ordered", "proved", "unproved", "failed", "left_on", "would_cut", "dropped", "already_off", "simulated"]
ClockText = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
MOST_NAMED = 20_000


class StageAsk(Ask):
    """Circuits that go together; empty filters do not choose."""

    name: str = Field("", max_length=120)
    circuits: list[IdText] = Field(default_factory=list, max_length=MOST_NAMED)
    classes: list[ClassName] = Field(default_factory=list, max_length=7)
    zones: list[IdText] = Field(default_factory=list, max_length=2_000)
    tenants: list[str] = Field(default_factory=list, max_length=2_000)
    pause_s: float = 0.0


class PlanAsk(Ask):
    """`at` is the local time of the site, `after_close_min` counts from the calendar's closing. `except_circuits` are never touched."""

    id: IdText | None = None
    site_id: IdText
    name: NameText
    name_en: str = Field("", max_length=120)
    stages: list[StageAsk] = Field(max_length=50)
    at: ClockText | None = None
    weekdays: list[int] = Field(default_factory=lambda: list(range(7)), max_length=7)
    on_holidays: bool = True
    calendar: IdText | None = None
    after_close_min: int = 30
    except_circuits: list[IdText] = Field(default_factory=list, max_length=MOST_NAMED)
    stagger_ms: int = 150
    countdown_s: float = 30.0
    notice_min: int = 30
    retries: int = 1
    retry_after_s: float = 60.0
    observation_nights: int = 3
    enabled: bool = True


class ChangedPlanAsk(PlanAsk):
    version: int


class RunAsk(Ask):
    """A plan that never ran needs a second person, who gives login and password."""

    reason: ReasonText
    second_login: str = Field("", max_length=120)
    second_password: str = Field("", max_length=200)


class WhyAsk(Ask):
    reason: ReasonText


class DecideAsk(Ask):
    """`go`: it runs now what is left; else it never does."""

    go: bool
    reason: ReasonText


class SkipAsk(Ask):
    date: DayText
    reason: ReasonText


class ReachAsk(Ask):
    """What one click is to cut: the alarm's zone, a zone with all in it, a floor of a site, or a whole site; less the exceptions."""

    alarm_id: str | None = Field(None, max_length=64)
    site_id: IdText | None = None
    zone_id: IdText | None = None
    floor: str | None = Field(None, max_length=60)
    except_circuits: list[IdText] = Field(default_factory=list, max_length=MOST_NAMED)


class CutsAsk(ReachAsk):
    """`circuit_ids`: the list that the preview showed to go dark, whole; `challenge` and `digits`: those of the preview, where it gave
    them."""

    circuit_ids: list[IdText] = Field(min_length=1, max_length=MOST_NAMED)
    reason: ReasonText
    challenge: str = Field("", max_length=200)
    digits: str = Field("", max_length=8)
    second_login: str = Field("", max_length=120)
    second_password: str = Field("", max_length=200)
    countdown_s: float = Field(0.0, ge=0, le=300)


class StageShape(TypedDict):
    name: str
    circuits: list[str]
    classes: list[ClassName]
    zones: list[str]
    tenants: list[str]
    pause_s: float


class NightShape(TypedDict):
    date: str
    at: Instant


class PlanShape(TypedDict):
    """`next` is null for a plan that will not run. `circuits` is how many it covers now."""

    id: str
    site_id: str
    name: str
    name_en: str
    stages: list[StageShape]
    at: str | None
    weekdays: list[int]
    on_holidays: bool
    calendar: str | None
    after_close_min: int
    except_circuits: list[str]
    stagger_ms: int
    countdown_s: float
    notice_min: int
    retries: int
    retry_after_s: float
    observation_nights: int
    enabled: bool
    version: int
    next: NightShape | None
    circuits: int
    sentence: str
    sentence_en: str


class PlanPage(TypedDict):
    items: list[PlanShape]
    next_cursor: str | None


class FrozenItem(TypedDict):
    """`code` and reasons are empty for what goes dark."""

    circuit_id: str
    circuit_name: str
    zone_id: str
    zone_name: str
    tenant: str
    panel: str
    circuit_class: ClassName
    stage: int
    power_w: float | None
    current_a: float | None
    code: str
    reason: str
    reason_zh: str


class Preview(TypedDict):
    """What goes dark and what stays on and why. `challenge` with `digits` (to be shown and typed) where a whole site goes; `needs_second`:
    another person with the right must give login and password."""

    site_id: str
    goes_dark: list[FrozenItem]
    stays_on: list[FrozenItem]
    power_w: float
    tenants: list[str]
    challenge: str
    digits: str
    needs_second: bool
    observes: str | None
    observes_zh: str | None


class RunShape(TypedDict):
    id: str
    site_id: str
    kind: str
    state: RunStateName
    name: str
    name_en: str
    plan_id: str | None
    date: str
    who: Person | None
    second: Person | None
    reason: str
    alarm_id: str | None
    due_at: Instant
    starts_at: Instant
    stages: int
    stage: int
    round: int
    counts: dict[str, int]
    before_w: float
    ended_at: Instant | None
    ended_by: Person | None
    note: str
    note_zh: str
    asks_until: Instant | None
    is_live: bool
    is_asking: bool


class ItemShape(TypedDict):
    """One circuit of a run. Only `proved` is green."""

    circuit_id: str
    circuit_name: str
    zone_id: str
    zone_name: str
    tenant: str
    panel: str
    stage: int
    round: int
    state: ItemStateName
    code: str
    reason: str
    reason_zh: str
    order_ids: list[str]
    order_state: OrderStateName | None
    before_w: float | None
    after_w: float | None
    before_a: float | None
    after_a: float | None
    ordered_at: Instant | None
    ended_at: Instant | None
    took_ms: int | None


class RunDetail(RunShape):
    items: list[ItemShape]
    records_available: bool


class RunPage(TypedDict):
    items: list[RunShape]
    next_cursor: str | None


class RunAnswer(RunShape):
    recorded: bool


class SkipAnswer(TypedDict):
    plan_id: str
    date: str
    reason: str
    recorded: bool


class MonthCircuit(TypedDict):
    """A circuit that did not obey in `nights` of the month's runs."""

    circuit_id: str
    circuit_name: str
    tenant: str
    nights: int
    last_reason: str
    last_reason_zh: str


class MonthShape(TypedDict):
    """`energy_not_used_kwh` is an estimate: what each proved circuit drew before the cut, times the hours from the proof until the
    plan's calendar opens (8 h where it has none)."""

    site_id: str
    month: str
    nights: int
    nights_run: int
    nights_missed: int
    nights_skipped: int
    nights_observed: int
    orders: int
    proved: int
    unproved: int
    failed: int
    proved_share: float | None
    energy_not_used_kwh: float
    disobedient: list[MonthCircuit]


def plan_of(ask: PlanAsk, plan_id: str, version: int = 1) -> Plan:
    hours, minutes = (int(each) for each in ask.at.split(":")) if ask.at is not None else (0, 0)
    return Plan(
        id=plan_id,
        site_id=ask.site_id,
        name=ask.name,
        name_en=ask.name_en,
        stages=tuple(
            Stage(
                name=stage.name,
                circuits=tuple(stage.circuits),
                classes=tuple(CircuitClass(each) for each in stage.classes),
                zones=tuple(stage.zones),
                tenants=tuple(stage.tenants),
                pause_s=stage.pause_s,
            )
            for stage in ask.stages
        ),
        at_minute=None if ask.at is None else hours * 60 + minutes,
        weekdays=tuple(sorted(set(ask.weekdays))),
        on_holidays=ask.on_holidays,
        calendar=ask.calendar,
        after_close_min=ask.after_close_min,
        except_=tuple(ask.except_circuits),
        stagger_ms=ask.stagger_ms,
        countdown_s=ask.countdown_s,
        notice_min=ask.notice_min,
        retries=ask.retries,
        retry_after_s=ask.retry_after_s,
        observation_nights=ask.observation_nights,
        enabled=ask.enabled,
        version=version,
    )


def plan_shape(plan: Plan, night: Night | None, circuits: int) -> PlanShape:
    zh, en = sentence(plan)
    return {
        "id": plan.id,
        "site_id": plan.site_id,
        "name": plan.name,
        "name_en": plan.name_en,
        "stages": [
            {
                "name": stage.name,
                "circuits": list(stage.circuits),
                "classes": [each.value for each in stage.classes],
                "zones": list(stage.zones),
                "tenants": list(stage.tenants),
                "pause_s": stage.pause_s,
            }
            for stage in plan.stages
        ],
        "at": None if plan.at_minute is None else clock(plan.at_minute),
        "weekdays": list(plan.weekdays),
        "on_holidays": plan.on_holidays,
        "calendar": plan.calendar,
        "after_close_min": plan.after_close_min,
        "except_circuits": list(plan.except_),
        "stagger_ms": plan.stagger_ms,
        "countdown_s": plan.countdown_s,
        "notice_min": plan.notice_min,
        "retries": plan.retries,
        "retry_after_s": plan.retry_after_s,
        "observation_nights": plan.observation_nights,
        "enabled": plan.enabled,
        "version": plan.version,
        "next": None if night is None else {"date": night.date, "at": iso(night.at_ms)},
        "circuits": circuits,
        "sentence": zh,
        "sentence_en": en,
    }


_DAYS_ZH = "一二三四五六日"
_DAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def sentence(plan: Plan) -> tuple[str, str]:
    """The plan as a person says it, in Chinese and English."""
    every = len(plan.weekdays) == 7
    days_zh = "每天" if every else "周" + "、".join(_DAYS_ZH[day] for day in plan.weekdays)
    days_en = "every day" if every else "on " + ", ".join(_DAYS_EN[day] for day in plan.weekdays)
    if plan.at_minute is not None:
        when_zh, when_en = f"{days_zh} {clock(plan.at_minute)}", f"{days_en} at {clock(plan.at_minute)}"
    else:
        when_zh, when_en = f"{days_zh}闭店后 {plan.after_close_min} 分钟", f"{days_en}, {plan.after_close_min} min after closing"
    stages = len(plan.stages)
    zh = f"{when_zh}，分 {stages} 批断电，倒计时 {plan.countdown_s:g} 秒可中止，未验证的重试 {plan.retries} 轮"
    parts = f"{stages} stage" if stages == 1 else f"{stages} stages"
    en = f"{when_en}: cut in {parts}, {plan.countdown_s:g} s to abort, {plan.retries} more round(s) for what is not proved"
    return (zh, en) if plan.enabled else (f"（停用）{zh}", f"(disabled) {en}")


def run_shape(run: Run, name: Any) -> RunShape:
    return {
        "id": run.id,
        "site_id": run.site_id,
        "kind": run.kind,
        "state": run.state.value,
        "name": run.name,
        "name_en": run.name_en,
        "plan_id": run.plan_id,
        "date": run.date,
        "who": name(run.who),
        "second": name(run.second),
        "reason": run.reason,
        "alarm_id": run.alarm_id,
        "due_at": iso(run.due_ms),
        "starts_at": iso(run.starts_ms),
        "stages": run.stages,
        "stage": run.stage,
        "round": run.round,
        "counts": dict(run.counts),
        "before_w": run.before_w,
        "ended_at": iso_or_none(run.ended_ms),
        "ended_by": name(run.ended_by),
        "note": run.note,
        "note_zh": run.note_zh,
        "asks_until": iso_or_none(run.asks_until_ms),
        "is_live": run.state in LIVE,
        "is_asking": run.state in ASKING,
    }


def item_shape(item: RunItem) -> ItemShape:
    took_ms = item.ended_ms - item.ordered_ms if item.ended_ms is not None and item.ordered_ms is not None else None
    return {
        "circuit_id": item.circuit_id,
        "circuit_name": item.circuit_name,
        "zone_id": item.zone_id,
        "zone_name": item.zone_name,
        "tenant": item.tenant,
        "panel": item.panel,
        "stage": item.stage,
        "round": item.round,
        "state": item.state.value,
        "code": item.code,
        "reason": item.reason,
        "reason_zh": item.reason_zh,
        "order_ids": list(item.order_ids),
        "order_state": None if item.order_state is None else item.order_state.value,
        "before_w": finite(item.before_w),
        "after_w": finite(item.after_w),
        "before_a": finite(item.before_a),
        "after_a": finite(item.after_a),
        "ordered_at": iso_or_none(item.ordered_ms),
        "ended_at": iso_or_none(item.ended_ms),
        "took_ms": took_ms,
    }
