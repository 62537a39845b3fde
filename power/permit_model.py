"""A work permit (危险作业票) as frozen values and its state table, after GB 30871-2022 (mandatory for hazardous-chemical firms, a reference
for others): eight kinds, each with its longest validity and what must be tested before and after an interruption.

Only `power.work_permits` makes new ones. A state and an act that are not in `TABLE` do not go together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from power.errors import RequestRefused

_MIN = 60_000
_HOUR = 60 * _MIN
_DAY = 24 * _HOUR


class WorkKind(StrEnum):
    HOT_WORK = "hot_work"  # 动火
    CONFINED_SPACE = "confined_space"  # 受限空间
    BLIND_PLATE = "blind_plate"  # 盲板抽堵
    HEIGHT = "height"  # 高处
    LIFTING = "lifting"  # 吊装
    TEMPORARY_POWER = "temporary_power"  # 临时用电
    EARTHWORK = "earthwork"  # 动土
    ROAD_CLOSURE = "road_closure"  # 断路


KIND_NAMES: dict[WorkKind, tuple[str, str]] = {
    WorkKind.HOT_WORK: ("动火作业", "hot work"),
    WorkKind.CONFINED_SPACE: ("受限空间作业", "work in a confined space"),
    WorkKind.BLIND_PLATE: ("盲板抽堵作业", "blinding of pipes"),
    WorkKind.HEIGHT: ("高处作业", "work at height"),
    WorkKind.LIFTING: ("吊装作业", "lifting"),
    WorkKind.TEMPORARY_POWER: ("临时用电作业", "temporary power"),
    WorkKind.EARTHWORK: ("动土作业", "earthwork"),
    WorkKind.ROAD_CLOSURE: ("断路作业", "closing a road"),
}


class PermitState(StrEnum):
    APPLIED = "applied"  # 申请: promised by the applicant
    ASSESSED = "assessed"  # 危害辨识 (JSA)
    CHECKED = "checked"  # 现场核查
    APPROVED = "approved"  # 审批
    WORKING = "working"  # 作业中, a guardian watches
    SUSPENDED = "suspended"  # 中断/暂停
    COMPLETED = "completed"  # 完工, not yet accepted
    OVERDUE = "overdue"  # 超期: its time ended while it was open
    CLOSED = "closed"  # 关闭
    VOID = "void"  # 作废


class PermitAct(StrEnum):
    ASSESS = "assess"
    CHECK = "check"
    APPROVE = "approve"
    START = "start"
    SUSPEND = "suspend"
    RESUME = "resume"
    COMPLETE = "complete"
    CLOSE = "close"
    VOID = "void"
    RUN_OUT = "run_out"  # by time alone


_S, _A = PermitState, PermitAct
# fmt: off
_ROWS: dict[PermitState, dict[PermitAct, PermitState]] = {
    _S.APPLIED:   {_A.ASSESS: _S.ASSESSED, _A.VOID: _S.VOID, _A.RUN_OUT: _S.VOID},
    _S.ASSESSED:  {_A.ASSESS: _S.ASSESSED, _A.CHECK: _S.CHECKED, _A.VOID: _S.VOID, _A.RUN_OUT: _S.VOID},
    _S.CHECKED:   {_A.CHECK: _S.CHECKED, _A.APPROVE: _S.APPROVED, _A.VOID: _S.VOID, _A.RUN_OUT: _S.VOID},
    _S.APPROVED:  {_A.START: _S.WORKING, _A.VOID: _S.VOID, _A.RUN_OUT: _S.VOID},
    _S.WORKING:   {_A.SUSPEND: _S.SUSPENDED, _A.COMPLETE: _S.COMPLETED, _A.RUN_OUT: _S.OVERDUE},
    _S.SUSPENDED: {_A.RESUME: _S.WORKING, _A.COMPLETE: _S.COMPLETED, _A.VOID: _S.VOID, _A.RUN_OUT: _S.OVERDUE},
    _S.OVERDUE:   {_A.COMPLETE: _S.COMPLETED},
    _S.COMPLETED: {_A.CLOSE: _S.CLOSED},
    _S.CLOSED:    {},
    _S.VOID:      {},
}
# fmt: on
TABLE: dict[tuple[PermitState, PermitAct], PermitState | None] = {
    (state, act): _ROWS[state].get(act) for state in PermitState for act in PermitAct
}
OPEN = frozenset({_S.APPROVED, _S.WORKING, _S.SUSPENDED, _S.OVERDUE, _S.COMPLETED})  # people may be at work on it
OVER = frozenset({_S.CLOSED, _S.VOID})
LEVELS = ("special", "1", "2")  # of hot work


@dataclass(frozen=True, slots=True, kw_only=True)
class GasTest:
    """`combustible_vol`: % by volume of a gas whose lower explosive limit is `lel_vol`; `o2_vol` in %. `passed` by `passes`."""

    at_ms: int
    who: str
    place: str
    combustible_vol: float
    lel_vol: float
    o2_vol: float
    toxic: str = ""
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One signature of a step: assessment, site check, approval, completion, acceptance. `content`: hazards and measures, or a note."""

    step: str
    who: str
    at_ms: int
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPermit:
    """One ticket. `guardian`: a user who watches, or `guardian_name` with `guardian_phone`. `zone_id` is where the work is,
    `circuits` those that must stay as they are (none: those of the zone). `suspended_ms`,
    `suspended_by`: of the last interruption (`gas:<alarm id>` when
    gas was measured). `signed` holds what the JSA, the site check and the acceptance found."""

    id: str
    site_id: str
    zone_id: str
    kind: WorkKind
    level: str
    title: str
    content: str
    applicant: str
    contractor: str
    worker: str
    guardian: str
    guardian_name: str
    guardian_phone: str
    promise: str
    circuits: tuple[str, ...]
    from_ms: int
    until_ms: int
    asked_ms: int
    state: PermitState = PermitState.APPLIED
    tests: tuple[GasTest, ...] = ()
    signed: tuple[Signed, ...] = ()
    suspended_ms: int | None = None
    suspended_by: str = ""
    note: str = ""
    seq: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyPermit:
    """The applicant declares the work and promises to keep to the measures."""

    key: str
    who: str
    site_id: str
    zone_id: str
    kind: str
    level: str = ""
    title: str
    content: str
    contractor: str = ""
    worker: str
    guardian: str = ""
    guardian_name: str = ""
    guardian_phone: str = ""
    promise: str
    circuits: tuple[str, ...] = ()
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActOnPermit:
    """One act of `PermitAct`, with what its person has to say: hazards and measures, findings, a reason."""

    permit_id: str
    act: str
    who: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckGas:
    permit_id: str
    who: str
    place: str
    combustible_vol: float
    lel_vol: float
    o2_vol: float
    toxic: str = ""


