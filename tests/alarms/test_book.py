"""The book: exactly one open alarm for a rule and subject, however findings and people meet."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alarms.book as book_module
from alarms.book import Book, BookState
from alarms.errors import AlarmError, IllegalTransition, UnknownAlarm
from alarms.lifecycle import isa_state
from alarms.model import Attention, Condition, Signal, Verdict
from alarms.requests import Acknowledge, Assign, Judge, LinkHazard, Note, Progress, Reset
from alarms.service_alarms import SERVICE_ALARMS, ServiceClear, ServiceRaise
from rules.findings import Edge
from rules.model import Severity


def ack(*ids, who="u1", note=""):
    return Acknowledge(alarm_ids=ids, who=who, note=note)


def test_a_finding_raises_an_alarm_with_the_names_of_its_place(desk):
    transition = desk.raised(value=27.0)
    alarm = transition.alarm
    assert (transition.signal, transition.before, transition.at_ms) == (Signal.RAISED, "", desk.now_ms)
    assert (alarm.site_name, alarm.zone_name, alarm.device_name, alarm.unit, alarm.kind) == ("Mall", "Kitchen", "Gas g1", "%LEL", "gas")
    assert (alarm.point_id, alarm.subject, alarm.rule_version) == ("g1:lel", "point:g1:lel", 3)
    assert (alarm.raised_ms, alarm.arrived_ms) == (desk.now_ms - 5, desk.now_ms)
    assert isa_state(alarm) == "B"
    assert alarm.needs_reset


def test_the_same_cause_gives_the_same_id(desk):
    assert desk.raised().alarm.id == type(desk)().raised().alarm.id


def test_a_second_raise_while_open_changes_nothing(desk):
    desk.raised()
    assert desk.find(Edge.RAISED, 0, 28.0) == []
    assert desk.open_one().seq == 1


def test_a_clear_without_an_alarm_is_nothing(desk):
    assert desk.find(Edge.CLEARED, -1, 1.0) == []


def test_a_step_up_asks_for_attention_again_and_forgets_who_took_the_milder_one(desk):
    alarm = desk.raised().alarm
    desk.ask(ack(alarm.id))
    transition = desk.stepped(1, 52.0)
    assert transition.signal is Signal.STEPPED_UP
    assert transition.before == "active/acknowledged"
    assert transition.alarm.severity is Severity.CRITICAL
    assert transition.alarm.attention is Attention.UNACKNOWLEDGED
    assert (transition.alarm.acknowledged_by, transition.alarm.acknowledged_ms) == (None, None)


def test_a_step_down_keeps_attention_and_the_peak(desk):
    alarm = desk.raised(1, 60.0).alarm
    desk.ask(ack(alarm.id))
    after = desk.stepped(0, 30.0).alarm
    assert (after.severity, after.attention, after.peak_value, after.value) == (Severity.HIGH, Attention.ACKNOWLEDGED, 60.0, 30.0)


def test_acknowledging_never_clears_and_resetting_never_works_while_active(desk):
    alarm = desk.raised().alarm
    (transition,) = desk.ask(ack(alarm.id, note="going"))
    assert transition.alarm.condition is Condition.ACTIVE
    assert (transition.alarm.acknowledged_by, transition.alarm.acknowledged_ms, transition.note) == ("u1", desk.now_ms, "going")
    with pytest.raises(IllegalTransition, match="still active"):
        desk.ask(Reset(alarm_ids=(alarm.id,), who="u1"))


def test_a_latched_alarm_stays_until_acknowledged_and_reset(desk):
    alarm_id = desk.raised().alarm.id
    assert isa_state(desk.cleared().alarm) == "E"
    with pytest.raises(IllegalTransition, match="acknowledge it first"):
        desk.ask(Reset(alarm_ids=(alarm_id,), who="u1"))
    desk.ask(ack(alarm_id))
    assert isa_state(desk.open_one()) == "F"
    desk.wait(1_000)
    (ended,) = desk.ask(Reset(alarm_ids=(alarm_id,), who="u1"))
    assert ended.alarm.ended_ms == desk.now_ms
    assert not ended.alarm.needs_reset
    assert not desk.book.open


def test_an_unlatched_alarm_ends_by_clearing_once_acknowledged(desk, warm):
    alarm_id = desk.raised(rule=warm).alarm.id
    desk.ask(ack(alarm_id))
    assert desk.cleared(rule=warm).alarm.ended_ms == desk.now_ms
    assert not desk.book.open


def test_a_cleared_unacknowledged_alarm_that_returns_is_the_same_with_one_more(desk, warm):
    alarm_id = desk.raised(rule=warm).alarm.id
    desk.cleared(rule=warm)
    desk.wait(60_000)
    again = desk.raised(rule=warm).alarm
    assert (again.id, again.count, again.cleared_ms, again.attention) == (alarm_id, 2, None, Attention.UNACKNOWLEDGED)


def test_an_alarm_that_ended_and_returns_is_another(desk, warm):
    first = desk.raised(rule=warm).alarm.id
    desk.cleared(rule=warm)
    desk.ask(ack(first))
    second = desk.raised(rule=warm).alarm
    assert second.id != first, "also when it returns in the very same millisecond"
    assert second.count == 1
    assert desk.book.occurrences(second) == 2


def test_acknowledging_twice_says_by_whom_and_when(desk):
    alarm_id = desk.raised().alarm.id
    desk.ask(ack(alarm_id, who="wang"))
    with pytest.raises(IllegalTransition, match=r"wang acknowledged it already, at 2023-11-14T22:13:20Z"):
        desk.ask(ack(alarm_id, who="li"))


def test_many_are_acknowledged_together_or_not_at_all(desk):
    first, second = desk.raised().alarm.id, desk.raised(device="g2").alarm.id
    with pytest.raises(UnknownAlarm, match="nope"):
        desk.ask(ack(first, "nope", second))
    assert all(a.attention is Attention.UNACKNOWLEDGED for a in desk.book.open.values())
    desk.ask(ack(first))
    with pytest.raises(IllegalTransition, match=first):
        desk.ask(ack(second, first))
    assert desk.book.open[second].attention is Attention.UNACKNOWLEDGED
    third = desk.raised(device="g3").alarm.id
    assert [t.alarm.id for t in desk.ask(ack(third, second, third))] == [third, second]
    with pytest.raises(IllegalTransition, match="at least one"):
        desk.ask(ack())


def test_what_people_add_changes_no_state_and_counts_on(desk):
    alarm_id = desk.raised().alarm.id
    desk.ask(ack(alarm_id))
    before = isa_state(desk.open_one())
    for request, check in [
        (Note(alarm_id=alarm_id, who="u", note="smells"), lambda a: True),
        (Assign(alarm_id=alarm_id, who="u", assignee="li"), lambda a: a.assignee == "li"),
        (Progress(alarm_id=alarm_id, who="u", step="dispatched", whom="li", phone="139"), lambda a: a.progress == ("dispatched",)),
        (Progress(alarm_id=alarm_id, who="u", step="arrived"), lambda a: a.progress == ("dispatched", "arrived")),
        (Judge(alarm_id=alarm_id, who="u", verdict=Verdict.TRUE), lambda a: a.verdict is Verdict.TRUE),
        (LinkHazard(alarm_id=alarm_id, who="u", hazard_id="h1"), lambda a: a.hazard_id == "h1"),
    ]:
        seq = desk.open_one().seq
        (transition,) = desk.ask(request)
        assert transition.alarm.seq == seq + 1
        assert isa_state(transition.alarm) == before
        assert check(transition.alarm)


@pytest.mark.parametrize(
    ("request_of", "message"),
    [
        (lambda i: Note(alarm_id=i, who="u", note="  "), "needs some text"),
        (lambda i: Assign(alarm_id=i, who="u", assignee=""), "name of the person"),
        (lambda i: Progress(alarm_id=i, who="u", step="flown"), "dispatched, arrived"),
        (lambda i: LinkHazard(alarm_id=i, who="u", hazard_id=""), "its id"),
    ],
)
def test_senseless_requests_are_refused_with_what_would_do(desk, request_of, message):
    alarm_id = desk.raised().alarm.id
    with pytest.raises(IllegalTransition, match=message):
        desk.ask(request_of(alarm_id))
    assert desk.open_one().seq == 1


def end(desk, device="g1"):
    alarm_id = desk.raised(device=device).alarm.id
    desk.cleared(device=device)
    desk.ask(ack(alarm_id))
    desk.ask(Reset(alarm_ids=(alarm_id,), who="u"))
    return alarm_id


def test_an_ended_alarm_owes_its_verdict_until_it_has_one(desk):
    alarm_id = end(desk)
    assert list(desk.book.owing) == [alarm_id]
    with pytest.raises(IllegalTransition, match="ended"):
        desk.ask(ack(alarm_id))
    with pytest.raises(IllegalTransition, match="ended"):
        desk.ask(Assign(alarm_id=alarm_id, who="u", assignee="li"))
    (judged,) = desk.ask(Judge(alarm_id=alarm_id, who="u", verdict=Verdict.FALSE))
    assert judged.alarm.verdict is Verdict.FALSE
    assert not desk.book.owing
    assert alarm_id in desk.book.settled
    (linked,) = desk.ask(LinkHazard(alarm_id=alarm_id, who="u", hazard_id="h9"))
    assert linked.alarm.seq == judged.alarm.seq + 1
    assert linked.alarm.ended_ms is not None
    assert not desk.book.open


def test_ended_alarms_are_bounded_the_oldest_go_first(desk, monkeypatch):
    monkeypatch.setattr(book_module, "MOST_OWING", 2)
    ids = []
    for device in ("g1", "g2", "g3"):
        ids.append(end(desk, device))
        desk.wait(1)
    assert list(desk.book.owing) == ids[1:]
    with pytest.raises(UnknownAlarm, match=ids[0]):
        desk.ask(Judge(alarm_id=ids[0], who="u", verdict=Verdict.TRUE))


def test_a_late_alarm_is_late_until_a_live_edge(desk):
    assert desk.raised(is_late=True).alarm.is_late
    assert not desk.stepped(1, 55.0).alarm.is_late


def test_a_device_that_says_it_is_in_test_marks_its_alarms(desk):
    row = desk.roster.add_point("g1", "test")
    columns = desk.roster.columns
    columns.latest_values[row], columns.latest_taken_ms[row], columns.latest_arrived_ms[row] = 1.0, desk.now_ms, desk.now_ms
    assert desk.raised().alarm.is_test
    desk.wait(16 * 60_000)
    assert not desk.stepped(1, 55.0).alarm.is_test, "a flag not repeated for a quarter of an hour no longer counts"


def test_withdrawing_a_rule_returns_its_alarms_to_normal_for_people_to_end(desk, gas):
    alarm_id = desk.raised().alarm.id
    (transition,) = desk.book.withdraw(desk.now_ms, "rule deleted", rule_id=gas.id)
    assert (transition.signal, transition.note, isa_state(transition.alarm)) == (Signal.CLEARED, "rule deleted", "E")
    assert desk.book.withdraw(desk.now_ms, "rule deleted", rule_id=gas.id) == []
    assert alarm_id in desk.book.open


def test_service_alarms_live_the_same_life(desk):
    wish = ServiceRaise(code="power_not_proved", subject="circuit:k3", site_id="s1", zone_id="kitchen", note="still live")
    (raised,) = desk.book.raise_service(wish, desk.roster, desk.now_ms)
    assert (raised.alarm.rule_id, raised.alarm.zone_name, raised.alarm.severity) == ("service:power_not_proved", "Kitchen", Severity.HIGH)
    assert desk.book.raise_service(wish, desk.roster, desk.now_ms + 1) == []
    desk.ask(ack(raised.alarm.id))
    worse = ServiceRaise(code="power_not_proved", subject="circuit:k3", severity=Severity.CRITICAL)
    (stepped,) = desk.book.raise_service(worse, desk.roster, desk.now_ms)
    assert (stepped.signal, stepped.alarm.attention) == (Signal.STEPPED_UP, Attention.UNACKNOWLEDGED)
    assert desk.book.raise_service(wish, desk.roster, desk.now_ms) == [], "a milder wish takes nothing back"
    assert desk.book.has_critical("kitchen")
    clear = ServiceClear(code="power_not_proved", subject="circuit:k3", note="measured dead")
    (cleared,) = desk.book.clear_service(clear, desk.now_ms)
    assert isa_state(cleared.alarm) == "D"
    assert desk.book.clear_service(clear, desk.now_ms) == []
    (again,) = desk.book.raise_service(wish, desk.roster, desk.now_ms + 5)
    assert (again.alarm.id, again.alarm.count, again.alarm.severity) == (raised.alarm.id, 2, Severity.HIGH)


def test_every_service_alarm_has_both_names_and_says_what_to_do():
    for code, kind in SERVICE_ALARMS.items():
        assert kind.code == code
        assert kind.name
        assert kind.name_en
        assert kind.guidance
        assert kind.guidance_en


def test_critical_in_a_zone_counts_until_the_alarm_has_ended(desk):
    alarm_id = desk.raised(1, 55.0).alarm.id
    desk.cleared()
    desk.ask(ack(alarm_id))
    assert desk.book.has_critical("kitchen")
    assert not desk.book.has_critical("hall")
    desk.ask(Reset(alarm_ids=(alarm_id,), who="u"))
    assert not desk.book.has_critical("kitchen")


def test_a_dumped_book_goes_on_as_the_same(desk):
    end(desk)
    first = desk.raised(device="g2").alarm.id
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(desk.book.dump()), type=BookState)
    loaded = Book()
    loaded.load(state)
    assert loaded.dump() == desk.book.dump()
    assert [a.id for a in loaded.in_zone("kitchen")] == [first]
    desk.wait(10)
    request = ack(first)
    assert loaded.request(request, desk.now_ms) == desk.book.request(request, desk.now_ms)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["raise0", "raise1", "step0", "step1", "clear", "ack", "reset", "judge", "service", "service_clear"]),
        st.sampled_from(["g1", "g2"]),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_whatever_comes_there_is_one_open_alarm_a_subject_and_each_seq_once(new_desk, gas, warm, steps):
    desk = new_desk()
    seen: set[tuple[str, int]] = set()
    for name, device, latched in steps:
        rule = gas if latched else warm
        desk.wait(1)
        match name:
            case "raise0" | "raise1":
                transitions = desk.find(Edge.RAISED, int(name[-1]), 30.0, device, rule)
            case "step0" | "step1":
                transitions = desk.find(Edge.STEPPED, int(name[-1]), 30.0, device, rule)
            case "clear":
                transitions = desk.find(Edge.CLEARED, -1, 1.0, device, rule)
            case "service":
                transitions = desk.book.raise_service(ServiceRaise(code="order_rejected", subject=device), desk.roster, desk.now_ms)
            case "service_clear":
                transitions = desk.book.clear_service(ServiceClear(code="order_rejected", subject=device), desk.now_ms)
            case _:
                ids = tuple(desk.book.open)[:1]
                request = {
                    "ack": Acknowledge(alarm_ids=ids, who="u"),
                    "reset": Reset(alarm_ids=ids, who="u"),
                    "judge": Judge(alarm_id=(ids or ("none",))[0], who="u", verdict=Verdict.TRUE),
                }[name]
                try:
                    transitions = desk.ask(request)
                except AlarmError:
                    transitions = []
        for transition in transitions:
            name_of_it = (transition.alarm.id, transition.alarm.seq)
            assert name_of_it not in seen
            seen.add(name_of_it)
        alarms = list(desk.book.open.values())
        assert len({(a.rule_id, a.subject) for a in alarms}) == len(alarms)
        assert all(a.ended_ms is None and desk.book.find(a.rule_id, a.subject) == a for a in alarms)
        assert sorted(a.id for z in ("kitchen", "hall", "") for a in desk.book.in_zone(z)) == sorted(a.id for a in alarms)
