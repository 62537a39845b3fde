"""From an alarm's transition to what the linkages want: messages, cuts, hazards; and why a linkage fired or did not.

Called by `app/core` with each transition, once, right after it happened; so a linkage fires once for an occurrence and signal, never
again on each reading. Late, test and suppressed alarms start nothing, nor do the service's own alarms cut anything. It yields intents and
carries nothing out: orders may still refuse a cut with their own reasons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from alarms.book import Book
from alarms.classes import By, may_cut
from alarms.linkage import CutWanted, Firing, HazardWanted, Intent, Linkage, NotifyWanted
from alarms.model import Alarm, Condition, Signal, Transition, Verdict
from alarms.service_alarms import RULE_PREFIX
from sites.model import derived_id
from sites.roster import Roster


@dataclass(slots=True)
class _Deeds:
    """What one linkage does at one transition, in words of both languages."""

    intents: list[Intent] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    words_zh: list[str] = field(default_factory=list)
    code: str = ""

    def say(self, text: str, text_zh: str, code: str = "fired") -> None:
        self.words.append(text)
        self.words_zh.append(text_zh)
        self.code = "offered" if "offered" in (self.code, code) else "fired" if "fired" in (self.code, code) else code


def follow(linkages: Iterable[Linkage], transition: Transition, book: Book, roster: Roster) -> tuple[list[Intent], list[Firing]]:
    """Intents of all linkages that this transition starts, and a `Firing` for each whose filters match it, fired or not. In the order of
    linkage ids, whatever the order given, so that a replay does the same."""
    intents: list[Intent] = []
    firings: list[Firing] = []
    word = signal_word(transition)
    for linkage in sorted(linkages, key=lambda linkage: linkage.id):
        if not linkage.enabled or word not in linkage.on or not matches(linkage, transition.alarm):
            continue
        deeds = _hindrance(linkage, transition.alarm, book) or _deeds(linkage, transition, book, roster)
        intents += deeds.intents
        firings.append(
            Firing(
                linkage_id=linkage.id,
                alarm_id=transition.alarm.id,
                alarm_seq=transition.alarm.seq,
                at_ms=transition.at_ms,
                fired=deeds.code in ("fired", "offered"),
                code=deeds.code,
                reason="; ".join(deeds.words),
                reason_zh="；".join(deeds.words_zh),
            )
        )
    return intents, firings


def signal_word(transition: Transition) -> str:
    """The transition as linkages name it: the signal, `judged_true` for the verdict that it is real, `raised` for the end of its
    suppression, lateness or test while its condition is true."""
    if transition.signal is Signal.JUDGED:
        return "judged_true" if transition.alarm.verdict is Verdict.TRUE else "judged"
    if transition.signal in (Signal.UNSUPPRESSED, Signal.UPHELD) and transition.alarm.condition is Condition.ACTIVE:
        return "raised"  # it calls only now
    return str(transition.signal)


def matches(linkage: Linkage, alarm: Alarm) -> bool:
    """Whether an alarm passes the linkage's filters."""
    return (
        alarm.severity >= linkage.min_severity
        and (not linkage.kinds or alarm.kind in linkage.kinds)
        and (not linkage.sites or alarm.site_id in linkage.sites)
        and (not linkage.zones or alarm.zone_id in linkage.zones)
    )


def triggering_devices(linkage: Linkage, alarm: Alarm, book: Book) -> set[str]:
    """Devices of the alarm's zone on which an alarm of these filters stands, at most as many as the linkage needs: active, or latched and
    not reset (a detector that has burnt or whose smoke has drifted still was a trigger). Late, test and suppressed alarms do not count."""
    devices: set[str] = set()
    for other in book.in_zone(alarm.zone_id):
        stands = other.condition is Condition.ACTIVE or other.needs_reset
        if (
            stands
            and not (other.is_late or other.is_test or other.suppression)
            and other.site_id == alarm.site_id
            and matches(linkage, other)
        ):
            devices.add(other.device_id)
            if len(devices) >= linkage.triggers:
                break
    return devices


def _hindrance(linkage: Linkage, alarm: Alarm, book: Book) -> _Deeds | None:
    """Why a matching linkage does not fire; None: it does."""
    deeds = _Deeds()
    if alarm.is_late:
        deeds.say("the alarm came late (replayed or delayed data): it starts nothing by itself", "补传或延迟的报警不启动联动", "late")
    elif alarm.is_test:
        deeds.say("its device is being tested: a test starts nothing", "设备处于测试状态，不启动联动", "test")
    elif alarm.suppression is not None:
        why = alarm.suppression
        deeds.say(f"suppressed ({why.kind}): {why.reason}", f"报警被抑制，不启动联动：{why.reason_zh or why.reason}", "suppressed")
    elif linkage.triggers > 1:
        devices = triggering_devices(linkage, alarm, book)
        if len(devices) >= linkage.triggers:
            return None
        have, need = len(devices), linkage.triggers
        deeds.say(f"{have} of {need} independent triggers in the zone", f"区域内独立触发信号 {have} 个，需要 {need} 个", "triggers_missing")
    else:
        return None
    return deeds


