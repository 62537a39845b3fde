"""What a linkage that fires does: cuts, a plan, commands to actuators, messages, a hazard; each in words of both languages.

It yields intents and carries nothing out: orders, runs and actuators may still refuse with reasons of their own, which stand on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from alarms.book import Book
from alarms.classes import By, may_cut
from alarms.linkage import ActuatorCommand, CommandWanted, CutWanted, HazardWanted, Intent, Linkage, NotifyWanted, RunWanted
from alarms.model import Alarm, Signal
from alarms.service_alarms import RULE_PREFIX
from sites.model import Circuit, derived_id
from sites.roster import Roster

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_GAS = ("gas",)  # kinds of devices that make their zone a gas area
_ACTIONS_ZH = {"close": "关闭", "start": "启动", "stop": "停止", "sound": "启动", "silence": "停止"}
_KINDS_ZH = {"valve": "燃气阀", "fan": "风机", "siren": "声光警报器"}


class Planned(Protocol):
    """What is known here of a plan."""

    @property
    def name(self) -> str: ...
    @property
    def site_id(self) -> str: ...


def _no_actuators(command: ActuatorCommand, alarm: Alarm) -> list[tuple[str, str]]:
    return []


def _no_times(alarm: Alarm) -> tuple[int, ...]:
    return ()


@dataclass(slots=True)
class Surroundings:
    """What linkages look at beside the book. `plans` by id; `actuators`: (id, name) of those that a command concerns; `times`: when the
    alarm's point raised lately, oldest first, this time included."""

    plans: Mapping[str, Planned] = field(default_factory=dict)
    actuators: Callable[[ActuatorCommand, Alarm], Iterable[tuple[str, str]]] = _no_actuators
    times: Callable[[Alarm], tuple[int, ...]] = _no_times


@dataclass(slots=True)
class Deeds:
    """What one linkage does at one moment."""

    intents: list[Intent] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    words_zh: list[str] = field(default_factory=list)
    code: str = ""

    def say(self, text: str, text_zh: str, code: str = "fired") -> None:
        self.words.append(text)
        self.words_zh.append(text_zh)
        self.code = "offered" if "offered" in (self.code, code) else "fired" if "fired" in (self.code, code) else code


@dataclass(frozen=True, slots=True)
class Occasion:
    """The alarm's transition for which a linkage fires, and when it does: later than that where it has waited."""

    alarm: Alarm
    alarm_seq: int
    signal: Signal | None  # None: time alone
    at_ms: int


def deeds_of(linkage: Linkage, occasion: Occasion, book: Book, roster: Roster, around: Surroundings) -> Deeds:
    """Everything that the linkage wants done now."""
    deeds, alarm = Deeds(), occasion.alarm
    if linkage.cut == "automatic":
        _cut(linkage, occasion, roster, deeds)
    elif linkage.cut == "offer":
        deeds.say("offered: the cut of the zone's circuits, by one click", "已提示：可一键切断本区域回路", "offered")
    if linkage.plan:
        _run(linkage, occasion, around, deeds)
    for command in linkage.commands:
        _command(linkage, command, occasion, around, deeds)
    if linkage.notify and alarm.is_chattering and occasion.signal is Signal.RAISED:
        deeds.say("no notice: it comes and goes, and is folded", "反复报警已合并，不再重复通知", deeds.code or "chattering")
    elif linkage.notify:
        _notify(linkage, occasion, deeds)
    if linkage.hazard:
        _want_hazard(linkage, occasion, book, around, deeds)
    if not deeds.code:
        deeds.say("the linkage has no action", "该联动没有配置动作", "nothing")
    return deeds


def _reason(linkage: Linkage, alarm: Alarm) -> str:
    return f"{linkage.name_en or linkage.name}: {alarm.rule_name_en or alarm.rule_name}, {alarm.zone_name}"


def _is_own(alarm: Alarm, deeds: Deeds) -> bool:
    """The service's own alarms switch nothing."""
    if not alarm.rule_id.startswith(RULE_PREFIX):
        return False
    deeds.say("the service's own alarms cut nothing", "系统自身报警不触发断电", "service_alarm")
    return True


