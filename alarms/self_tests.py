"""The alarm path's self-test: a synthetic reading travels broker -> scan -> rule -> alarm -> live stream -> notification, and is timed.

It runs through the same scan, rule engine and book of alarms as any reading, but in a world of its own: a roster of one device, one rule, a
book that nobody else reads. So it is never shown as an alarm, counted, linked or escalated. A leg that is not done in time is the loudest
alarm that there is (`alarm_path_broken`). Only the scan writes it; what happens before and behind the scan is told to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from alarms.book import Book
from alarms.duty_requests import RunSelfTest, SelfTestEvery, SelfTestHeard, SelfTestPublished, SelfTestSeen
from alarms.errors import IllegalTransition
from alarms.model import Alarm, Transition
from alarms.section import Products
from alarms.service_alarms import ServiceClear, ServiceRaise
from rules import engine
from rules.compile import compile
from rules.memory import Memory
from rules.model import Level, Rule, RuleKind, Severity
from sites.facts import Fact
from sites.model import Device, derived_id
from sites.readings import Readings
from sites.roster import Roster

KIND = "self_test"
BROKEN = "alarm_path_broken"
SITE, DEVICE, METRIC, VALUE = "_selftest", "path", "gas_alarm", 1.0
WITHIN_MS = 10_000  # a fire alarm is on the screen within 10 s (GB 26875.1, GB 25506)
NOTIFIED_WITHIN_MS = 30_000
FIRST_AFTER_MS = 60_000
LEGS = ("published", "arrived", "decided", "streamed", "notified")
_WHY = {
    "published": ("the synthetic reading could not be published", "自检读数未能发布"),
    "arrived": ("the synthetic reading did not come back through the broker", "自检读数未从消息代理返回"),
    "decided": ("no alarm came of the synthetic reading", "自检读数未产生报警"),
    "streamed": ("the alarm did not reach the live stream", "自检报警未到达实时推送"),
    "notified": ("the alarm's message did not reach the notifications", "自检报警未到达通知通道"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """One test. `published_ms` ... `notified_ms`: when each leg was done, by the service's clock."""

    id: str
    asked_ms: int
    asked_by: str | None = None
    state: str = "running"  # running, passed, failed, abandoned
    token: str = ""
    published_ms: int | None = None
    arrived_ms: int | None = None
    decided_ms: int | None = None
    streamed_ms: int | None = None
    notified_ms: int | None = None
    reason: str = ""
    reason_zh: str = ""
    seq: int = 1

    def missing(self) -> str | None:
        """The first leg that is not done."""
        return next((leg for leg in LEGS if getattr(self, f"{leg}_ms") is None), None)


def delays_ms(test: SelfTest) -> dict[str, int]:
    """How long each leg that is done took; `total`: from publishing to the live stream."""
    found = {}
    for before, leg in pairwise(LEGS):
        begun = test.decided_ms if leg == "notified" else getattr(test, f"{before}_ms")  # the last two start from the alarm
        done = getattr(test, f"{leg}_ms")
        if begun is not None and done is not None:
            found[leg] = max(0, done - begun)
    if test.published_ms is not None and test.streamed_ms is not None:
        found["total"] = max(0, test.streamed_ms - test.published_ms)
    return found


@dataclass(slots=True)
class SelfTestsState:
    every_ms: int = 0
    due_ms: int | None = None
    running: SelfTest | None = None
    last: SelfTest | None = None
    is_broken: bool = False


