"""What is noted on a hazard's way without changing its state: control measures, extensions, supervision, shutdown, links, files.

Like `hazards.loop`, each function gives the next hazard with its step or raises a `HazardError`; the states that allow an act stand in
`hazards.loop.NOTED`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hazards.errors import IllegalStep, Incomplete
from hazards.loop import needs_reason, next_state, step_of
from hazards.model import Extension, Grade, Hazard, HazardAct, HazardStep, Party, Progress, Shutdown, Supervision, Vouched

_A = HazardAct
Stepped = tuple[Hazard, HazardStep]
MOST_LINKED = 200
MOST_PROGRESS = 200


def control(hazard: Hazard, *, measures: str, who: str, now_ms: int) -> Stepped:
    """Temporary control measures (临时管控) until it is rectified. Raises IllegalStep, Incomplete."""
    after = next_state(hazard, _A.CONTROL)
    needs_reason(hazard, _A.CONTROL, measures, "the measures")
    return step_of(hazard, _A.CONTROL, after, who, now_ms, measures, control=measures)


def vouch(hazard: Hazard, *, party: Party, who: str, now_ms: int, note: str = "") -> Stepped:
    """A party of the chain has looked at it: each stands there once, with its newest word. Raises IllegalStep."""
    after = next_state(hazard, _A.VOUCH)
    others = tuple(link for link in hazard.chain if link.party is not party)
    said = Vouched(party=party, who=who, at_ms=now_ms, note=note)
    return step_of(hazard, _A.VOUCH, after, who, now_ms, f"{party}: {note}" if note else party.value, chain=(*others, said))


def extend(hazard: Hazard, *, until_ms: int, reason: str, who: str, now_ms: int) -> Stepped:
    """Ask for more time. The deadline stays until it is granted. Raises IllegalStep while one is undecided, Incomplete."""
    after = next_state(hazard, _A.EXTEND)
    needs_reason(hazard, _A.EXTEND, reason, "the reason")
    if pending(hazard) is not None:
        raise IllegalStep(f"extend of hazard {hazard.number}, whose last extension is undecided: grant or refuse that first")
    deadline_ms = hazard.rectification.deadline_ms
    if until_ms <= max(now_ms, deadline_ms or now_ms):
        raise Incomplete(f"extend of hazard {hazard.number} to a time that is not after now and its deadline")
    asked = Extension(until_ms=until_ms, reason=reason, asked_by=who, asked_ms=now_ms)
    return step_of(hazard, _A.EXTEND, after, who, now_ms, reason, extensions=(*hazard.extensions, asked))


def decide(hazard: Hazard, *, is_granted: bool, who: str, now_ms: int, note: str = "") -> Stepped:
    """Grant or refuse the extension, by somebody else than who asked; a refusal has its reason. Raises IllegalStep, Incomplete."""
    act = _A.GRANT if is_granted else _A.REFUSE
    after = next_state(hazard, act)
    asked = pending(hazard)
    if asked is None:
        raise IllegalStep(f"{act} of hazard {hazard.number}, for which no extension is asked: extend it first")
    if asked.asked_by == who:
        raise IllegalStep(f"{act} of hazard {hazard.number} by {who}, who asked for it: somebody else decides")
    if is_granted and asked.until_ms <= now_ms:
        raise IllegalStep(f"grant of hazard {hazard.number} to a time that is past meanwhile: refuse it")
    if not is_granted:
        needs_reason(hazard, act, note, "the reason")
    decided = replace(asked, granted=is_granted, decided_by=who, decided_ms=now_ms, note=note)
    plan = replace(hazard.rectification, deadline_ms=asked.until_ms) if is_granted else hazard.rectification
    return step_of(hazard, act, after, who, now_ms, note, extensions=(*hazard.extensions[:-1], decided), rectification=plan)


def pending(hazard: Hazard) -> Extension | None:
    """The extension that nobody has decided yet."""
    last = hazard.extensions[-1] if hazard.extensions else None
    return last if last is not None and last.granted is None else None


def supervise(hazard: Hazard, *, listed: Supervision, who: str, now_ms: int, note: str = "") -> Stepped:
    """Put a major hazard on the supervising body's list (挂牌督办), or change its entry; reports of progress stay. Raises IllegalStep,
    Incomplete."""
    after = next_state(hazard, _A.SUPERVISE)
    if hazard.grade is not Grade.MAJOR:
        raise IllegalStep(f"supervise of hazard {hazard.number}, which is {hazard.grade}: only a major one is listed")
    lacking = [name for name in ("body", "list_number", "contact") if not getattr(listed, name).strip()]
    if lacking:
        raise Incomplete(f"supervise of hazard {hazard.number} lacks {', '.join(lacking)}")
    if listed.deadline_ms <= now_ms:
        raise Incomplete(f"supervise of hazard {hazard.number} has a deadline that is past: it must lie ahead")
    known = hazard.supervision
    first_ms = now_ms if known is None else known.listed_ms
    kept = replace(listed, listed_by=who, listed_ms=first_ms, progress=() if known is None else known.progress, lifted_ms=None)
    return step_of(hazard, _A.SUPERVISE, after, who, now_ms, note or f"{listed.body} {listed.list_number}", supervision=kept)


def progress(hazard: Hazard, *, text: str, who: str, now_ms: int) -> Stepped:
    """A report on how the listed hazard's rectification goes. Raises IllegalStep, Incomplete."""
    after = next_state(hazard, _A.PROGRESS)
    needs_reason(hazard, _A.PROGRESS, text, "how it goes")
    if hazard.supervision is None:
        raise IllegalStep(f"progress of hazard {hazard.number}, which is not listed: supervise it first")
    reports = (*hazard.supervision.progress, Progress(text=text, who=who, at_ms=now_ms))[-MOST_PROGRESS:]
    return step_of(hazard, _A.PROGRESS, after, who, now_ms, text, supervision=replace(hazard.supervision, progress=reports))


