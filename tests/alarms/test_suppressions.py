"""What keeps an alarm from calling: every set of reasons in every order, their limits, and that each ends by itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain, combinations, permutations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.book import Book
from alarms.errors import AlarmError, SuppressionRefused
from alarms.lifecycle import isa_state
from alarms.model import Alarm, Attention, Condition, Signal, Verdict
from alarms.proof_tests import ProofTests
from alarms.requests import (
    Acknowledge,
    ApproveOut,
    BeginTest,
    EndOut,
    EndTest,
    MarkApplied,
    Reset,
    Shelve,
    TakeOut,
    Unshelve,
)
from alarms.section import Products
from alarms.suppression import KINDS, standing_on
from alarms.suppressions import Suppressions
from rules.findings import Edge, Finding
from rules.model import Level, Rule, RuleKind, Severity
from sites.model import Device, Enterprise, Site, Zone
from sites.roster import Roster

T0 = 1_700_000_000_000
MINUTE, HOUR = 60_000, 3_600_000
LEVELS = (Level(limit=300, severity=Severity.LOW), Level(limit=400, severity=Severity.HIGH), Level(limit=500, severity=Severity.CRITICAL))
LEAK = Rule(id="leak", name="漏电", kind=RuleKind.LEVEL, metric="leakage_ma", levels=LEVELS)
GAS = replace(LEAK, id="gas", metric="lel", levels=(Level(limit=25, severity=Severity.LOW),))
SILENT = Rule(id="silent", name="离线", kind=RuleKind.SILENCE, levels=(Level(limit=2.5, severity=Severity.LOW),))


def roster() -> Roster:
    made = Roster()
    made.put(Enterprise(id="e", district_id="d", name="E"))
    made.put(Site(id="s", enterprise_id="e", name="S"))
    for zone in ("z1", "z2"):
        made.put(Zone(id=zone, site_id="s", name=zone))
    for device, zone, kind, gateway in (("gw", "z1", "gateway", None), ("d1", "z1", "electrical", "gw"), ("d2", "z2", "electrical", None)):
        made.put(
            Device(id=device, site_id="s", zone_id=zone, name=device, kind=kind, codec="native", address=f"s/{device}", gateway_id=gateway)
        )
    return made


@dataclass
class Watch:
    """The book with both sections, as the warden joins them: what one hands out is told to the others."""

    roster: Roster = field(default_factory=roster)
    book: Book = field(default_factory=Book)
    now_ms: int = T0
    signals: list[tuple[str, Signal]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.suppressions = Suppressions(self.book, self.roster)
        self.tests = ProofTests(self.book, self.roster)
        self.book.suppressors = (self.suppressions.causes, self.tests.causes)
        self.facts: dict[tuple[str, str], object] = {}

    def carry_out(self, products: Products) -> Products:
        for transition in products.transitions:
            self.signals.append((transition.alarm.id, transition.signal))
            for section in (self.suppressions, self.tests):
                self.carry_out(section.follow(transition, self.now_ms))
        for fact in products.facts:
            known = self.facts.get((fact.kind, fact.id))
            assert known is None or fact.seq > known.seq, "a newer fact has a higher number"  # type: ignore[attr-defined]
            self.facts[fact.kind, fact.id] = fact
        return products

    def find(self, edge: Edge, level: int = 0, rule: Rule = LEAK, device: str = "d1") -> None:
        cleared = edge is Edge.CLEARED
        subject = f"device:{device}" if rule is SILENT else f"point:{device}:{rule.metric}"
        finding = Finding(
            rule_id=rule.id,
            rule_version=1,
            subject=subject,
            device_id=device,
            metric=rule.metric,
            edge=edge,
            level=-1 if cleared else level,
            severity=None if cleared else rule.levels[level].severity,
            limit=None if cleared else rule.levels[level].limit,
            value=1.0,
            at_ms=self.now_ms,
            fired_ms=self.now_ms,
        )
        self.carry_out(Products(transitions=self.book.apply(finding, rule, self.roster, self.now_ms)))

    def ask(self, request: object) -> Products:
        section = self.tests if isinstance(request, ProofTests.requests) else self.suppressions
        return self.carry_out(section.request(request, self.now_ms))

    def wait(self, ms: int) -> None:
        end = self.now_ms + ms
        while True:
            due = [(section.due_ms(), section) for section in (self.suppressions, self.tests) if section.due_ms() is not None]
            moment, section = min(due, key=lambda entry: entry[0], default=(None, None))
            if moment is None or section is None or moment > end:
                break
            self.now_ms = max(self.now_ms, moment)
            self.carry_out(section.due(moment))
            assert section.due_ms() is None or section.due_ms() > moment
        self.now_ms = end

    def alarm(self, rule: Rule = LEAK, device: str = "d1") -> Alarm | None:
        return self.book.find(rule.id, f"device:{device}" if rule is SILENT else f"point:{device}:{rule.metric}")

    def restart(self) -> None:
        """Everything through a snapshot."""
        book = msgspec.msgpack.decode(msgspec.msgpack.encode(self.book.dump()), type=type(self.book.dump()))
        states = [
            msgspec.msgpack.decode(msgspec.msgpack.encode(section.dump()), type=section.state_type)
            for section in (self.suppressions, self.tests)
        ]
        self.book.load(book)
        self.__post_init__()
        self.suppressions.load(states[0])
        self.tests.load(states[1])


@pytest.fixture
def watch() -> Watch:
    return Watch()


def take_out(watch: Watch, hours: float = 1, who: str = "u1", **target: object) -> str:
    given_for = target or {"device_id": "d1"}
    products = watch.ask(TakeOut(who=who, reason="repair", until_ms=watch.now_ms + round(hours * HOUR), **given_for))  # type: ignore[arg-type]
    return products.facts[0].id


def shelve(watch: Watch, ms: int = HOUR, **more: object) -> None:
    alarm = watch.alarm()
    assert alarm is not None
    watch.ask(Shelve(alarm_id=alarm.id, who="u1", until_ms=watch.now_ms + ms, reason="known", **more))  # type: ignore[arg-type]


# -- every set of reasons, in every order --------------------------------------------------------------------------------


class Reasons:
    """Each kind of suppression that an alarm of silence can be under, begun and ended."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.ids: dict[str, str] = {}

    def begin(self, kind: str) -> None:
        watch = self.watch
        match kind:
            case "shelved":
                alarm = watch.alarm(SILENT)
                assert alarm is not None
                watch.ask(Shelve(alarm_id=alarm.id, who="u1", until_ms=watch.now_ms + HOUR, reason="known"))
            case "out_of_service":
                self.ids[kind] = take_out(watch)
            case "proof_test":
                wish = BeginTest(who="u1", until_ms=watch.now_ms + HOUR, reason="yearly", device_id="d1")
                self.ids[kind] = watch.ask(wish).facts[0].id
            case "inhibited":
                watch.find(Edge.RAISED, rule=SILENT, device="gw")

    def end(self, kind: str) -> None:
        watch = self.watch
        match kind:
            case "shelved":
                alarm = watch.alarm(SILENT)
                assert alarm is not None
                watch.ask(Unshelve(alarm_id=alarm.id, who="u1"))
            case "out_of_service":
                watch.ask(EndOut(out_id=self.ids[kind], who="u1"))
            case "proof_test":
                watch.ask(EndTest(test_id=self.ids[kind], who="u1"))
            case "inhibited":
                watch.find(Edge.CLEARED, rule=SILENT, device="gw")