def _circuits(linkage: Linkage, alarm: Alarm, roster: Roster) -> list[Circuit]:
    named = linkage.circuits
    found = [roster.circuits[each] for each in named if each in roster.circuits] if named else list(roster.circuits.values())
    here = [c for c in found if c.site_id == alarm.site_id and (named or c.zone_id == alarm.zone_id)]
    return sorted(here, key=lambda c: c.id)


def _cut(linkage: Linkage, occasion: Occasion, roster: Roster, deeds: Deeds) -> None:
    alarm = occasion.alarm
    if _is_own(alarm, deeds):
        return
    inside = _circuits(linkage, alarm, roster)
    in_gas = {c.id for c in inside if linkage.outside_gas_area and stands_in_gas_area(c, roster)}
    wanted = [c for c in inside if may_cut(c.circuit_class, By.LINKAGE) and c.id not in in_gas]
    spared = [c for c in inside if not may_cut(c.circuit_class, By.LINKAGE)]
    if wanted:
        names = ", ".join(c.name for c in wanted)
        deeds.say(f"cut wanted: {names}", f"要求断电：{names}")
    else:
        deeds.say("no circuit of the zone may be cut by a linkage", "本区域没有可联动断电的回路", "no_circuit")
    if spared:
        names = ", ".join(f"{c.name} ({c.circuit_class})" for c in spared)
        deeds.say(f"left on by class: {names}", f"按类别保留：{names}", deeds.code)
    beside = [c for c in inside if c.id in in_gas and c not in spared]
    if beside:
        names = ", ".join(c.name for c in beside)
        text = f"left on, their breakers stand inside the gas area: {names}"
        deeds.say(text, f"断路器位于燃气区域内，不在区域内分合，保留：{names}", deeds.code)
    for circuit in wanted:
        deeds.intents.append(
            CutWanted(
                linkage_id=linkage.id,
                alarm_id=alarm.id,
                circuit_id=circuit.id,
                at_ms=occasion.at_ms,
                reason=_reason(linkage, alarm),
                alarm_seq=occasion.alarm_seq,
            )
        )


def stands_in_gas_area(circuit: Circuit, roster: Roster) -> bool:
    """Whether the circuit's breaker stands in a zone with a gas detector: opening it there may ignite what it detects."""
    switch = roster.device(circuit.device_id)
    return switch is not None and any(
        d.zone_id == switch.zone_id and d.site_id == switch.site_id and d.kind in _GAS for d in roster.devices()
    )


def _run(linkage: Linkage, occasion: Occasion, around: Surroundings, deeds: Deeds) -> None:
    alarm, plan = occasion.alarm, around.plans.get(linkage.plan)
    if _is_own(alarm, deeds):
        return
    if plan is None:
        deeds.say(f"no plan {linkage.plan}: it was removed", f"断电方案 {linkage.plan} 已删除", "no_plan")
    elif plan.site_id != alarm.site_id:
        deeds.say(f"the plan {plan.name} is another site's", f"断电方案“{plan.name}”不属于本场所", "no_plan")
    else:
        key = derived_id("linkage-run", linkage.id, alarm.id, occasion.alarm_seq)
        reason = _reason(linkage, alarm)
        deeds.intents.append(
            RunWanted(key=key, linkage_id=linkage.id, alarm_id=alarm.id, plan_id=linkage.plan, at_ms=occasion.at_ms, reason=reason)
        )
        deeds.say(f"plan wanted: {plan.name}", f"要求执行断电方案：{plan.name}")