def longest_ms(kind: WorkKind, level: str) -> int:
    """The longest validity (GB 30871-2022; blinds, lifting, earthwork and road closure have none there: seven days are ours)."""
    if kind is WorkKind.HOT_WORK:
        return 72 * _HOUR if level == "2" else 8 * _HOUR
    return {WorkKind.CONFINED_SPACE: 24 * _HOUR, WorkKind.HEIGHT: 7 * _DAY, WorkKind.TEMPORARY_POWER: 15 * _DAY}.get(kind, 7 * _DAY)


def needs_gas_test(kind: WorkKind) -> bool:
    return kind in (WorkKind.HOT_WORK, WorkKind.CONFINED_SPACE)


def interruption_ms(kind: WorkKind, level: str) -> int:
    """After a longer interruption the gas is tested again: 30 min, of hot work of level 2 60 min."""
    return 60 * _MIN if kind is WorkKind.HOT_WORK and level == "2" else 30 * _MIN


TEST_VALID_MS = 30 * _MIN  # before the work begins


def approvals(kind: WorkKind, level: str) -> int:
    """How many different people approve: two for special and level-1 hot work and for confined spaces, else one."""
    return 2 if kind is WorkKind.CONFINED_SPACE or (kind is WorkKind.HOT_WORK and level in ("special", "1")) else 1


def passes(kind: WorkKind, combustible_vol: float, lel_vol: float, o2_vol: float) -> bool:
    """Combustible at most 0.5 %VOL where the LEL is 4 %VOL or more, else 0.2; in a confined space oxygen 19.5 to 21 %VOL."""
    gas_is_low = combustible_vol <= (0.5 if lel_vol >= 4 else 0.2)
    return gas_is_low and (kind is not WorkKind.CONFINED_SPACE or 19.5 <= o2_vol <= 21.0)


def check_application(request: ApplyPermit, at_ms: int) -> tuple[WorkKind, str]:
    """(kind, level). Raises RequestRefused for an application that could never be approved."""
    try:
        kind = WorkKind(request.kind)
    except ValueError:
        raise RequestRefused(f"{request.kind!r} is no kind of work; {', '.join(WorkKind)} are") from None
    level = request.level if kind is WorkKind.HOT_WORK else ""
    if kind is WorkKind.HOT_WORK and level not in LEVELS:
        raise RequestRefused(f"hot work has a level: {', '.join(LEVELS)}")
    if request.until_ms <= max(request.from_ms, at_ms):
        raise RequestRefused("a permit ends after it begins, and not in the past")
    most = longest_ms(kind, level)
    if request.until_ms - request.from_ms > most:
        raise RequestRefused(f"{KIND_NAMES[kind][1]} {level} may last at most {most // _HOUR} h (GB 30871-2022)".replace("  ", " "))
    for name in ("title", "worker", "promise"):
        if not getattr(request, name).strip():
            raise RequestRefused(f"a permit needs its {name}")
    guardian = request.guardian or request.guardian_name
    if not guardian.strip():
        raise RequestRefused("a permit needs a guardian (监护人)")
    if guardian in (request.worker, request.who):
        raise RequestRefused("the guardian is neither the worker nor the applicant")
    return kind, level