ALL = ("out_of_service", "proof_test", "shelved", "inhibited")
SETS = list(chain.from_iterable(permutations(chosen) for size in range(5) for chosen in combinations(ALL, size)))


@pytest.mark.parametrize("order", SETS, ids=lambda order: "+".join(order) or "none")
def test_an_alarm_is_suppressed_while_any_reason_stands_and_shows_the_strongest(watch: Watch, order: tuple[str, ...]) -> None:
    reasons = Reasons(watch)
    if "proof_test" in order:
        reasons.begin("proof_test")  # it is for what is raised during it
    watch.find(Edge.RAISED, rule=SILENT)
    for kind in order:
        if kind != "proof_test":
            reasons.begin(kind)
    standing = set(order)
    for ended in (None, *reversed(order)):
        if ended is not None:
            reasons.end(ended)
            standing.discard(ended)
            watch.restart()
        alarm = watch.alarm(SILENT)
        assert alarm is not None
        assert {why.kind for why in standing_on(alarm)} == standing
        assert (alarm.attention is Attention.SUPPRESSED) == bool(standing)
        assert alarm.is_test == ("proof_test" in standing)
        if standing:
            strongest = min(standing, key=KINDS.index)
            assert alarm.suppression is not None
            assert alarm.suppression.kind == strongest
            assert isa_state(alarm) == {"out_of_service": "I", "shelved": "G"}.get(strongest, "H")
            assert all(why.reason and why.reason_zh for why in standing_on(alarm))
        else:
            assert (alarm.suppression, isa_state(alarm)) == (None, "B")
    if order:
        assert watch.signals[-1][1] is Signal.UNSUPPRESSED, "the last one's end brings it back"


