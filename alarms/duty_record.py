"""The control room's duty record of one day (消防控制室值班记录), filled from what was recorded: nobody copies it by hand.

After GB 25201: who was on duty, how the equipment stood every two hours, each alarm with what was done about it and when, what was taken
out of service, tests, checks and hand-overs. A pure function of rows; times are milliseconds, made local where it is printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from alarms.model import Alarm, Condition, Signal, Transition
from alarms.response import STEPS
from alarms.suppression import KIND_NAMES, OUT_OF_SERVICE, PROOF_TEST, SHELVED, standing_on
from sites.facts import Fact

STATUS_EVERY_MS = 2 * 3_600_000
FIRE_KINDS = frozenset({"smoke", "heat", "manual_call", "gas", "electrical"})
FAULT_KINDS = frozenset({"device", "presence", "service", "power"})
_FACT_KINDS = {"shelf": SHELVED, "out_of_service": OUT_OF_SERVICE, "proof_test": PROOF_TEST}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """`step`: raised, acknowledged, a response step, reset, judged, withdrawn, cleared or asked again."""

    step: str
    name: str
    name_zh: str
    at_ms: int
    who: str | None
    whom: str = ""
    phone: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLine:
    """One alarm of the day. `acknowledged_s`: how long it asked before somebody took it."""

    alarm_id: str
    kind: str
    name: str
    name_en: str
    place: str
    severity: str
    raised_ms: int
    acknowledged_ms: int | None
    acknowledged_by: str | None
    acknowledged_s: float | None
    verdict: str | None
    is_test: bool
    is_suppressed: bool
    ended_ms: int | None
    steps: tuple[StepDone, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLine:
    """How the equipment stood at that moment: standing alarms of fire and gas, of faults, and what was out of service or in test."""

    at_ms: int
    fire: int
    faults: int
    others: int
    out_of_service: int
    in_test: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherLine:
    """Something else of the day, as a sentence."""

    at_ms: int
    kind: str
    state: str
    who: str | None
    text: str
    text_zh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyRecord:
    """`is_whole` False: more happened than is listed. `people`: who did something, by user id."""

    site_id: str
    from_ms: int
    until_ms: int
    people: tuple[str, ...] = ()
    alarms: tuple[AlarmLine, ...] = ()
    status: tuple[StatusLine, ...] = ()
    others: tuple[OtherLine, ...] = field(default=())
    is_whole: bool = True


def duty_record(
    site_id: str,
    from_ms: int,
    until_ms: int,
    now_ms: int,
    transitions: Sequence[Transition],
    alarms: Sequence[Alarm],
    facts: Sequence[Fact],
    is_whole: bool = True,
) -> DutyRecord:
    """Of [from, until), as far as it has passed. `transitions`: those of the day, in order of time; `alarms`: all that stood in it, as
    they are now; `facts`: those of the day (shelves, out of service, proof tests, presence checks, hand-overs, self-tests)."""
    by_alarm: dict[str, list[Transition]] = {}
    for transition in transitions:
        by_alarm.setdefault(transition.alarm.id, []).append(transition)
    lines = sorted((_alarm_line(mine) for mine in by_alarm.values()), key=lambda line: (line.steps[0].at_ms, line.alarm_id))
    moments = range(from_ms, min(until_ms, now_ms + 1), STATUS_EVERY_MS)
    others = [line for fact in facts for line in _other_lines(fact) if from_ms <= line.at_ms < until_ms]
    acted = [transition.who for transition in transitions if transition.who] + [line.who for line in others if line.who]
    return DutyRecord(
        site_id=site_id,
        from_ms=from_ms,
        until_ms=until_ms,
        people=tuple(sorted(set(acted))),
        alarms=tuple(lines),
        status=tuple(_status(at_ms, by_alarm, alarms, facts) for at_ms in moments),
        others=tuple(sorted(others, key=lambda line: (line.at_ms, line.kind, line.text))),
        is_whole=is_whole,
    )


# fmt: off
_SIGNALS = {
    Signal.RAISED:       ("raised", "raised", "报警"),
    Signal.STEPPED_UP:   ("stepped_up", "became more severe", "升级"),
    Signal.CLEARED:      ("cleared", "back to normal", "恢复正常"),
    Signal.ACKNOWLEDGED: ("acknowledged", "acknowledged", "接警"),
    Signal.RESET:        ("reset", "reset", "复位"),
    Signal.ASSIGNED:     ("assigned", "assigned", "指派"),
    Signal.NOTED:        ("noted", "note", "备注"),
    Signal.JUDGED:       ("judged", "verdict", "核实结论"),
    Signal.SUPPRESSED:   ("suppressed", "suppressed", "抑制"),
    Signal.UNSUPPRESSED: ("unsuppressed", "suppression ended", "抑制结束"),
    Signal.UPHELD:       ("upheld", "confirmed by measurement in time", "及时测量确认"),
    Signal.REALARMED:    ("realarmed", "asked again", "再次提醒"),
    Signal.WITHDRAWN:    ("withdrawn", "withdrawn", "撤销"),
}
# fmt: on


def _alarm_line(transitions: Sequence[Transition]) -> AlarmLine:
    alarm = transitions[-1].alarm
    taken = next((t for t in transitions if t.signal is Signal.ACKNOWLEDGED), None)
    asked_ms = (taken.alarm.asked_ms or taken.alarm.arrived_ms) if taken else None
    return AlarmLine(
        alarm_id=alarm.id,
        kind=alarm.kind,
        name=alarm.rule_name,
        name_en=alarm.rule_name_en or alarm.rule_name,
        place=" ".join(part for part in (alarm.zone_name, alarm.device_name) if part),
        severity=alarm.severity.name.lower(),
        raised_ms=alarm.raised_ms,
        acknowledged_ms=taken.at_ms if taken else None,
        acknowledged_by=taken.who if taken else None,
        acknowledged_s=None if taken is None or asked_ms is None else (taken.at_ms - asked_ms) / 1000,
        verdict=alarm.verdict.value if alarm.verdict else None,
        is_test=alarm.is_test or any(t.alarm.is_test for t in transitions),
        is_suppressed=all(standing_on(t.alarm) for t in transitions),
        ended_ms=alarm.ended_ms,
        steps=tuple(step for t in transitions if (step := _step(t)) is not None),
    )


def _step(transition: Transition) -> StepDone | None:
    if transition.step:
        named = (transition.step, STEPS[transition.step].name, STEPS[transition.step].name_zh)
    elif transition.signal in _SIGNALS:
        named = _SIGNALS[transition.signal]
    else:
        named = (str(transition.signal), str(transition.signal).replace("_", " "), str(transition.signal))
    note = transition.note
    if transition.signal is Signal.JUDGED and transition.alarm.verdict is not None:
        note = f"{transition.alarm.verdict}{': ' if note else ''}{note}"
    return StepDone(
        step=named[0],
        name=named[1],
        name_zh=named[2],
        at_ms=transition.at_ms,
        who=transition.who,
        whom=transition.whom,
        phone=transition.phone,
        note=note,
    )


def _status(at_ms: int, by_alarm: Mapping[str, Sequence[Transition]], alarms: Iterable[Alarm], facts: Iterable[Fact]) -> StatusLine:
    known = {**{alarm.id: alarm for alarm in alarms}, **{alarm_id: mine[-1].alarm for alarm_id, mine in by_alarm.items()}}
    standing = [alarm for alarm in known.values() if _is_active(alarm, by_alarm.get(alarm.id, ()), at_ms) and not alarm.is_test]
    fire = sum(alarm.kind in FIRE_KINDS for alarm in standing)
    faults = sum(alarm.kind in FAULT_KINDS for alarm in standing)
    stood = [fact for fact in facts if fact.state in ("standing", "ended") and fact.from_ms <= at_ms < (fact.until_ms or at_ms + 1)]
    return StatusLine(
        at_ms=at_ms,
        fire=fire,
        faults=faults,
        others=len(standing) - fire - faults,
        out_of_service=sum(fact.kind == "out_of_service" for fact in stood),
        in_test=sum(fact.kind == "proof_test" for fact in stood),
    )


def _is_active(alarm: Alarm, of_the_day: Sequence[Transition], at_ms: int) -> bool:
    """Whether its condition stood at that moment: by the last transition before it, or by the first one's *before*."""
    past = [transition for transition in of_the_day if transition.at_ms <= at_ms]
    if past:
        return past[-1].alarm.condition is Condition.ACTIVE
    if of_the_day:
        return of_the_day[0].before.startswith(Condition.ACTIVE)
    return alarm.arrived_ms <= at_ms and (alarm.cleared_ms is None or at_ms < alarm.cleared_ms)


