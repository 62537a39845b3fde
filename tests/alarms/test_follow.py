"""Linkages: what fires, what does not, and that each says why."""

from dataclasses import replace

import pytest

from alarms.follow import follow
from alarms.linkage import CutWanted, HazardWanted, Linkage, NotifyWanted
from alarms.model import Attention, Condition, Signal, Suppression, Verdict
from alarms.requests import Acknowledge, Judge, Reset
from alarms.service_alarms import ServiceRaise
from alarms.suppression import KINDS as SUPPRESSIONS
from rules.model import Severity

CUT = Linkage(id="cut", name="联动断电", name_en="Cut", kinds=("gas",), cut="automatic", triggers=2, min_severity=Severity.HIGH)
NOTIFY = Linkage(id="notify", name="通知", notify=("a@example.invalid", "b@example.invalid", "a@example.invalid"))
OFFER = Linkage(id="offer", name="提示", kinds=("gas",), cut="offer")
HAZARD = Linkage(id="hazard", name="隐患", on=("raised",), hazard=True, hazard_after=3)


def run(desk, transition, *linkages):
    return follow(linkages, transition, desk.book, desk.roster)


def test_one_message_for_one_change_to_each_address_once(desk):
    intents, (firing,) = run(desk, desk.raised(), NOTIFY)
    assert [i.to for i in intents] == ["a@example.invalid", "b@example.invalid"]
    assert len({i.key for i in intents}) == 2
    assert (firing.fired, firing.code, firing.reason) == (True, "fired", "notify 2")
    assert firing.reason_zh
    stepped, _ = run(desk, desk.stepped(1, 55.0), NOTIFY)
    assert not {i.key for i in stepped} & {i.key for i in intents}, "another change, another message"


def test_the_same_transition_gives_the_same_keys(desk):
    transition = desk.raised()
    assert run(desk, transition, NOTIFY, CUT) == run(desk, transition, CUT, NOTIFY)


def test_an_automatic_cut_waits_for_the_second_detector(desk):
    intents, (firing,) = run(desk, desk.raised(), CUT)
    assert intents == []
    assert (firing.fired, firing.code, firing.reason) == (False, "triggers_missing", "1 of 2 independent triggers in the zone")
    elsewhere, _ = run(desk, desk.raised(device="g3"), CUT)
    assert elsewhere == [], "a detector of another zone is no second trigger"
    intents, (firing,) = run(desk, desk.raised(device="g2"), CUT)
    assert firing.fired
    assert {i.circuit_id for i in intents} == {"c-night_off", "c-use"}
    assert all(isinstance(i, CutWanted) and i.alarm_seq == 1 for i in intents)


def test_two_points_of_one_detector_are_one_trigger(desk, gas):
    desk.raised()
    other = replace(gas, id="gas-bit", metric="gas_alarm")
    intents, (firing,) = run(desk, desk.raised(rule=other), CUT)
    assert intents == []
    assert firing.code == "triggers_missing"


def test_what_a_linkage_leaves_on_is_named_with_its_class(desk):
    desk.raised()
    _, (firing,) = run(desk, desk.raised(device="g2"), CUT)
    for circuit_class in ("fire", "life", "permit_24h", "manual", "unclassified"):
        assert f"C {circuit_class} ({circuit_class})" in firing.reason


def test_a_latched_trigger_counts_until_it_is_reset(desk):
    first = desk.raised().alarm.id
    desk.cleared()
    desk.ask(Acknowledge(alarm_ids=(first,), who="u"))
    intents, _ = run(desk, desk.raised(device="g2"), CUT)
    assert intents
    desk.ask(Reset(alarm_ids=(first,), who="u"))
    intents, (firing,) = run(desk, desk.stepped(1, 60.0, device="g2"), CUT)
    assert intents == []
    assert firing.code == "triggers_missing"


@pytest.mark.parametrize("linkage", [CUT, NOTIFY, OFFER, HAZARD], ids=lambda linkage: linkage.id)
def test_a_late_alarm_starts_nothing_and_says_so(desk, linkage):
    desk.raised(device="g2")
    intents, (firing,) = run(desk, desk.raised(is_late=True), linkage)
    assert intents == []
    assert (firing.fired, firing.code) == (False, "late")


def test_late_and_test_alarms_are_no_second_trigger(desk):
    desk.raised(is_late=True)
    intents, _ = run(desk, desk.raised(device="g2"), CUT)
    assert intents == []


def test_an_alarm_of_a_device_in_test_starts_nothing(desk):
    transition = desk.raised()
    transition = replace(transition, alarm=replace(transition.alarm, is_test=True))
    intents, (firing,) = run(desk, transition, NOTIFY)
    assert intents == []
    assert firing.code == "test"


def test_an_offer_cuts_nothing_and_shows_that_it_was_made(desk):
    intents, (firing,) = run(desk, desk.raised(), replace(OFFER, notify=("a@example.invalid",)))
    assert [type(i) for i in intents] == [NotifyWanted]
    assert (firing.fired, firing.code) == (True, "offered")