# -- shelves -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phrase", "level", "rule", "ms", "allowed"),
    [
        ("P3 for a shift", 0, LEAK, 8 * HOUR, True),
        ("P3 for longer", 0, LEAK, 8 * HOUR + 1, False),
        ("P2 for two hours", 1, LEAK, 2 * HOUR, True),
        ("P2 for longer", 1, LEAK, 2 * HOUR + 1, False),
        ("P1 never", 2, LEAK, MINUTE, False),
        ("gas never, however mild", 0, GAS, MINUTE, False),
        ("until a time that is over", 0, LEAK, 0, False),
    ],
)
def test_how_long_an_alarm_may_be_shelved(watch: Watch, phrase: str, level: int, rule: Rule, ms: int, allowed: bool) -> None:
    watch.find(Edge.RAISED, level, rule)
    alarm = watch.alarm(rule)
    assert alarm is not None
    wish = Shelve(alarm_id=alarm.id, who="u1", until_ms=watch.now_ms + ms, reason="known")
    if allowed:
        watch.ask(wish)
        after = watch.alarm(rule)
        assert after is not None
        assert isa_state(after) == "G", phrase
        return
    with pytest.raises(SuppressionRefused) as refusal:
        watch.ask(wish)
    assert refusal.value.text_zh
    assert watch.alarm(rule) == alarm, phrase


def test_a_shelf_needs_a_reason_and_an_open_alarm(watch: Watch) -> None:
    watch.find(Edge.RAISED)
    alarm = watch.alarm()
    assert alarm is not None
    with pytest.raises(SuppressionRefused, match="reason"):
        watch.ask(Shelve(alarm_id=alarm.id, who="u1", until_ms=watch.now_ms + MINUTE, reason="  "))
    with pytest.raises(AlarmError, match="no open alarm"):
        watch.ask(Shelve(alarm_id="nobody", who="u1", until_ms=watch.now_ms + MINUTE, reason="known"))
    with pytest.raises(SuppressionRefused, match="not shelved"):
        watch.ask(Unshelve(alarm_id=alarm.id, who="u1"))


def test_a_shelf_returns_by_itself_and_calls_again_at_its_millisecond(watch: Watch) -> None:
    watch.find(Edge.RAISED)
    shelve(watch, 90 * MINUTE)
    watch.wait(90 * MINUTE - 1)
    assert watch.alarm().attention is Attention.SUPPRESSED  # type: ignore[union-attr]
    watch.wait(1)
    alarm = watch.alarm()
    assert alarm is not None
    assert (alarm.attention, alarm.asked_ms) == (Attention.UNACKNOWLEDGED, watch.now_ms)
    assert not list(watch.suppressions.standing())


