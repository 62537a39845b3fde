"""Shelves and what is out of service: which stand, from when, until when, by whom; a section of the scan.

Each ends by itself at its minute, also when the service was down then, and what is still in alarm calls again at once. It decides which
alarms they are given for and tells the book, which suppresses and unsuppresses; other alarms never feel it. Only the scan writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from alarms import out_of_service, shelf
from alarms.book import Book
from alarms.errors import IllegalTransition, SuppressionRefused, UnknownAlarm
from alarms.instants import iso_utc
from alarms.model import Alarm, Condition, Signal, Suppression, Transition
from alarms.out_of_service import DAY_MS, JOINED_MS, OutOfService
from alarms.requests import ApproveOut, EndOut, Shelve, TakeOut, Unshelve
from alarms.section import Products
from alarms.shelf import Shelf
from sites.facts import Fact
from sites.model import derived_id
from sites.roster import Roster

MOST_STANDING = 10_000
_KEPT_MS = DAY_MS + JOINED_MS  # what is over is remembered so long, for what follows it


@dataclass(slots=True)
class SuppressionsState:
    """What a snapshot keeps. `over`: spans that ended lately."""

    shelves: list[Shelf] = field(default_factory=list)
    outs: list[OutOfService] = field(default_factory=list)
    over: list[OutOfService] = field(default_factory=list)


class Suppressions:
    """A section. `causes` is asked by the book about every alarm before it calls."""

    name = "suppressions"
    requests: tuple[type, ...] = (Shelve, Unshelve, TakeOut, ApproveOut, EndOut)
    state_type: Any = SuppressionsState

    def __init__(self, book: Book, roster: Roster) -> None:
        self._book = book
        self._roster = roster
        self._shelves: dict[tuple[str, str], Shelf] = {}  # by rule and subject
        self._outs: dict[str, OutOfService] = {}
        self._over: dict[str, OutOfService] = {}
        self._due_ms: int | None = None

    # -- what the book asks ----------------------------------------------------------------------------------------

    def causes(self, alarm: Alarm) -> Iterator[Suppression]:
        """What stands for this alarm, as it is or is about to be."""
        if not self._shelves and not self._outs:
            return
        kept = self._shelves.get((alarm.rule_id, alarm.subject))
        if kept is not None and alarm.kind not in shelf.NEVER_KINDS and shelf.still_allowed_ms(kept, alarm.severity) is not None:
            yield shelf.cause_of(kept)
        for out in self._outs.values():
            if out.state == "standing" and out_of_service.covers(out, alarm):
                yield out_of_service.cause_of(out)

    # -- time ------------------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        return self._due_ms

    def due(self, at_ms: int) -> Products:
        products = Products()
        for kept in [kept for kept in self._shelves.values() if kept.until_ms <= at_ms]:
            self._end_shelf(kept, at_ms, products, "its time is over", "搁置到期")
        for out in [out for out in self._outs.values() if out.until_ms <= at_ms]:
            lapsed = out.state == "asked"
            why, why_zh = ("nobody approved it in time", "未在时限内批准") if lapsed else ("its time is over", "屏蔽到期")
            self._end_out(out, at_ms, products, why, why_zh, state="lapsed" if lapsed else "ended")
        for out in [out for out in self._outs.values() if out.state == "planned" and out.from_ms <= at_ms]:
            self._put_out(replace(out, state="standing", seq=out.seq + 1), at_ms, products)
        self._over = {out.id: out for out in self._over.values() if at_ms - (out.ended_ms or at_ms) < _KEPT_MS}
        self._reckon()
        return products

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        return Products()

    # -- requests --------------------------------------------------------------------------------------------------

    def request(self, request: Any, at_ms: int) -> Products:
        match request:
            case Shelve():
                products = self._shelve(request, at_ms)
            case Unshelve():
                products = self._unshelve(request, at_ms)
            case TakeOut():
                products = self._take_out(request, at_ms)
            case ApproveOut():
                products = self._approve(request, at_ms)
            case _:
                products = self._return(request, at_ms)
        self._reckon()
        return products

    def _shelve(self, request: Shelve, at_ms: int) -> Products:
        alarm = self._open(request.alarm_id)
        shelf.refuse_shelf(alarm, request.reason, at_ms, request.until_ms)
        if request.one_shot and alarm.condition is Condition.NORMAL:
            raise SuppressionRefused(
                "its condition is over already: a shelf for one occurrence has nothing to wait for", "报警已恢复，无需单次搁置"
            )
        self._refuse_more()
        key = (alarm.rule_id, alarm.subject)
        present = self._shelves.get(key)
        new = Shelf(
            id=present.id if present else derived_id("shelf", alarm.rule_id, alarm.subject, at_ms),
            rule_id=alarm.rule_id,
            rule_name=alarm.rule_name,
            rule_name_en=alarm.rule_name_en,
            subject=alarm.subject,
            alarm_id=alarm.id,
            site_id=alarm.site_id,
            zone_id=alarm.zone_id,
            zone_name=alarm.zone_name,
            device_id=alarm.device_id,
            device_name=alarm.device_name,
            severity=alarm.severity.name.lower(),
            reason=request.reason,
            who=request.who,
            from_ms=present.from_ms if present else at_ms,
            until_ms=request.until_ms,
            is_one_shot=request.one_shot,
            seq=present.seq + 1 if present else 1,
        )
        if present is not None:  # shelved again: the limit counts from the first time
            shelf.refuse_shelf(alarm, request.reason, present.from_ms, request.until_ms)
        self._shelves[key] = new
        products = Products(facts=[_shelf_fact(new, at_ms, request.who, "shelve")])
        products.transitions += self._book.review([alarm.id], self._roster, at_ms, request.who)
        return products

    def _unshelve(self, request: Unshelve, at_ms: int) -> Products:
        alarm = self._book.get(request.alarm_id)
        kept = None if alarm is None else self._shelves.get((alarm.rule_id, alarm.subject))
        if kept is None:
            raise SuppressionRefused(f"alarm {request.alarm_id} is not shelved; nothing was changed", "该报警未被搁置")
        products = Products()
        why = request.reason or "taken off the shelf"
        self._end_shelf(kept, at_ms, products, why, request.reason or "人工取消搁置", who=request.who)
        return products

    def _take_out(self, request: TakeOut, at_ms: int) -> Products:
        target, name, site_id = out_of_service.target_of(request, self._roster)
        from_ms = out_of_service.refuse_out(request, at_ms)
        self._refuse_more()
        kinds = tuple(sorted(set(request.kinds)))
        alike = [out for out in (*self._outs.values(), *self._over.values()) if (out.target, out.kinds) == (target, kinds)]
        standing = [out for out in alike if not out.is_over and out.from_ms < request.until_ms and from_ms < out.until_ms]
        if standing:
            raise SuppressionRefused(
                f"it is out of service already (or asked to be), until {iso_utc(standing[0].until_ms)}: end that first",
                "该对象已处于屏蔽（或待批准）状态，请先结束原有屏蔽",
            )
        since_ms = min((out.since_ms for out in alike if _last_ms(out) + JOINED_MS > from_ms and out.state != "lapsed"), default=from_ms)
        needs_approval = request.until_ms - since_ms > DAY_MS
        new = OutOfService(
            id=derived_id("out_of_service", target, *kinds, at_ms, request.who),
            site_id=site_id,
            target=target,
            target_name=name,
            device_id=request.device_id,
            zone_id=request.zone_id,
            rule_id=request.rule_id,
            subject=request.subject,
            kinds=kinds,
            reason=request.reason,
            permit=request.permit,
            patrol=request.patrol,
            who=request.who,
            asked_ms=at_ms,
            since_ms=min(since_ms, from_ms),
            from_ms=from_ms,
            until_ms=request.until_ms,
            needs_approval=needs_approval,
            state="asked" if needs_approval else "planned" if from_ms > at_ms else "standing",
        )
        products = Products()
        self._put_out(new, at_ms, products, request.who, "take_out_of_service")
        return products

    def _approve(self, request: ApproveOut, at_ms: int) -> Products:
        out = self._out(request.out_id)
        if out.state != "asked":
            raise SuppressionRefused(f"it is {out.state}: nothing waits for an approval", "该屏蔽无需批准或已处理")
        if out.who == request.who:
            raise SuppressionRefused(
                "over 24 h needs a second person: whoever asked for it cannot approve it", "超过 24 小时的屏蔽须由另一人批准"
            )
        state = "planned" if out.from_ms > at_ms else "standing"
        approved = replace(out, state=state, approved_by=request.who, approved_ms=at_ms, seq=out.seq + 1)
        products = Products()
        self._put_out(approved, at_ms, products, request.who, "approve_out_of_service")
        return products

    def _return(self, request: EndOut, at_ms: int) -> Products:
        out = self._out(request.out_id)
        products = Products()
        why = request.reason or "returned to service"
        self._end_out(out, at_ms, products, why, request.reason or "恢复投入", who=request.who)
        return products

    # -- what happens to alarms and things ---------------------------------------------------------------------------

    def follow(self, transition: Transition, at_ms: int) -> Products:
        """A shelf for one occurrence ends with it; a rise to what may not be shelved (so long) breaks a shelf, which the book knew
        before."""
        kept = self._shelves.get((transition.alarm.rule_id, transition.alarm.subject)) if self._shelves else None
        products = Products()
        if kept is None:
            return products
        if transition.signal is Signal.CLEARED and kept.is_one_shot:
            self._end_shelf(kept, at_ms, products, "its occurrence is over", "单次搁置：报警已恢复")
        elif transition.signal in (Signal.RAISED, Signal.STEPPED_UP):
            until_ms = shelf.still_allowed_ms(kept, transition.alarm.severity)
            if until_ms is None or until_ms <= at_ms:
                self._end_shelf(kept, at_ms, products, "the alarm has become more severe than may be shelved", "报警升级，搁置自动解除")
            elif until_ms < kept.until_ms:
                shorter = replace(kept, until_ms=until_ms, severity=transition.alarm.severity.name.lower(), seq=kept.seq + 1)
                self._shelves[kept.rule_id, kept.subject] = shorter
                products.facts.append(_shelf_fact(shorter, at_ms))
                products.transitions += self._book.review([transition.alarm.id], self._roster, at_ms)
        self._reckon()
        return products

    def follow_order(self, step: Any, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        """What is out of service ends with the device or zone; a device that moved takes its alarms along."""
        products = Products()
        gone = (kind == "device" and self._roster.device(thing_id) is None) or (kind == "zone" and thing_id not in self._roster.zones)
        if gone and self._outs:
            for out in [out for out in self._outs.values() if thing_id == (out.device_id if kind == "device" else out.zone_id)]:
                self._end_out(out, at_ms, products, f"the {kind} was removed", "对象已删除")
            self._reckon()
        return products

    # -- keeping it ------------------------------------------------------------------------------------------------

    def standing(self) -> Iterable[Fact]:
        yield from (_shelf_fact(kept, kept.from_ms) for kept in self._shelves.values())
        yield from (_out_fact(out, out.asked_ms) for out in self._outs.values())

    def dump(self) -> SuppressionsState:
        return SuppressionsState(list(self._shelves.values()), list(self._outs.values()), list(self._over.values()))

    def load(self, state: SuppressionsState) -> None:
        self._shelves = {(kept.rule_id, kept.subject): kept for kept in state.shelves}
        self._outs = {out.id: out for out in state.outs}
        self._over = {out.id: out for out in state.over}
        self._reckon()

    # -- parts -----------------------------------------------------------------------------------------------------

    def _open(self, alarm_id: str) -> Alarm:
        alarm = self._book.open.get(alarm_id)
        if alarm is None:
            if self._book.get(alarm_id) is not None:
                raise IllegalTransition(f"alarm {alarm_id} has ended; only an open one can be shelved")
            raise UnknownAlarm(f"no open alarm {alarm_id}; it may have ended, or never was; nothing was changed")
        return alarm

    def _out(self, out_id: str) -> OutOfService:
        out = self._outs.get(out_id)
        if out is None:
            raise SuppressionRefused(f"nothing is out of service under {out_id}: it has ended, or never was", "该屏蔽不存在或已结束")
        return out

    def _refuse_more(self) -> None:
        if len(self._shelves) + len(self._outs) >= MOST_STANDING:
            raise SuppressionRefused(f"{MOST_STANDING} suppressions stand, which is the bound: end some first", "抑制数量已达上限")

    def _reckon(self) -> None:
        moments = [kept.until_ms for kept in self._shelves.values()]
        for out in self._outs.values():
            moments.append(min(out.from_ms, out.until_ms) if out.state == "planned" else out.until_ms)
        self._due_ms = min(moments, default=None)

    def _end_shelf(self, kept: Shelf, at_ms: int, products: Products, why: str, why_zh: str, who: str | None = None) -> None:
        del self._shelves[kept.rule_id, kept.subject]
        ended = replace(
            kept, state="ended", ended_ms=at_ms, ended_by=who, ended_why=why, ended_why_zh=why_zh, until_ms=at_ms, seq=kept.seq + 1
        )
        products.facts.append(_shelf_fact(ended, at_ms, who, "unshelve"))
        alarm = self._book.find(kept.rule_id, kept.subject)
        if alarm is not None:
            products.transitions += self._book.review([alarm.id], self._roster, at_ms, who)

    def _put_out(self, out: OutOfService, at_ms: int, products: Products, who: str | None = None, what: str = "") -> None:
        self._outs[out.id] = out
        products.facts.append(_out_fact(out, at_ms, who, what))
        if out.state == "standing":
            self._review(out, at_ms, products, who)

    def _end_out(
        self, out: OutOfService, at_ms: int, products: Products, why: str, why_zh: str, state: str = "ended", who: str | None = None
    ) -> None:
        del self._outs[out.id]
        ended = replace(out, state=state, ended_ms=at_ms, ended_by=who, ended_why=why, ended_why_zh=why_zh, seq=out.seq + 1)
        if out.state == "standing":
            self._over[out.id] = ended
        products.facts.append(_out_fact(ended, at_ms, who, "end_out_of_service"))
        self._review(out, at_ms, products, who)

    def _review(self, out: OutOfService, at_ms: int, products: Products, who: str | None) -> None:
        concerned = [alarm.id for alarm in self._book.open.values() if out_of_service.covers(out, alarm)]
        products.transitions += self._book.review(concerned, self._roster, at_ms, who)


def _last_ms(out: OutOfService) -> int:
    """When it stood last."""
    return out.until_ms if out.ended_ms is None else out.ended_ms


def _shelf_fact(kept: Shelf, at_ms: int, who: str | None = None, what: str = "") -> Fact:
    return Fact(
        kind="shelf",
        id=kept.id,
        site_id=kept.site_id,
        state=kept.state,
        changed_ms=at_ms,
        body=kept,
        subject=f"alarm:{kept.alarm_id}",
        from_ms=kept.from_ms,
        until_ms=kept.until_ms,
        who=who,
        what=what,
        is_over=kept.state == "ended",
        seq=kept.seq,
    )


def _out_fact(out: OutOfService, at_ms: int, who: str | None = None, what: str = "") -> Fact:
    return Fact(
        kind="out_of_service",
        id=out.id,
        site_id=out.site_id,
        state=out.state,
        changed_ms=at_ms,
        body=out,
        subject=out.target,
        from_ms=out.from_ms,
        until_ms=out.until_ms if out.ended_ms is None else out.ended_ms,
        who=who,
        what=what,
        is_over=out.is_over,
        seq=out.seq,
    )
