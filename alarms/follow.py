"""From an alarm's transition to what the linkages want: which of them it concerns, what keeps them from firing, and why.

`alarms.linkages` asks it with each transition, once, right after it happened, and again when a delay is over; so a linkage fires once for
an occurrence and signal, never again on each reading. Late, test and suppressed alarms start nothing, nor do the service's own alarms cut
anything. The codes of a firing: `fired`, `offered`; `waiting` (a delay runs), `cancelled` (over before it ended), `resolved`; `late`,
`test`, `suppressed`, `schedule`, `triggers_missing`, `changed`; and where nothing was left to do `no_circuit`, `no_plan`, `no_actuator`,
`service_alarm`, `chattering`, `hazard_waiting`, `hazard_linked`, `nothing`.
"""

from __future__ import annotations

from collections.abc import Iterable

from alarms.book import Book
from alarms.deeds import Deeds, Occasion, Surroundings, deeds_of
from alarms.linkage import Firing, Intent, Linkage
from alarms.model import Alarm, Condition, Signal, Transition, Verdict
from rules.schedule import gate_at
from sites.roster import Roster

_ALONE = Surroundings()
_WORDS = {signal: str(signal) for signal in Signal}


def follow(
    linkages: Iterable[Linkage], transition: Transition, book: Book, roster: Roster, around: Surroundings = _ALONE
) -> tuple[list[Intent], list[Firing]]:
    """Intents of all linkages without a delay that this transition starts, and a `Firing` for each whose filters match it, fired or not.
    In the order of linkage ids, whatever the order given, so that a replay does the same."""
    intents: list[Intent] = []
    firings: list[Firing] = []
    word = signal_word(transition)
    for linkage in sorted(linkages, key=lambda linkage: linkage.id):
        if linkage.enabled and word in linkage.on and matches(linkage, transition.alarm):
            occasion = Occasion(transition.alarm, transition.alarm.seq, transition.signal, transition.at_ms)
            deeds = fire(linkage, occasion, book, roster, around)
            intents += deeds.intents
            firings.append(told(linkage, occasion, deeds))
    return intents, firings


def fire(linkage: Linkage, occasion: Occasion, book: Book, roster: Roster, around: Surroundings) -> Deeds:
    """What the linkage does on this occasion; with no intents, why it does nothing."""
    return hindrance(linkage, occasion.alarm, occasion.at_ms, book, roster) or deeds_of(linkage, occasion, book, roster, around)


def told(linkage: Linkage, occasion: Occasion, deeds: Deeds) -> Firing:
    """The record of it."""
    return Firing(
        linkage_id=linkage.id,
        alarm_id=occasion.alarm.id,
        alarm_seq=occasion.alarm_seq,
        at_ms=occasion.at_ms,
        fired=deeds.code in ("fired", "offered"),
        code=deeds.code,
        reason="; ".join(deeds.words),
        reason_zh="；".join(deeds.words_zh),
    )


def signal_word(transition: Transition) -> str:
    """The transition as linkages name it: the signal, `judged_true` for the verdict that it is real, `raised` for the end of its
    suppression, lateness or test while its condition is true."""
    if transition.signal is Signal.JUDGED:
        return "judged_true" if transition.alarm.verdict is Verdict.TRUE else "judged"
    if transition.signal in (Signal.UNSUPPRESSED, Signal.UPHELD) and transition.alarm.condition is Condition.ACTIVE:
        return "raised"  # it calls only now
    return _WORDS[transition.signal]


def matches(linkage: Linkage, alarm: Alarm) -> bool:
    """Whether an alarm passes the linkage's filters."""
    return (
        alarm.severity >= linkage.min_severity
        and (not linkage.kinds or alarm.kind in linkage.kinds)
        and (not linkage.sites or alarm.site_id in linkage.sites)
        and (not linkage.zones or alarm.zone_id in linkage.zones)
        and (not linkage.rules or alarm.rule_id in linkage.rules)
        and (not linkage.metrics or alarm.metric.partition(".")[0] in linkage.metrics)
    )


def triggering_devices(linkage: Linkage, alarm: Alarm, book: Book) -> set[str]:
    """Devices of the alarm's zone on which an alarm of these filters stands, at most as many as the linkage needs: active, or latched and
    not reset (a detector that has burnt or whose smoke has drifted still was a trigger). Late, test and suppressed alarms do not count."""
    devices: set[str] = set()
    for other in book.each_in_zone(alarm.zone_id):
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


def hindrance(linkage: Linkage, alarm: Alarm, at_ms: int, book: Book, roster: Roster) -> Deeds | None:
    """Why a matching linkage does not fire; None: it does."""
    if alarm.is_late:
        return _said("the alarm came late (replayed or delayed data): it starts nothing by itself", "补传或延迟的报警不启动联动", "late")
    if alarm.is_test:
        return _said("its device is being tested: a test starts nothing", "设备处于测试状态，不启动联动", "test")
    if alarm.suppression is not None:
        why = alarm.suppression
        return _said(f"suppressed ({why.kind}): {why.reason}", f"报警被抑制，不启动联动：{why.reason_zh or why.reason}", "suppressed")
    if linkage.schedule is not None and not gate_at(linkage.schedule, alarm.site_id, roster).is_open(at_ms):
        return _said("outside the linkage's schedule", "不在联动的生效时段内", "schedule")
    if linkage.triggers > 1:
        have, need = len(triggering_devices(linkage, alarm, book)), linkage.triggers
        if have < need:
            text = f"{have} of {need} independent triggers in the zone"
            return _said(text, f"区域内独立触发信号 {have} 个，需要 {need} 个", "triggers_missing")
    return None


def _said(text: str, text_zh: str, code: str) -> Deeds:
    deeds = Deeds()
    deeds.say(text, text_zh, code)
    return deeds