def _deeds(linkage: Linkage, transition: Transition, book: Book, roster: Roster) -> _Deeds:
    deeds = _Deeds()
    if linkage.cut == "automatic":
        _cut(linkage, transition, roster, deeds)
    elif linkage.cut == "offer":
        deeds.say("offered: the cut of the zone's circuits, by one click", "已提示：可一键切断本区域回路", "offered")
    if linkage.notify and transition.alarm.is_chattering and transition.signal is Signal.RAISED:
        deeds.say("no notice: it comes and goes, and is folded", "反复报警已合并，不再重复通知", deeds.code or "chattering")
    elif linkage.notify:
        _notify(linkage, transition, deeds)
    if linkage.hazard:
        _want_hazard(linkage, transition, book, deeds)
    if not deeds.code:
        deeds.say("the linkage has no action", "该联动没有配置动作", "nothing")
    return deeds


def _cut(linkage: Linkage, transition: Transition, roster: Roster, deeds: _Deeds) -> None:
    alarm = transition.alarm
    if alarm.rule_id.startswith(RULE_PREFIX):
        deeds.say("the service's own alarms cut nothing", "系统自身报警不触发断电", "service_alarm")
        return
    inside = sorted((c for c in roster.circuits.values() if c.zone_id == alarm.zone_id and c.site_id == alarm.site_id), key=lambda c: c.id)
    wanted = [c for c in inside if may_cut(c.circuit_class, By.LINKAGE)]
    spared = [c for c in inside if not may_cut(c.circuit_class, By.LINKAGE)]
    if wanted:
        names = ", ".join(c.name for c in wanted)
        deeds.say(f"cut wanted: {names}", f"要求断电：{names}")
    else:
        deeds.say("no circuit of the zone may be cut by a linkage", "本区域没有可联动断电的回路", "no_circuit")
    if spared:
        names = ", ".join(f"{c.name} ({c.circuit_class})" for c in spared)
        deeds.say(f"left on by class: {names}", f"按类别保留：{names}", deeds.code)
    reason = f"{linkage.name_en or linkage.name}: {alarm.rule_name_en or alarm.rule_name}, {alarm.zone_name}"
    for circuit in wanted:
        deeds.intents.append(
            CutWanted(
                linkage_id=linkage.id,
                alarm_id=alarm.id,
                circuit_id=circuit.id,
                at_ms=transition.at_ms,
                reason=reason,
                alarm_seq=alarm.seq,
            )
        )


def _notify(linkage: Linkage, transition: Transition, deeds: _Deeds) -> None:
    alarm = transition.alarm
    for to in dict.fromkeys(linkage.notify):
        key = derived_id("notify", linkage.id, alarm.id, alarm.seq, to)
        is_named = to.startswith(("user:", "role:", "group:"))  # looked up when the message is written, and told by every channel they have
        deeds.intents.append(
            NotifyWanted(
                key=key,
                linkage_id=linkage.id,
                alarm_id=alarm.id,
                alarm_seq=alarm.seq,
                to="" if is_named else to,
                at_ms=transition.at_ms,
                channel="" if is_named else "email",
                recipient=to if is_named else "",
                cause=f"linkage:{linkage.id}:{alarm.seq}" if is_named else "",
            )
        )
    count = len(dict.fromkeys(linkage.notify))
    deeds.say(f"notify {count}", f"通知 {count} 人")


def _want_hazard(linkage: Linkage, transition: Transition, book: Book, deeds: _Deeds) -> None:
    alarm = transition.alarm
    occurrences = book.occurrences(alarm)
    if occurrences < linkage.hazard_after:
        missing = f"hazard after {linkage.hazard_after} occurrences, this is number {occurrences}"
        deeds.say(missing, f"第 {occurrences} 次发生，满 {linkage.hazard_after} 次转隐患", "hazard_waiting")
        return
    if alarm.hazard_id is not None:
        deeds.say(f"hazard {alarm.hazard_id} is open already", f"已有隐患 {alarm.hazard_id}", "hazard_linked")
        return
    key = derived_id("hazard", linkage.id, alarm.id)
    reason = f"raised {occurrences} times without 30 quiet days between"
    deeds.intents.append(HazardWanted(key=key, linkage_id=linkage.id, alarm_id=alarm.id, at_ms=transition.at_ms, reason=reason))
    deeds.say(f"hazard wanted: {reason}", f"转隐患：已发生 {occurrences} 次")