def test_a_shelf_covers_what_is_raised_again_meanwhile_and_what_ends_quietly_is_recorded(watch: Watch) -> None:
    watch.find(Edge.RAISED)
    shelve(watch)
    watch.find(Edge.CLEARED)
    assert watch.alarm() is None, "a shelved alarm whose condition is over ends"
    watch.wait(MINUTE)
    watch.find(Edge.RAISED)
    alarm = watch.alarm()
    assert alarm is not None
    assert alarm.attention is Attention.SUPPRESSED
    watch.find(Edge.RAISED, device="d2")
    assert watch.alarm(device="d2").attention is Attention.UNACKNOWLEDGED, "another subject was not shelved"  # type: ignore[union-attr]


def test_a_one_shot_shelf_ends_with_its_occurrence(watch: Watch) -> None:
    watch.find(Edge.RAISED)
    shelve(watch, one_shot=True)
    watch.find(Edge.CLEARED)
    watch.find(Edge.RAISED)
    assert watch.alarm().attention is Attention.UNACKNOWLEDGED  # type: ignore[union-attr]
    watch.find(Edge.CLEARED)
    with pytest.raises(SuppressionRefused, match="over already"):
        shelve(watch, one_shot=True)


def test_a_rise_to_critical_breaks_a_shelf_before_it_calls(watch: Watch) -> None:
    watch.find(Edge.RAISED)
    shelve(watch)
    watch.find(Edge.STEPPED, 2)
    alarm = watch.alarm()
    assert alarm is not None
    assert (alarm.severity, alarm.attention, alarm.suppression) == (Severity.CRITICAL, Attention.UNACKNOWLEDGED, None)
    assert [signal for _, signal in watch.signals[-2:]] == [Signal.UNSUPPRESSED, Signal.STEPPED_UP]
    assert not list(watch.suppressions.standing())
    watch.find(Edge.STEPPED, 0)
    assert watch.alarm().attention is Attention.UNACKNOWLEDGED, "it does not come back"  # type: ignore[union-attr]


def test_a_critical_raise_of_what_was_shelved_while_normal_calls(watch: Watch) -> None:
    watch.find(Edge.RAISED)
    watch.find(Edge.CLEARED)
    shelve(watch)
    assert watch.alarm().condition is Condition.NORMAL  # type: ignore[union-attr]
    watch.find(Edge.RAISED, 2)
    assert watch.alarm().attention is Attention.UNACKNOWLEDGED  # type: ignore[union-attr]


def test_a_rise_to_p2_shortens_a_shelf_to_two_hours_from_its_beginning(watch: Watch) -> None:
    watch.find(Edge.RAISED)
    shelve(watch, 8 * HOUR)
    watch.wait(HOUR)
    watch.find(Edge.STEPPED, 1)
    watch.wait(HOUR - 1)
    assert watch.alarm().attention is Attention.SUPPRESSED  # type: ignore[union-attr]
    watch.wait(1)
    assert watch.alarm().attention is Attention.UNACKNOWLEDGED  # type: ignore[union-attr]


def test_a_rise_to_p2_after_two_hours_on_the_shelf_ends_it(watch: Watch) -> None:
    watch.find(Edge.RAISED)
    shelve(watch, 8 * HOUR)
    watch.wait(3 * HOUR)
    watch.find(Edge.STEPPED, 1)
    assert watch.alarm().attention is Attention.UNACKNOWLEDGED  # type: ignore[union-attr]


