"""Who may switch what, and when not: protection classes and interlocks, each *no* with a reason that a person can act upon.

`cut_refusal` and `restore_refusal` are asked when an order is made, again right before it is sent, and by the preview that shows what
will go dark: one decision, everywhere. Fire and life circuits are switched by no path; nothing without a witnessed trial is.
"""

from __future__ import annotations

from dataclasses import dataclass

from alarms.classes import By, may_cut
from alarms.instants import iso_utc
from power.measure import Poles
from power.model import Action, Order
from power.refusals import Refusal, refusal
from power.setup import Lock
from sites.model import Circuit, CircuitClass, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What an interlock looks at beside the circuit itself. `open_order`: another order that is under way on it."""

    site: Site | None
    poles: Poles
    stale_after_ms: int
    lock: Lock | None = None
    open_order: Order | None = None
    zone_has_critical: bool = False
    protected: Circuit | None = None  # a fire or life circuit that the same switch feeds
    bar: Refusal | None = None  # what else stands in the way of a restore: a trip that nobody has reset on site


def cut_refusal(circuit: Circuit, by: By, around: Circumstances, now_ms: int) -> Refusal | None:
    """Why this circuit is not cut now; None: it is. A restore under way is no obstacle: a cut takes its place."""
    return (
        _class_refusal(circuit)
        or _shared_refusal(around)
        or _path_refusal(circuit, by, now_ms)
        or _site_refusal(around)
        or _lock_refusal(around)
        or _conflict(around, Action.CUT)
        or _stale_refusal(around, now_ms)
    )


def restore_refusal(circuit: Circuit, around: Circumstances, now_ms: int) -> Refusal | None:
    """Why this circuit is not restored now; None: it is. The two persons and the reason are checked with the request itself."""
    return (
        _class_refusal(circuit)
        or _shared_refusal(around)
        or _site_refusal(around)
        or _lock_refusal(around)
        or _trip_refusal(around)
        or around.bar
        or _critical_refusal(around)
        or _conflict(around, Action.RESTORE)
        or _conflict(around, Action.CUT)
        or _stale_refusal(around, now_ms)
    )


def _class_refusal(circuit: Circuit) -> Refusal | None:
    name, feeds = circuit.name, circuit.circuit_class
    if feeds is CircuitClass.FIRE:
        return refusal(
            "class_fire", f"{name} feeds fire protection: it is never switched from here", f"{name} 为消防供电回路，禁止远程操作"
        )
    if feeds is CircuitClass.LIFE:
        return refusal(
            "class_life",
            f"{name} feeds life safety or security: it is never switched from here",
            f"{name} 为生命安全/安防回路，禁止远程操作",
        )
    if feeds is CircuitClass.UNCLASSIFIED:
        return refusal(
            "class_unclassified",
            f"{name} has no protection class yet: set its class and record a witnessed trial first",
            f"{name} 尚未分类：先设定回路类别并完成见证试分",
        )
    if circuit.trial is None:
        return refusal(
            "no_trial",
            f"{name} has no witnessed trial for its present class and breaker: let two people see on site that the right load goes dark",
            f"{name} 没有见证试分记录：需两人现场确认断电的正是该负载",
        )
    return None


def _shared_refusal(around: Circumstances) -> Refusal | None:
    """However the mapping came about: what would switch a protected circuit with it is switched by nobody."""
    other = around.protected
    if other is None:
        return None
    return refusal(
        "shared_switch",
        f"the same switch feeds {other.name} ({other.circuit_class}): correct the mapping, it is never switched from here",
        f"同一开关还接有 {other.name}（{other.circuit_class}）：请更正回路对应关系，禁止远程操作",
    )


def _path_refusal(circuit: Circuit, by: By, now_ms: int) -> Refusal | None:
    name = circuit.name
    if not may_cut(circuit.circuit_class, by):
        return refusal(
            "class_person_only",
            f"{name} ({circuit.circuit_class}) is cut by a person only, not by a {by}: cut it by hand from the alarm",
            f"{name}（{circuit.circuit_class}）只能由人员断电，不参与联动或方案：请在报警页面手动断电",
        )
    if by is not By.PLAN or circuit.circuit_class is not CircuitClass.PERMIT_24H:
        return None
    until = circuit.permit_until_ms
    if until is None:
        text = f"{name} is a 24 h circuit whose permit has no end yet: record when it ends"
        return refusal("permit_without_end", text, f"{name} 为24小时用电回路，许可未登记截止时间：请先登记")
    if now_ms < until:
        return refusal(
            "permit_valid", f"{name} has a 24 h permit until {iso_utc(until)}", f"{name} 的24小时用电许可有效至 {iso_utc(until)}"
        )
    return None


def _site_refusal(around: Circumstances) -> Refusal | None:
    if around.site is None or not around.site.commanding:
        return refusal(
            "monitor_only",
            "the site is monitor-only: a manager switches commanding on after the doctor's checks",
            "该场所为只监测模式：需由管理员在体检通过后开启远程操作",
        )
    return None


def _lock_refusal(around: Circumstances) -> Refusal | None:
    lock = around.lock
    if lock is None:
        return None
    if lock.purpose == "veto":
        return refusal(
            "vetoed",
            f"{lock.who} has forbidden switching it since {iso_utc(lock.at_ms)} ({lock.reason}): that person or a manager lifts it",
            f"{lock.who} 于 {iso_utc(lock.at_ms)} 禁止操作该回路（{lock.reason}）：仅本人或管理员可解除",
        )
    return refusal(
        "locked_out",
        f"locked out by {lock.who} since {iso_utc(lock.at_ms)} ({lock.reason}): only that person or a manager takes the lock off",
        f"{lock.who} 于 {iso_utc(lock.at_ms)} 挂牌上锁（{lock.reason}）：仅本人或管理员可解除",
    )


def _conflict(around: Circumstances, action: Action) -> Refusal | None:
    order = around.open_order
    if order is None or order.action is not action:
        return None
    return refusal(
        "order_open",
        f"a {order.action} of this circuit is under way already (order {order.id}, {order.state}): wait until it ends",
        f"该回路已有未完成的{'断电' if order.action is Action.CUT else '送电'}指令（{order.id}）：请等待其结束",
    )


def _trip_refusal(around: Circumstances) -> Refusal | None:
    trip = around.poles.trip
    if trip is None or trip.value < 1:
        return None
    return refusal(
        "tripped",
        "its protection has tripped (leakage or over-current): find the cause and reset it on site first",
        "保护已动作跳闸（漏电或过流）：先现场查明原因并就地复位",
    )


def _critical_refusal(around: Circumstances) -> Refusal | None:
    if not around.zone_has_critical:
        return None
    return refusal(
        "critical_open",
        "a critical alarm is open in the zone: nothing is restored there until it has ended",
        "该区域有未结束的紧急报警：结束前不得送电",
    )


def _stale_refusal(around: Circumstances, now_ms: int) -> Refusal | None:
    heard_ms = max((s.arrived_ms for s in around.poles.samples()), default=None)
    if heard_ms is not None and now_ms - heard_ms <= around.stale_after_ms:
        return None
    limit_s = around.stale_after_ms // 1000
    since = "was never heard" if heard_ms is None else f"was last heard {(now_ms - heard_ms) // 1000} s ago"
    since_zh = "从未上报" if heard_ms is None else f"已 {(now_ms - heard_ms) // 1000} 秒未上报"
    return refusal(
        "stale",
        f"its switch {since} (limit {limit_s} s): check the link, or open it by hand",
        f"开关{since_zh}（限值 {limit_s} 秒）：检查通信，或现场手动分闸",
    )