def shut_down(hazard: Hazard, *, is_full: bool, note: str, who: str, now_ms: int) -> Stepped:
    """Work stops in a part or as a whole until it is rectified. Raises IllegalStep, Incomplete."""
    after = next_state(hazard, _A.SHUT_DOWN)
    needs_reason(hazard, _A.SHUT_DOWN, note, "what is shut down")
    return step_of(hazard, _A.SHUT_DOWN, after, who, now_ms, note, shutdown=Shutdown(is_full=is_full, note=note, since_ms=now_ms))


def resume(hazard: Hazard, *, note: str, who: str, now_ms: int) -> Stepped:
    """Work goes on again. Raises IllegalStep when nothing is shut down."""
    after = next_state(hazard, _A.RESUME)
    if hazard.shutdown is None or hazard.shutdown.until_ms is not None:
        raise IllegalStep(f"resume of hazard {hazard.number}, for which nothing is shut down")
    return step_of(hazard, _A.RESUME, after, who, now_ms, note, shutdown=replace(hazard.shutdown, until_ms=now_ms))


def split(hazard: Hazard, *, numbers: Sequence[str], reason: str, who: str, now_ms: int) -> Stepped:
    """Parts of it go on as hazards of their own; this one goes on with the rest. Raises IllegalStep, Incomplete."""
    after = next_state(hazard, _A.SPLIT)
    needs_reason(hazard, _A.SPLIT, reason, "the reason")
    return step_of(hazard, _A.SPLIT, after, who, now_ms, f"{', '.join(numbers)}: {reason}")


def link(hazard: Hazard, *, alarm_ids: Sequence[str], order_ids: Sequence[str], who: str, now_ms: int, note: str = "") -> Stepped:
    """Alarms and orders that belong to it too: an alarm may belong to several hazards. Raises IllegalStep, Incomplete."""
    after = next_state(hazard, _A.LINK)
    alarms = tuple(dict.fromkeys((*hazard.alarm_ids, *alarm_ids)))
    orders = tuple(dict.fromkeys((*hazard.order_ids, *order_ids)))
    if (alarms, orders) == (hazard.alarm_ids, hazard.order_ids):
        raise Incomplete(f"link of hazard {hazard.number} names no alarm or order that it does not have already")
    if len(alarms) > MOST_LINKED or len(orders) > MOST_LINKED:
        raise Incomplete(f"link of hazard {hazard.number}: at most {MOST_LINKED} alarms and {MOST_LINKED} orders belong to one hazard")
    return step_of(hazard, _A.LINK, after, who, now_ms, note, alarm_ids=alarms, order_ids=orders)


def unlink(hazard: Hazard, *, alarm_ids: Sequence[str], order_ids: Sequence[str], reason: str, who: str, now_ms: int) -> Stepped:
    """Alarms and orders that do not belong to it after all. An alarm-born hazard keeps one. Raises IllegalStep, Incomplete."""
    after = next_state(hazard, _A.UNLINK)
    needs_reason(hazard, _A.UNLINK, reason, "the reason")
    alarms = tuple(each for each in hazard.alarm_ids if each not in alarm_ids)
    orders = tuple(each for each in hazard.order_ids if each not in order_ids)
    if hazard.alarm_ids and not alarms and hazard.source == "alarm":
        raise IllegalStep(f"unlink of hazard {hazard.number}, which came from an alarm: one of its alarms stays")
    return step_of(hazard, _A.UNLINK, after, who, now_ms, reason, alarm_ids=alarms, order_ids=orders)


def attach(hazard: Hazard, *, name: str, who: str, now_ms: int) -> Stepped:
    """A photo or file was added. Raises IllegalStep."""
    return step_of(hazard, _A.ATTACH, next_state(hazard, _A.ATTACH), who, now_ms, name)