def test_shelving_again_does_not_stretch_the_limit(watch: Watch) -> None:
    watch.find(Edge.RAISED)
    shelve(watch, 8 * HOUR)
    watch.wait(4 * HOUR)
    with pytest.raises(SuppressionRefused):
        shelve(watch, 5 * HOUR)
    shelve(watch, 2 * HOUR)
    watch.wait(2 * HOUR)
    assert watch.alarm().attention is Attention.UNACKNOWLEDGED  # type: ignore[union-attr]


# -- out of service ------------------------------------------------------------------------------------------------------


def test_out_of_service_is_for_the_kinds_and_the_zone_that_it_was_given_for(watch: Watch) -> None:
    take_out(watch, zone_id="z1", kinds=("electrical",))
    watch.find(Edge.RAISED)
    watch.find(Edge.RAISED, rule=GAS)
    watch.find(Edge.RAISED, device="d2")
    states = {(a.kind, a.zone_id): a.attention for a in watch.book.open.values()}
    assert states == {
        ("electrical", "z1"): Attention.SUPPRESSED,
        ("gas", "z1"): Attention.UNACKNOWLEDGED,
        ("electrical", "z2"): Attention.UNACKNOWLEDGED,
    }
    watch.wait(HOUR)
    assert {a.attention for a in watch.book.open.values()} == {Attention.UNACKNOWLEDGED}


def test_one_rule_on_one_subject_is_taken_out(watch: Watch) -> None:
    take_out(watch, rule_id="leak", subject="point:d1:leakage_ma")
    watch.find(Edge.RAISED, 2)
    watch.find(Edge.RAISED, rule=GAS)
    assert isa_state(watch.alarm()) == "I", "also a critical one"  # type: ignore[arg-type]
    assert watch.alarm(GAS).attention is Attention.UNACKNOWLEDGED  # type: ignore[union-attr]


def test_over_24_h_it_stands_only_when_a_second_person_approves(watch: Watch) -> None:
    watch.find(Edge.RAISED)
    out_id = take_out(watch, 25)
    assert watch.alarm().attention is Attention.UNACKNOWLEDGED  # type: ignore[union-attr]
    with pytest.raises(SuppressionRefused, match="second person"):
        watch.ask(ApproveOut(out_id=out_id, who="u1"))
    watch.ask(ApproveOut(out_id=out_id, who="u2"))
    assert isa_state(watch.alarm()) == "I"  # type: ignore[arg-type]
    with pytest.raises(SuppressionRefused, match="nothing waits"):
        watch.ask(ApproveOut(out_id=out_id, who="u3"))


def test_one_that_nobody_approves_lapses(watch: Watch) -> None:
    out_id = take_out(watch, 25)
    watch.wait(25 * HOUR)
    assert watch.facts["out_of_service", out_id].state == "lapsed"  # type: ignore[attr-defined]


def test_24_h_are_not_stretched_by_asking_again(watch: Watch) -> None:
    take_out(watch, 24)
    watch.wait(24 * HOUR + 30 * MINUTE)
    second = take_out(watch, 1)
    assert watch.facts["out_of_service", second].state == "asked"  # type: ignore[attr-defined]
    watch.wait(6 * HOUR)
    third = take_out(watch, 24)
    assert watch.facts["out_of_service", third].state == "standing", "after a rest it may be"  # type: ignore[attr-defined]