def _command(linkage: Linkage, command: ActuatorCommand, occasion: Occasion, around: Surroundings, deeds: Deeds) -> None:
    alarm = occasion.alarm
    zh = f"{_ACTIONS_ZH[command.action]}{_KINDS_ZH[command.kind]}"
    found = sorted(around.actuators(command, alarm))
    if not found:
        where, where_zh = (command.actuator_id, command.actuator_id) if command.actuator_id else ("the zone", "本区域")
        deeds.say(f"{command.action} {command.kind}: none in {where}", f"{zh}：{where_zh}没有该设备", deeds.code or "no_actuator")
        return
    for actuator_id, _ in found:
        deeds.intents.append(
            CommandWanted(
                key=derived_id("linkage-command", linkage.id, alarm.id, occasion.alarm_seq, actuator_id, command.action),
                linkage_id=linkage.id,
                alarm_id=alarm.id,
                actuator_id=actuator_id,
                action=command.action,
                at_ms=occasion.at_ms,
                reason=_reason(linkage, alarm),
            )
        )
    names = ", ".join(name for _, name in found)
    deeds.say(f"{command.action} wanted: {names}", f"要求{zh}：{names}")


def _notify(linkage: Linkage, occasion: Occasion, deeds: Deeds) -> None:
    alarm = occasion.alarm
    whom = tuple(dict.fromkeys(linkage.notify))
    for to in whom:
        is_named = to.startswith(("user:", "role:", "group:"))  # looked up when the message is written, and told by every channel they have
        deeds.intents.append(
            NotifyWanted(
                key=derived_id("notify", linkage.id, alarm.id, occasion.alarm_seq, to),
                linkage_id=linkage.id,
                alarm_id=alarm.id,
                alarm_seq=alarm.seq,
                to="" if is_named else to,
                at_ms=occasion.at_ms,
                channel="" if is_named else "email",
                recipient=to if is_named else "",
                cause=f"linkage:{linkage.id}:{occasion.alarm_seq}" if is_named else "",
            )
        )
    deeds.say(f"notify {len(whom)}", f"通知 {len(whom)} 人")


def counted_occurrences(linkage: Linkage, alarm: Alarm, at_ms: int, book: Book, around: Surroundings) -> int:
    """How many occurrences on the alarm's point count for this linkage's hazard."""
    if not linkage.hazard_days:
        return book.occurrences(alarm)
    counted, last_ms = 0, None
    for ms in around.times(alarm):
        if ms > at_ms - linkage.hazard_days * _DAY_MS and (last_ms is None or ms - last_ms >= linkage.hazard_apart_h * _HOUR_MS):
            counted, last_ms = counted + 1, ms
    return max(counted, 1)


def _want_hazard(linkage: Linkage, occasion: Occasion, book: Book, around: Surroundings, deeds: Deeds) -> None:
    alarm = occasion.alarm
    occurrences = counted_occurrences(linkage, alarm, occasion.at_ms, book, around)
    days = linkage.hazard_days
    within, within_zh = (f" within {days} days", f"（{days} 天内）") if days else ("", "")
    if occurrences < linkage.hazard_after:
        missing = f"hazard after {linkage.hazard_after} occurrences{within}, this is number {occurrences}"
        deeds.say(missing, f"第 {occurrences} 次发生{within_zh}，满 {linkage.hazard_after} 次转隐患", deeds.code or "hazard_waiting")
        return
    if alarm.hazard_id is not None:
        deeds.say(f"hazard {alarm.hazard_id} is open already", f"已有隐患 {alarm.hazard_id}", deeds.code or "hazard_linked")
        return
    key = derived_id("hazard", linkage.id, alarm.id)
    if linkage.unresolved_s and occasion.signal is None:
        minutes = f"{linkage.unresolved_s / 60:g}"
        reason, reason_zh = f"unresolved for {minutes} min", f"{minutes} 分钟未恢复"
    elif days:
        reason, reason_zh = f"raised {occurrences} times{within}", f"{days} 天内发生 {occurrences} 次"
    else:
        reason, reason_zh = f"raised {occurrences} times without 30 quiet days between", f"已发生 {occurrences} 次"
    deeds.intents.append(HazardWanted(key=key, linkage_id=linkage.id, alarm_id=alarm.id, at_ms=occasion.at_ms, reason=reason))
    deeds.say(f"hazard wanted: {reason}", f"转隐患：{reason_zh}")