def _other_lines(fact: Fact) -> list[OtherLine]:
    body = fact.body

    def line(at_ms: int, who: str | None, text: str, text_zh: str) -> OtherLine:
        return OtherLine(at_ms=at_ms, kind=fact.kind, state=fact.state, who=who, text=text, text_zh=text_zh)

    if fact.kind in _FACT_KINDS:
        word, word_zh = KIND_NAMES[_FACT_KINDS[fact.kind]]
        name = body.rule_name if fact.kind == "shelf" else body.target_name
        lines = [line(fact.from_ms, body.who, f"{name}: {word}: {body.reason}", f"{name}：{word_zh}：{body.reason}")]
        if fact.kind == "out_of_service" and body.approved_ms is not None:
            lines.append(line(body.approved_ms, body.approved_by, f"{name}: {word} approved", f"{name}：{word_zh}获批准"))
        if body.ended_ms is not None:
            ended = f"{name}: {word} ended: {body.ended_why}"
            lines.append(line(body.ended_ms, body.ended_by, ended, f"{name}：{word_zh}结束：{body.ended_why_zh}"))
        if fact.kind == "proof_test" and body.ended_ms is not None:
            passed = sum(item.responses > 0 for item in body.items)
            total = len(body.items)
            lines.append(
                line(
                    body.ended_ms,
                    body.ended_by,
                    f"{name}: {passed} of {total} detectors answered",
                    f"{name}：{total} 个探测器中 {passed} 个响应",
                )
            )
        return lines
    if fact.kind == "presence_check":
        lines = [line(body.asked_ms, body.asked_by, f"presence check: {body.question}", f"查岗：{body.question_zh}")]
        if body.answered_ms is not None:
            lines.append(line(body.answered_ms, body.answered_by, "presence check answered", "查岗应答"))
        elif fact.state == "missed":
            lines.append(line(body.until_ms, None, "presence check missed", "查岗无人应答"))
        return lines
    if fact.kind == "handover":
        lines = [
            line(body.outgoing_ms, body.outgoing, f"shift handed over {body.outgoing_note}".strip(), f"交班 {body.outgoing_note}".strip())
        ]
        if body.incoming_ms is not None:
            lines.append(
                line(
                    body.incoming_ms, body.incoming, f"shift taken over {body.incoming_note}".strip(), f"接班 {body.incoming_note}".strip()
                )
            )
        return lines
    if fact.kind == "self_test":
        return [
            line(
                fact.from_ms,
                None,
                f"alarm path self-test: {fact.state}",
                f"报警通道自检：{'通过' if fact.state == 'passed' else fact.state}",
            )
        ]
    return []