def test_a_planned_one_begins_and_ends_at_its_time(watch: Watch) -> None:
    watch.find(Edge.RAISED)
    begins = watch.now_ms + HOUR
    watch.ask(TakeOut(who="u1", reason="works", from_ms=begins, until_ms=begins + HOUR, device_id="d1"))
    watch.wait(HOUR - 1)
    assert watch.alarm().attention is Attention.UNACKNOWLEDGED  # type: ignore[union-attr]
    watch.wait(1)
    assert watch.alarm().attention is Attention.SUPPRESSED  # type: ignore[union-attr]
    watch.wait(HOUR)
    assert watch.alarm().attention is Attention.UNACKNOWLEDGED  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "given_for",
    [
        {},
        {"device_id": "nobody"},
        {"zone_id": "z1"},
        {"zone_id": "nowhere", "kinds": ("gas",)},
        {"device_id": "d1", "zone_id": "z1", "kinds": ("gas",)},
        {"rule_id": "leak", "subject": "point:nobody:x"},
        {"device_id": "d1", "reason": " "},
        {"device_id": "d1", "until_ms": T0},
        {"device_id": "d1", "until_ms": T0 + 91 * 24 * HOUR},
    ],
)
def test_what_cannot_be_taken_out_is_refused_in_both_languages(watch: Watch, given_for: dict[str, object]) -> None:
    wish = {"who": "u1", "reason": "works", "until_ms": T0 + HOUR, **given_for}
    with pytest.raises(SuppressionRefused) as refusal:
        watch.ask(TakeOut(**wish))  # type: ignore[arg-type]
    assert refusal.value.text_zh
    assert not list(watch.suppressions.standing())


def test_it_is_taken_out_once_and_ends_with_its_device(watch: Watch) -> None:
    take_out(watch)
    with pytest.raises(SuppressionRefused, match="already"):
        take_out(watch)
    watch.roster.remove("device", "d1")
    watch.carry_out(watch.suppressions.configured("device", "d1", watch.now_ms))
    assert not list(watch.suppressions.standing())


# -- proof tests ---------------------------------------------------------------------------------------------------------


def begin_test(watch: Watch, **place: str) -> str:
    wish = BeginTest(who="u1", until_ms=watch.now_ms + HOUR, reason="yearly", **(place or {"zone_id": "z1"}))
    return watch.ask(wish).facts[0].id


def test_a_test_keeps_each_detectors_answer_and_its_time(watch: Watch) -> None:
    test_id = begin_test(watch)
    watch.wait(5_000)
    watch.ask(MarkApplied(test_id=test_id, who="u1", device_id="d1"))
    watch.wait(4_000)
    watch.find(Edge.RAISED, 1)
    (item,) = watch.facts["proof_test", test_id].body.items  # type: ignore[attr-defined]
    assert (item.device_id, item.response_ms, item.metric, item.responses) == ("d1", 4_000, "leakage_ma", 1)
    (record,) = [fact for (kind, _), fact in watch.facts.items() if kind == "proof_record"]
    assert (record.subject, record.state) == ("device:d1", "passed")  # type: ignore[attr-defined]


def test_who_has_not_answered_is_recorded_at_the_end(watch: Watch) -> None:
    begin_test(watch)
    watch.wait(HOUR)
    (record,) = [fact for (kind, _), fact in watch.facts.items() if kind == "proof_record"]
    assert (record.subject, record.state) == ("device:d1", "no_response")  # type: ignore[attr-defined]


def test_what_stood_before_the_test_goes_on_calling_and_what_is_elsewhere_stays_live(watch: Watch) -> None:
    watch.find(Edge.RAISED, 2)
    watch.wait(1)
    begin_test(watch)
    watch.find(Edge.RAISED, 2, device="d2")
    watch.find(Edge.RAISED, rule=GAS)
    found = {(a.rule_id, a.device_id): (a.attention, a.is_test) for a in watch.book.open.values()}
    assert found == {
        ("leak", "d1"): (Attention.UNACKNOWLEDGED, False),
        ("leak", "d2"): (Attention.UNACKNOWLEDGED, False),
        ("gas", "d1"): (Attention.SUPPRESSED, True),
    }