@pytest.mark.parametrize(
    ("phrase", "change"),
    [
        ("disabled", {"enabled": False}),
        ("another kind", {"kinds": ("smoke",)}),
        ("another site", {"sites": ("s2",)}),
        ("another zone", {"zones": ("hall",)}),
        ("too mild", {"min_severity": Severity.CRITICAL}),
        ("another signal", {"on": ("cleared",)}),
    ],
)
def test_what_the_filters_leave_out_is_not_even_mentioned(desk, phrase, change):
    assert run(desk, desk.raised(), replace(NOTIFY, **change)) == ([], []), phrase


def test_the_verdict_true_is_a_signal_of_its_own(desk):
    alarm_id = desk.raised().alarm.id
    linkage = replace(NOTIFY, on=("judged_true",))
    (false,) = desk.ask(Judge(alarm_id=alarm_id, who="u", verdict=Verdict.FALSE))
    assert run(desk, false, linkage) == ([], [])
    (true,) = desk.ask(Judge(alarm_id=alarm_id, who="u", verdict=Verdict.TRUE))
    assert run(desk, true, linkage)[1][0].fired


def test_a_hazard_is_wanted_once_the_alarm_repeats(desk, warm):
    wanted = []
    for n in range(1, 6):
        transition = desk.raised(rule=warm)
        intents, (firing,) = run(desk, transition, HAZARD)
        wanted.append([type(i) for i in intents])
        assert firing.fired == (n >= 3)
        if n < 3:
            assert firing.code == "hazard_waiting"
            assert f"number {n}" in firing.reason
        desk.cleared(rule=warm)
        if n == 2:  # ended and begun anew: the subject's occurrences count on
            desk.ask(Acknowledge(alarm_ids=(transition.alarm.id,), who="u"))
        desk.wait(1_000)
    assert wanted == [[], [], [HazardWanted], [HazardWanted], [HazardWanted]]


def test_the_key_of_a_hazard_stays_the_same_for_one_alarm(desk, warm):
    once = replace(HAZARD, hazard_after=1)
    (first,), _ = run(desk, desk.raised(rule=warm), once)
    desk.cleared(rule=warm)
    (second,), _ = run(desk, desk.raised(rule=warm), once)
    assert first.key == second.key


def test_thirty_quiet_days_start_the_count_of_occurrences_anew(desk, warm):
    for _ in range(3):
        transition = desk.raised(rule=warm)
        desk.cleared(rule=warm)
        desk.ask(Acknowledge(alarm_ids=(transition.alarm.id,), who="u"))
        desk.wait(30 * 24 * 3_600_000)
    assert desk.book.occurrences(transition.alarm) == 1


def test_the_services_own_alarms_cut_nothing_but_notify(desk):
    wish = ServiceRaise(code="power_not_proved", subject="circuit:k", site_id="s1", zone_id="kitchen", device_id="g1")
    (transition,) = desk.book.raise_service(wish, desk.roster, desk.now_ms)
    linkage = replace(CUT, kinds=("power",), triggers=1)
    intents, (firing,) = run(desk, transition, linkage)
    assert intents == []
    assert (firing.fired, firing.code) == (False, "service_alarm")
    assert run(desk, transition, NOTIFY)[0]


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("late", {"is_late": True}),
        ("test", {"is_test": True}),
        *[
            ("suppressed", {"attention": Attention.SUPPRESSED, "suppression": Suppression(kind=kind, reason="r", reason_zh="因")})
            for kind in SUPPRESSIONS
        ],
    ],
)
@pytest.mark.parametrize("signal", [Signal.RAISED, Signal.STEPPED_UP, Signal.ACKNOWLEDGED, Signal.CLEARED])
def test_what_is_late_tested_or_suppressed_starts_nothing_and_says_why(desk, code, changed, signal):
    raised = desk.raised(1, 60.0)
    transition = replace(raised, signal=signal, alarm=replace(raised.alarm, **changed))
    linkages = [replace(each, on=("raised", "stepped_up", "acknowledged", "cleared"), triggers=1) for each in (NOTIFY, CUT, OFFER, HAZARD)]
    intents, firings = run(desk, transition, *linkages)
    assert intents == []
    assert {(firing.code, firing.fired) for firing in firings} == {(code, False)}
    assert all(firing.reason and firing.reason_zh for firing in firings)


@pytest.mark.parametrize("signal", [Signal.UNSUPPRESSED, Signal.UPHELD])
@pytest.mark.parametrize(("condition", "starts"), [(Condition.ACTIVE, True), (Condition.NORMAL, False)])
def test_calling_for_the_first_time_starts_what_being_raised_would(desk, signal, condition, starts):
    raised = desk.raised(1, 60.0)
    transition = replace(raised, signal=signal, alarm=replace(raised.alarm, condition=condition))
    intents, _ = run(desk, transition, replace(NOTIFY, on=("raised",)))
    assert bool(intents) == starts


@pytest.mark.parametrize("signal", [Signal.REALARMED, Signal.WITHDRAWN, Signal.SUPPRESSED, Signal.PROGRESSED])
def test_asking_again_or_going_quiet_starts_no_linkage_anew(desk, signal):
    raised = desk.raised(1, 60.0)
    assert run(desk, replace(raised, signal=signal), NOTIFY, CUT) == ([], [])