class SelfTests:
    """The section: one test at a time."""

    name = "self_tests"
    follows_alarms = False
    requests: tuple[type, ...] = (RunSelfTest, SelfTestEvery, SelfTestPublished, SelfTestHeard, SelfTestSeen)
    state_type = SelfTestsState

    def __init__(self) -> None:
        self._s = SelfTestsState()

    def due_ms(self) -> int | None:
        if self._s.running is None:
            return self._s.due_ms
        deadline_ms = _deadline_ms(self._s.running)
        return deadline_ms if self._s.due_ms is None else min(deadline_ms, self._s.due_ms)

    def due(self, at_ms: int) -> Products:
        s, products = self._s, Products()
        if s.running is not None and _deadline_ms(s.running) <= at_ms:
            self._fail(products, at_ms)
        if s.due_ms is not None and s.due_ms <= at_ms:
            s.due_ms = at_ms + s.every_ms
            if s.running is None:
                self._begin(products, at_ms, derived_id("self_test", at_ms), None)
        return products

    def request(self, request: Any, at_ms: int) -> Products:
        products = Products()
        running = self._s.running
        match request:
            case SelfTestEvery(every_s=every_s):
                self._s.every_ms = every_s * 1000
                self._s.due_ms = at_ms + min(FIRST_AFTER_MS, self._s.every_ms) if every_s else None
            case RunSelfTest():
                test_id = derived_id("self_test", request.who, request.key)
                if running is not None and running.id != test_id:
                    raise IllegalTransition(f"self-test {running.id} is running; wait until it has ended")
                if running is None:
                    self._begin(products, at_ms, test_id, request.who)
            case SelfTestPublished() if running is not None and request.test_id == running.id:
                if request.problem:
                    self._keep(replace(running, reason=request.problem, reason_zh=request.problem), products, at_ms)
                    self._fail(products, at_ms)
                else:
                    self._keep(replace(running, token=request.token, published_ms=request.published_ms), products, at_ms)
            case SelfTestHeard() if running is not None and running.token and request.token == running.token and running.arrived_ms is None:
                self._hear(running, request, products, at_ms)
            case SelfTestSeen() if running is not None and request.test_id == running.id and request.leg in ("streamed", "notified"):
                self._see(running, request, products, at_ms)
        return products

    def follow(self, transition: Transition, at_ms: int) -> Products:
        return Products()

    def follow_order(self, step: Any, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        return Products()

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        """A test that was under way says nothing: the service was down."""
        products = Products()
        if self._s.running is not None:
            self._end(products, at_ms, state="abandoned", reason="the service was restarted", reason_zh="服务重启")
        if self._s.due_ms is not None:
            self._s.due_ms = max(self._s.due_ms, at_ms + min(FIRST_AFTER_MS, self._s.every_ms))
        return products

    def standing(self) -> Iterable[Fact]:
        return [] if self._s.running is None else [_fact(self._s.running, self._s.running.asked_ms)]

    @property
    def last(self) -> SelfTest | None:
        """The newest that has passed or failed."""
        return self._s.last

    def dump(self) -> SelfTestsState:
        return replace(self._s)

    def load(self, state: SelfTestsState) -> None:
        self._s = replace(state)

    # -- parts -----------------------------------------------------------------------------------------------------

    def _begin(self, products: Products, at_ms: int, test_id: str, who: str | None) -> None:
        self._s.running = SelfTest(id=test_id, asked_ms=at_ms, asked_by=who)
        products.facts.append(_fact(self._s.running, at_ms, who))

    def _hear(self, running: SelfTest, heard: SelfTestHeard, products: Products, at_ms: int) -> None:
        came = replace(running, arrived_ms=heard.arrived_ms)
        alarm = decided(heard.value, heard.arrived_ms)
        if alarm is None:
            self._keep(came, products, at_ms)
            self._fail(products, at_ms)
        else:
            self._keep(replace(came, decided_ms=at_ms), products, at_ms)

    def _see(self, running: SelfTest, seen: SelfTestSeen, products: Products, at_ms: int) -> None:
        if getattr(running, f"{seen.leg}_ms") is not None or running.decided_ms is None:
            return
        done = replace(running, streamed_ms=seen.at_ms) if seen.leg == "streamed" else replace(running, notified_ms=seen.at_ms)
        self._keep(done, products, at_ms)
        if done.missing() is not None:
            return
        if delays_ms(done)["total"] > WITHIN_MS:
            total_s = delays_ms(done)["total"] / 1000
            late = replace(done, reason=f"it took {total_s:g} s to the screen; {WITHIN_MS // 1000} s are allowed",
                           reason_zh=f"到达屏幕用时 {total_s:g} 秒，允许 {WITHIN_MS // 1000} 秒")  # fmt: skip
            self._s.running = late
            self._fail(products, at_ms)
            return
        self._end(products, at_ms, state="passed")
        products.wishes.append(ServiceClear(code=BROKEN, subject="service", note="a self-test has passed"))

    def _fail(self, products: Products, at_ms: int) -> None:
        running = self._s.running
        assert running is not None
        reason, reason_zh = _WHY[running.missing() or "streamed"]
        if running.reason:
            reason, reason_zh = (f"{reason}: {running.reason}", f"{reason_zh}：{running.reason_zh}") if running.missing() else (
                running.reason, running.reason_zh)  # fmt: skip
        self._end(products, at_ms, state="failed", reason=reason, reason_zh=reason_zh)
        products.wishes.append(ServiceRaise(code=BROKEN, subject="service", note=reason))

    def _end(self, products: Products, at_ms: int, **changed: Any) -> None:
        assert self._s.running is not None
        ended = replace(self._s.running, seq=self._s.running.seq + 1, token="", **changed)
        self._s.running = None
        if ended.state != "abandoned":
            self._s.last, self._s.is_broken = ended, ended.state == "failed"
        products.facts.append(_fact(ended, at_ms))

    def _keep(self, test: SelfTest, products: Products, at_ms: int) -> None:
        self._s.running = replace(test, seq=test.seq + 1)
        products.facts.append(_fact(self._s.running, at_ms))


def decided(value: float, at_ms: int) -> Alarm | None:
    """The alarm that rule engine and book make of this reading, in a world of its own; None: none."""
    roster = Roster()
    roster.put(Device(id=DEVICE, site_id=SITE, zone_id="", name="self-test", kind="gas", codec="native", address=f"{SITE}/{DEVICE}"))
    row = roster.add_point(DEVICE, METRIC)
    level = Level(limit=VALUE, severity=Severity.CRITICAL, deadband=0.0)
    rule = Rule(id="self_test", name="自检", name_en="Self-test", kind=RuleKind.LEVEL, metric=METRIC, levels=(level,))
    program = compile([rule], roster)
    findings = engine.step(program, Memory(program), Readings.of([row], [at_ms], [at_ms], [value]), at_ms)
    book = Book()
    made = [transition.alarm for finding in findings for transition in book.apply(finding, rule, roster, at_ms)]
    return made[0] if made else None


def _deadline_ms(test: SelfTest) -> int:
    return test.asked_ms + (WITHIN_MS if test.decided_ms is None or test.streamed_ms is None else NOTIFIED_WITHIN_MS)


def _fact(test: SelfTest, at_ms: int, who: str | None = None) -> Fact:
    return Fact(
        kind=KIND,
        id=test.id,
        site_id="",
        state=test.state,
        changed_ms=at_ms,
        body=replace(test, token=""),
        subject="service",
        from_ms=test.asked_ms,
        who=who,
        what="asked" if who else "",
        is_over=test.state != "running",
        seq=test.seq,
    )