def test_what_a_test_raised_and_is_over_ends_as_a_test_and_what_is_still_in_alarm_calls(watch: Watch) -> None:
    latched = replace(LEAK, id="latched", latched=True)
    test_id = begin_test(watch)
    watch.find(Edge.RAISED, 2, latched)
    watch.find(Edge.CLEARED, rule=latched)
    watch.find(Edge.RAISED, 2)
    over = watch.alarm(latched)
    assert over is not None
    watch.ask(EndTest(test_id=test_id, who="u1"))
    assert watch.book.get(over.id).verdict is Verdict.TEST  # type: ignore[union-attr]
    assert over.id not in watch.book.open
    assert over.id not in watch.book.owing, "nobody owes a verdict on a test"
    alarm = watch.alarm()
    assert alarm is not None
    assert (alarm.attention, alarm.is_test) == (Attention.UNACKNOWLEDGED, False)


def test_a_test_lasts_at_most_a_shift_and_is_not_begun_twice(watch: Watch) -> None:
    with pytest.raises(SuppressionRefused, match="within 8 h"):
        watch.ask(BeginTest(who="u1", until_ms=watch.now_ms + 8 * HOUR + 1, reason="yearly", zone_id="z1"))
    begin_test(watch)
    with pytest.raises(SuppressionRefused, match="already"):
        begin_test(watch)
    with pytest.raises(SuppressionRefused, match="already"):
        begin_test(watch, device_id="d1")
    with pytest.raises(SuppressionRefused, match="one zone or one device"):
        watch.ask(BeginTest(who="u1", until_ms=watch.now_ms + HOUR, reason="yearly"))


# -- any life ------------------------------------------------------------------------------------------------------------

ACTS = st.sampled_from(
    ["raise0", "raise1", "raise2", "clear", "ack", "reset", "shelve", "unshelve", "out", "in", "test", "end", "wait", "restart"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(ACTS, max_size=25), st.booleans())
def test_whatever_happens_an_alarm_calls_unless_something_given_for_it_stands(acts: list[str], latched: bool) -> None:
    watch, rule = Watch(), replace(LEAK, latched=latched)
    out_ids: list[str] = []
    test_ids: list[str] = []
    for act in acts:
        alarm = watch.alarm()
        try:
            match act:
                case "raise0" | "raise1" | "raise2":
                    level = int(act[-1])
                    watch.find(Edge.STEPPED if alarm and alarm.condition is Condition.ACTIVE else Edge.RAISED, level, rule)
                case "clear":
                    watch.find(Edge.CLEARED, rule=rule)
                case "ack" if alarm:
                    watch.carry_out(Products(transitions=watch.book.request(Acknowledge(alarm_ids=(alarm.id,), who="u"), watch.now_ms)))
                case "reset" if alarm:
                    watch.carry_out(Products(transitions=watch.book.request(Reset(alarm_ids=(alarm.id,), who="u"), watch.now_ms)))
                case "shelve" if alarm:
                    shelve(watch, 2 * HOUR)
                case "unshelve" if alarm:
                    watch.ask(Unshelve(alarm_id=alarm.id, who="u1"))
                case "out":
                    out_ids.append(take_out(watch))
                case "in" if out_ids:
                    watch.ask(EndOut(out_id=out_ids[-1], who="u1"))
                case "test":
                    test_ids.append(begin_test(watch))
                case "end" if test_ids:
                    watch.ask(EndTest(test_id=test_ids[-1], who="u1"))
                case "wait":
                    watch.wait(20 * MINUTE)
                case "restart":
                    watch.restart()
        except AlarmError:
            pass
        watch.wait(1)
        for open_one in watch.book.open.values():
            causes = [*watch.suppressions.causes(open_one), *watch.tests.causes(open_one)]
            suppressed = open_one.attention is Attention.SUPPRESSED
            assert suppressed == bool(open_one.suppressions) == (open_one.suppression is not None)
            if open_one.condition is Condition.ACTIVE:
                assert set(open_one.suppressions) == set(causes), "active: exactly what stands for it"
            assert set(open_one.suppressions) <= set(causes), "never anything that does not stand"
            if open_one.severity is Severity.CRITICAL:
                assert all(why.kind != "shelved" for why in open_one.suppressions)
            assert open_one.is_test == any(why.kind == "proof_test" for why in open_one.suppressions)
