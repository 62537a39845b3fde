"""Orders from click to proof: told as stories on a manual clock."""

from dataclasses import replace

import msgspec
import pytest

import power.orders as orders_module
from alarms.classes import By
from alarms.linkage import CutWanted
from power.errors import RequestRefused, UnknownCircuit
from power.measure import measured_of, watched_rows
from power.model import Action, Confirmation, OrderState, order_number
from power.order_book import OrdersState
from power.requests import Cut, LockOut, Restore, Unlock
from sites.model import Circuit, CircuitClass, Device

S = OrderState


def wanted(seq=1, circuit="k3"):
    return CutWanted(linkage_id="l1", alarm_id="a1", circuit_id=circuit, at_ms=0, reason="two detectors", alarm_seq=seq)


# -- a cut ---------------------------------------------------------------------------------------------------------------


def test_a_cut_goes_from_requested_to_proved(plant):
    order = plant.sent_cut()
    plant.reply(order.id)
    plant.wait(1_000)
    plant.dead()
    assert plant.path(order) == ["requested", "sending", "sent", "confirmed", "proved"]
    proved = plant.now_is(order)
    assert (proved.before.current_a, proved.after.voltage_v, proved.after.closed) == (5.0, 0.0, 0.0)
    assert proved.proved_ms == plant.now_ms
    assert proved.deadline_ms is None
    assert plant.wishes == []
    assert plant.orders.due_ms() is None
    assert [step.order.seq for step in plant.steps] == [1, 2, 3, 4, 5]


def test_the_command_carries_id_absolute_action_and_expiry(plant):
    plant.live()
    order = plant.cut()
    command = plant.send()
    assert (command.order_id, command.attempt, command.action) == (order.id, 1, Action.CUT)
    assert command.expires_ms == order.requested_ms + 30_000


def test_a_reply_alone_never_proves(plant):
    order = plant.sent_cut()
    plant.reply(order.id)
    plant.wait(60_000)
    failed = plant.now_is(order)
    assert (failed.state, failed.state_code) == (S.FAILED, "not_heard")
    assert plant.raised() == [("power_cannot_prove", None)]


def test_measurement_proves_without_any_reply(plant):
    order = plant.sent_cut()
    plant.dead()
    assert plant.path(order) == ["requested", "sending", "sent", "proved"]


def test_a_reply_may_overtake_sent(plant):
    plant.live()
    order = plant.cut()
    command = plant.sending()
    plant.wait(50)
    plant.reply(order.id)
    plant.wait(50)
    out = plant.took(plant.orders.sent(command.order_id, command.attempt, plant.now_ms))
    assert out.steps == []
    assert plant.now_is(order).state is S.CONFIRMED
    plant.wait(500)
    plant.dead()
    assert plant.path(order) == ["requested", "sending", "confirmed", "proved"]


def test_readings_from_before_sent_prove_nothing(plant):
    plant.live()
    plant.wait(1_000)
    order = plant.cut()
    plant.dead()  # between the click and the sending: somebody opened it by hand
    plant.wait(10)
    plant.send()
    plant.took(plant.orders.measured("k3", plant.now_ms))
    assert plant.now_is(order).state is S.SENT
    plant.wait(10)
    plant.read(taken_ms=plant.now_ms - 5_000, closed=0, voltage_v=0, current_a=0)
    assert plant.now_is(order).state is S.SENT, "it arrived now, but was measured before"
    plant.wait(10)
    plant.dead()
    assert plant.now_is(order).state is S.PROVED


def test_open_with_nothing_measured_is_unproved_and_never_green(plant):
    plant.read(closed=1)
    plant.wait(10)
    order = plant.cut()
    plant.send()
    plant.wait(1_000)
    plant.reply(order.id)
    plant.read(closed=0)
    plant.wait(20_000)
    assert plant.now_is(order).state is S.UNPROVED
    assert plant.raised() == [("power_cannot_prove", None)]


def test_a_circuit_that_stays_on_fails_with_an_alarm_once(plant):
    order = plant.sent_cut()
    for _ in range(40):
        plant.wait(1_000)
        plant.live()
        for order_id in plant.orders.to_send(plant.now_ms):
            _, command = plant.orders.sending(order_id, plant.now_ms)
            plant.orders.sent(order_id, command.attempt, plant.now_ms)
    failed = plant.now_is(order)
    assert (failed.state, failed.state_code, failed.attempts) == (S.FAILED, "not_proved", 3)
    assert set(plant.raised()) == {("power_not_proved", "critical")}, "it draws 5 A"


def test_a_lying_switch_is_found_out_after_ten_seconds_of_current(plant):
    order = plant.sent_cut()
    plant.reply(order.id)
    for second in range(1, 12):
        plant.wait(1_000)
        plant.read(closed=0, current_a=4.9, voltage_v=230)
        state = plant.now_is(order).state
        assert state is (S.CONFIRMED if second < 11 else S.FAILED), second
    assert plant.now_is(order).state_code == "still_draws"
    assert plant.raised()[0] == ("power_not_proved", "critical")


def test_current_that_dies_down_in_time_is_a_proof_after_all(plant):
    order = plant.sent_cut()
    plant.reply(order.id)
    plant.wait(1_000)
    plant.read(closed=0, current_a=2.0, voltage_v=230)
    plant.wait(4_000)
    plant.read(closed=0, current_a=0.0, voltage_v=230)
    assert plant.now_is(order).state is S.PROVED


def test_a_slow_reporter_is_given_two_and_a_half_intervals(plant):
    device = plant.roster.device("sw")
    plant.roster.put(replace(device, interval_s=30.0))
    order = plant.sent_cut()
    plant.reply(order.id)
    plant.wait(74_000)
    assert plant.now_is(order).state is S.CONFIRMED
    plant.dead()
    assert plant.now_is(order).state is S.PROVED


# -- retries and expiry --------------------------------------------------------------------------------------------------


def test_an_unanswered_cut_is_sent_three_times_five_seconds_apart_with_the_same_id(plant):
    plant.live()
    order = plant.cut()
    sent_at = []
    start = plant.now_ms
    while plant.now_ms < start + 60_000:
        for order_id in plant.orders.to_send(plant.now_ms):
            assert order_id == order.id
            sent_at.append(plant.now_ms - start)
            plant.send()
        plant.wait(500)
    assert sent_at == [0, 5_000, 10_000]
    assert plant.now_is(order).state is S.FAILED


def test_what_was_told_after_the_first_sending_still_counts_after_a_retry(plant):
    order = plant.sent_cut()
    plant.read(closed=0)  # a switch that tells its position only when it changes
    plant.wait(5_000)
    plant.send()
    plant.wait(100)
    plant.read(current_a=0, voltage_v=0)
    assert plant.now_is(order).state is S.PROVED


def test_a_retry_that_nobody_sends_does_not_hold_up_what_else_is_due(plant):
    plant.roster.put(replace(plant.roster.device("sw"), link="zigbee"))
    order = plant.sent_cut()
    plant.wait(12_000)
    assert plant.orders.to_send(plant.now_ms) == [order.id]
    due_ms = plant.orders.due_ms()
    assert due_ms is not None
    assert due_ms > plant.now_ms, "its wish to be sent was told once"
    plant.wait(30_000)
    assert plant.now_is(order).state is S.FAILED


def test_the_scan_is_woken_for_each_retry(plant):
    plant.sent_cut()
    sent_ms = plant.now_ms - 100
    assert plant.orders.due_ms() == sent_ms + 5_000
    plant.wait(4_900)
    assert len(plant.orders.to_send(plant.now_ms)) == 1


def test_cuts_leave_before_restores(plant):
    plant.roster.put(replace(plant.roster.circuits["k3"], id="k4", channel="2"))
    plant.dead()
    plant.read(closed__2=1)
    restoring = plant.restore()
    cutting = plant.cut(circuits=("k4",))
    assert plant.orders.to_send(plant.now_ms) == [cutting.id, restoring.id]


def test_an_old_current_is_no_before_to_compare_with(plant):
    plant.read(current_a=5)
    plant.wait(120_000)
    plant.read(closed=1)
    plant.wait(100)
    order = plant.cut()
    plant.send()
    plant.wait(100)
    plant.read(closed=0, current_a=0)
    plant.wait(60_000)
    assert plant.now_is(order).state is S.UNPROVED


def test_radio_switches_are_given_ten_seconds(plant):
    plant.roster.put(replace(plant.roster.device("sw"), link="zigbee"))
    plant.live()
    plant.cut()
    plant.send()
    plant.wait(9_999)
    assert plant.orders.to_send(plant.now_ms) == []
    plant.wait(1)
    assert len(plant.orders.to_send(plant.now_ms)) == 1


def test_nothing_is_sent_while_disconnected_and_nothing_after_its_expiry(plant):
    plant.live()
    plant.orders.disconnected()
    order = plant.cut()
    assert plant.orders.to_send(plant.now_ms) == []
    plant.wait(29_999)
    assert plant.now_is(order).state is S.REQUESTED
    plant.wait(1)
    assert plant.now_is(order).state is S.EXPIRED
    assert plant.raised() == [("order_expired", None)]
    plant.orders.connected()
    assert plant.orders.to_send(plant.now_ms) == []
    out, command = plant.orders.sending(order.id, plant.now_ms)
    assert command is None
    assert out.ignored


def test_a_cut_that_surely_did_not_leave_tries_again_until_it_expires(plant):
    plant.live()
    order = plant.cut()
    tries = 0
    while plant.now_is(order).state is not S.EXPIRED:
        for order_id in plant.orders.to_send(plant.now_ms):
            plant.sending()
            plant.took(plant.orders.not_sent(order_id, "no connection", plant.now_ms))
            tries += 1
        plant.wait(250)
    assert tries == 30, "once a second for as long as it is valid"
    assert plant.now_is(order).state is S.EXPIRED


def test_no_retry_while_the_inbox_lags(plant):
    plant.sent_cut()
    plant.orders.lagging(True)
    plant.wait(6_000)
    assert plant.orders.to_send(plant.now_ms) == []
    plant.orders.lagging(False)
    assert len(plant.orders.to_send(plant.now_ms)) == 1


def test_at_the_deadline_a_disconnected_service_says_that_it_does_not_hear(plant):
    order = plant.sent_cut()
    plant.orders.disconnected()
    plant.wait(60_000)
    assert (plant.now_is(order).state, plant.now_is(order).state_code) == (S.FAILED, "not_hearing")
    assert plant.raised() == [("power_cannot_prove", None)]


# -- replies -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "state", "alarm"),
    [("rejected", S.REJECTED, [("order_rejected", None)]), ("failed", S.FAILED, [("power_not_proved", "critical")])],
)
def test_a_refusing_device_raises_an_alarm(plant, result, state, alarm):
    order = plant.sent_cut()
    plant.reply(order.id, result)
    assert plant.now_is(order).state is state
    assert "because" in plant.now_is(order).state_reason
    assert plant.raised() == alarm


def test_a_reply_may_name_the_orders_number_where_requests_are_numbered(plant):
    order = plant.sent_cut()
    number = f"#{order_number(order.id)}"
    assert plant.reply(number, device="evil").steps == []
    assert plant.reply("#1").steps == []
    plant.reply(number)
    assert plant.now_is(order).state is S.CONFIRMED


def test_a_reply_from_another_device_or_channel_or_to_nothing_changes_nothing(plant):
    order = plant.sent_cut()
    assert plant.reply(order.id, device="evil").steps == []
    assert plant.reply(order.id, channel="2").steps == []
    assert plant.reply("0" * 26).steps == []
    assert plant.reply(order.id, "perhaps").steps == []
    assert plant.reply(None, device="other").steps == []
    assert len(plant.ignored) == 5
    assert plant.now_is(order).state is S.SENT


def test_a_reply_to_what_was_never_sent_is_ignored(plant):
    plant.live()
    order = plant.cut()
    assert plant.reply(order.id).steps == []
    assert plant.now_is(order).state is S.REQUESTED


def test_an_ecosystem_without_ids_is_matched_by_device_and_channel(plant):
    order = plant.sent_cut()
    plant.reply(None)
    assert plant.now_is(order).state is S.CONFIRMED


def test_a_second_reply_changes_nothing(plant):
    order = plant.sent_cut()
    plant.reply(order.id)
    assert plant.reply(order.id).steps == []
    assert plant.reply(order.id, "rejected").steps == []
    assert plant.now_is(order).state is S.CONFIRMED


# -- one order, one id ---------------------------------------------------------------------------------------------------


def test_the_same_click_is_the_same_order_open_or_ended(plant):
    order = plant.sent_cut()
    again = plant.cut()
    assert again.id == order.id
    plant.dead()
    assert plant.cut().state is S.PROVED
    assert plant.path(order).count("requested") == 1


def test_the_same_key_of_another_person_is_another_order(plant):
    order = plant.sent_cut()
    other = plant.cut(who="u2")
    assert other.id != order.id
    assert (other.state, other.state_code) == (S.REFUSED, "order_open")


def test_circuits_named_twice_are_cut_once(plant):
    plant.live()
    plant.cut(circuits=("k3", "k3"))
    assert len(plant.orders.open) == 1


def test_an_unknown_circuit_stops_the_whole_request(plant):
    plant.live()
    with pytest.raises(UnknownCircuit, match="nope"):
        plant.cut(circuits=("k3", "nope"))
    assert not plant.orders.open


def test_refused_circuits_become_refused_orders_beside_the_others(plant):
    plant.live()
    pump = Circuit(id="pump", site_id="s1", zone_id="z1", name="Pump", device_id="sw2", channel="2", circuit_class=CircuitClass.FIRE)
    plant.roster.put(pump)
    out = plant.took(plant.orders.request(Cut(key="x", circuit_ids=("k3", "pump"), who="u", reason=""), plant.now_ms))
    assert [(o.circuit_id, o.state, o.state_code) for o in out.orders] == [
        ("k3", S.REQUESTED, ""),
        ("pump", S.REFUSED, "class_fire"),
    ]
    assert out.orders[1].state_reason_zh
    assert plant.orders.to_send(plant.now_ms) == [out.orders[0].id]


@pytest.mark.parametrize(
    "request_",
    [
        Cut(key="", circuit_ids=("k3",), who="u", reason=""),
        Cut(key="k", circuit_ids=(), who="u", reason=""),
        Cut(key="k", circuit_ids=("k3",), who="", reason=""),
        Restore(key="k", circuit_id="k3", who="u", second="u", reason="x"),
        Restore(key="k", circuit_id="k3", who="u", second=" ", reason="x"),
        Restore(key="k", circuit_id="k3", who="u", second="v", reason=" "),
    ],
)
def test_what_is_no_request_is_refused_whole(plant, request_):
    plant.live()
    with pytest.raises(RequestRefused):
        plant.orders.request(request_, plant.now_ms)
    assert not plant.orders.open
    assert not plant.orders.ended


def test_an_interlock_that_comes_between_request_and_sending_stops_the_order(plant):
    plant.live()
    order = plant.cut()
    plant.change(trial=None)
    out, command = plant.orders.sending(order.id, plant.now_ms)
    assert command is None
    assert [(s.order.state, s.order.state_code) for s in out.steps] == [(S.REFUSED, "no_trial")]


def test_an_interlock_that_comes_before_a_retry_leaves_the_sent_cut_to_its_proof(plant):
    order = plant.sent_cut()
    plant.orders.lock_out(LockOut(circuit_id="k3", who="zhang", reason="cable"), plant.now_ms)
    plant.wait(5_000)
    _, command = plant.orders.sending(order.id, plant.now_ms)
    assert command is None
    assert plant.now_is(order).state is S.SENT
    plant.dead()
    assert plant.now_is(order).state is S.PROVED


# -- linkages ------------------------------------------------------------------------------------------------------------


def test_a_linkage_cuts_once_for_one_transition_and_joins_a_cut_under_way(plant):
    plant.live()
    first = plant.took(plant.orders.intend(wanted(), plant.now_ms))
    (order,) = first.orders
    assert (order.who, order.alarm_id, order.state) == (None, "a1", S.REQUESTED)
    assert plant.took(plant.orders.intend(wanted(), plant.now_ms)).steps == []
    assert plant.took(plant.orders.intend(wanted(seq=2), plant.now_ms)).orders == [order]
    assert len(plant.orders.open) == 1


def test_a_linkage_does_not_cut_what_was_just_measured_dead(plant):
    plant.dead()
    (order,) = plant.took(plant.orders.intend(wanted(), plant.now_ms)).orders
    assert (order.state, order.state_code) == (S.REFUSED, "already_off")
    assert plant.raised() == []


def test_a_position_alone_is_not_dead_enough_to_spare_a_cut(plant):
    plant.read(closed=0, current_a=0)
    (order,) = plant.took(plant.orders.intend(wanted(), plant.now_ms)).orders
    assert order.state is S.REQUESTED


def test_a_linkage_that_meets_a_stale_switch_calls_for_a_person(plant):
    plant.live()
    plant.wait(91_000)
    (order,) = plant.took(plant.orders.intend(wanted(), plant.now_ms)).orders
    assert (order.state, order.state_code) == (S.REFUSED, "stale")
    assert plant.raised() == [("cut_refused", None)]
    plant.wait(100)
    plant.dead()
    assert plant.cleared() == ["cut_refused"]


@pytest.mark.parametrize("circuit_class", [CircuitClass.FIRE, CircuitClass.LIFE, CircuitClass.MANUAL, CircuitClass.PERMIT_24H])
def test_no_linkage_cuts_what_only_people_may_or_nobody(plant, circuit_class):
    plant.live()
    plant.change(circuit_class=circuit_class)
    (order,) = plant.took(plant.orders.intend(wanted(), plant.now_ms)).orders
    assert order.state is S.REFUSED
    assert not plant.orders.open


def test_automatic_cuts_are_bounded_and_a_persons_never(plant, monkeypatch):
    monkeypatch.setattr(orders_module, "MOST_OPEN", 1)
    plant.live()
    plant.roster.put(replace(plant.roster.circuits["k3"], id="k4", channel="2"))
    plant.read(closed__2=1)
    plant.cut()
    (refused,) = plant.took(plant.orders.intend(wanted(circuit="k4"), plant.now_ms)).orders
    assert refused.state_code == "orders_full"
    assert ("orders_full", None) in plant.raised()
    assert plant.cut(key="b", circuits=("k4",)).state is S.REQUESTED


# -- the dangerous half --------------------------------------------------------------------------------------------------


def test_a_restore_is_proved_by_position_and_voltage(plant):
    order = plant.sent_restore()
    plant.reply(order.id)
    plant.wait(500)
    plant.live(current_a=0)
    assert plant.path(order) == ["requested", "sending", "sent", "confirmed", "proved"]
    assert plant.now_is(order).second == "u2"


def test_a_restore_is_never_sent_twice_after_it_left(plant):
    order = plant.sent_restore()
    sends = 0
    for _ in range(120):
        plant.wait(500)
        sends += len(plant.orders.to_send(plant.now_ms))
    assert sends == 0
    assert plant.now_is(order).state is S.UNKNOWN
    assert plant.raised() == [("restore_unknown", None)]


def test_a_restore_of_uncertain_sending_becomes_unknown(plant):
    plant.dead()
    order = plant.restore()
    command = plant.sending()
    plant.took(plant.orders.not_sent(command.order_id, "timeout", plant.now_ms, attempt=1, certain=False))
    assert plant.now_is(order).state is S.UNKNOWN
    assert plant.orders.to_send(plant.now_ms + 2_000) == []


def test_a_restore_that_surely_did_not_leave_may_try_again(plant):
    plant.dead()
    order = plant.restore()
    plant.sending()
    plant.took(plant.orders.not_sent(order.id, "no connection", plant.now_ms))
    plant.wait(1_000)
    assert plant.send().attempt == 2


def test_an_unknown_restore_is_settled_when_the_switch_tells_its_position(plant):
    order = plant.sent_restore()
    plant.wait(60_000)
    assert plant.now_is(order).state is S.UNKNOWN
    plant.read(closed=1, voltage_v=230)
    assert plant.cleared() == ["restore_unknown"]
    assert plant.orders.watched() == set()


@pytest.mark.parametrize(
    ("phrase", "prepare", "code"),
    [
        ("critical alarm", lambda p: p.critical.add("z1"), "critical_open"),
        ("trip", lambda p: p.read(trip=1), "tripped"),
        ("lock", lambda p: p.orders.lock_out(LockOut(circuit_id="k3", who="z", reason="r"), p.now_ms), "locked_out"),
        ("cut under way", lambda p: p.cut(), "order_open"),
    ],
)
def test_a_restore_is_refused_while(plant, phrase, prepare, code):
    plant.dead()
    prepare(plant)
    order = plant.restore()
    assert (order.state, order.state_code) == (S.REFUSED, code)


def test_a_critical_alarm_that_opens_before_the_sending_stops_the_restore(plant):
    plant.dead()
    order = plant.restore()
    plant.critical.add("z1")
    _, command = plant.orders.sending(order.id, plant.now_ms)
    assert command is None
    assert plant.orders.get(order.id).state is S.REFUSED


def test_a_cut_takes_the_place_of_a_restore_under_way(plant):
    restoring = plant.sent_restore()
    plant.read(closed=1, current_a=3)
    cut = plant.cut()
    assert cut.state is S.REQUESTED
    assert plant.now_is(restoring).state in (S.UNKNOWN, S.PROVED)
    assert list(plant.orders.open) == [cut.id]


def test_a_cut_during_a_restore_that_has_not_left_refuses_the_restore(plant):
    plant.dead()
    restoring = plant.restore()
    plant.cut()
    assert (plant.now_is(restoring).state, plant.now_is(restoring).state_code) == (S.REFUSED, "superseded")


def test_locks_hold_until_taken_off(plant):
    plant.live()
    plant.orders.lock_out(LockOut(circuit_id="k3", who="zhang", reason="cable"), plant.now_ms)
    assert plant.cut().state_code == "locked_out"
    with pytest.raises(RequestRefused):
        plant.orders.unlock(Unlock(circuit_id="k3", who="li"))
    plant.orders.unlock(Unlock(circuit_id="k3", who="zhang"))
    assert plant.cut(key="b").state is S.REQUESTED
    with pytest.raises(UnknownCircuit):
        plant.orders.lock_out(LockOut(circuit_id="nope", who="zhang", reason="cable"), plant.now_ms)


# -- after the order -----------------------------------------------------------------------------------------------------


def test_a_cut_measured_dead_too_late_stays_failed_and_ends_its_alarm(plant):
    order = plant.sent_cut()
    plant.wait(60_000)
    assert plant.now_is(order).state is S.FAILED
    assert plant.orders.watched() == {"k3"}
    plant.dead()
    assert plant.now_is(order).state is S.FAILED
    assert plant.cleared() == ["power_cannot_prove"]
    assert plant.orders.watched() == set()


def test_what_could_not_be_proved_and_turns_out_live_becomes_not_proved(plant):
    plant.sent_cut()
    plant.wait(60_000)
    plant.live()
    assert plant.cleared() == ["power_cannot_prove"]
    assert plant.raised() == [("power_cannot_prove", None), ("power_not_proved", "critical")]


def test_the_next_cut_that_is_proved_ends_the_complaint(plant):
    plant.sent_cut()
    plant.wait(60_000)
    plant.live()
    plant.cut(key="b")
    plant.send()
    plant.wait(100)
    plant.dead()
    assert plant.cleared()[-1] == "power_not_proved"


def test_a_circuit_mapped_to_another_switch_is_neither_cut_there_nor_proved_by_it(plant):
    plant.live()
    requested = plant.cut()
    plant.change(device_id="other")
    _, command = plant.orders.sending(requested.id, plant.now_ms)
    assert command is None
    assert plant.orders.get(requested.id).state_code == "circuit_gone"
    plant.change(device_id="sw")
    sent = plant.cut(key="b")
    plant.send()
    plant.wait(100)
    plant.roster.put(Device(id="sw2", site_id="s1", zone_id="z1", name="S2", kind="switch", codec="native", address="s1/sw2"))
    plant.change(device_id="sw2")
    plant.read(device="sw2", closed=0, voltage_v=0, current_a=0)
    assert plant.now_is(sent).state is S.SENT
    plant.wait(60_000)
    assert plant.now_is(sent).state is S.FAILED
    assert ("power_cannot_prove", None) in plant.raised()
    plant.wait(1)
    assert plant.orders.watched() == set(), "nothing can settle it any more: people end its alarm"
    assert plant.cleared() == ["power_cannot_prove"]


def test_a_removed_circuit_ends_its_order_with_an_alarm(plant):
    order = plant.sent_cut()
    plant.roster.remove("circuit", "k3")
    plant.wait(60_000)
    assert plant.now_is(order).state is S.FAILED
    assert plant.raised() == [("power_cannot_prove", None)]


# -- restarts ------------------------------------------------------------------------------------------------------------


def test_a_cut_found_in_sending_goes_out_again_with_the_same_id(plant):
    plant.live()
    order = plant.cut()
    plant.sending()
    plant.restarted()
    assert plant.now_is(order).state is S.REQUESTED
    assert plant.orders.to_send(plant.now_ms) == [], "not before it is connected"
    plant.orders.connected()
    command = plant.send()
    assert (command.order_id, command.attempt) == (order.id, 2)


def test_a_restore_found_in_sending_is_never_sent_again(plant):
    plant.dead()
    order = plant.restore()
    plant.sending()
    plant.restarted()
    plant.orders.connected()
    assert plant.now_is(order).state is S.UNKNOWN
    assert plant.orders.to_send(plant.now_ms) == []
    assert plant.raised() == [("restore_unknown", None)]


def test_a_cut_found_in_sending_after_its_expiry_is_only_watched(plant):
    plant.live()
    order = plant.cut()
    plant.sending()
    plant.now_ms += 40_000
    plant.restarted()
    plant.orders.connected()
    assert plant.orders.to_send(plant.now_ms) == []
    assert plant.now_is(order).state is S.SENT
    plant.wait(100)
    plant.dead()
    assert plant.now_is(order).state is S.PROVED


def test_an_unsent_order_that_expired_while_down_is_not_sent(plant):
    plant.live()
    order = plant.cut()
    plant.now_ms += 31_000
    plant.restarted()
    plant.orders.connected()
    assert plant.orders.to_send(plant.now_ms) == []
    plant.wait(0)
    assert plant.now_is(order).state is S.EXPIRED


def test_a_reply_to_the_sending_before_the_crash_still_counts(plant):
    plant.live()
    order = plant.cut()
    plant.sending()
    plant.restarted()
    plant.reply(order.id)
    assert plant.now_is(order).state is S.CONFIRMED
    plant.orders.connected()
    assert plant.orders.to_send(plant.now_ms) == []


def test_the_wait_for_a_proof_starts_again_after_the_service_was_down(plant):
    order = plant.sent_cut()
    plant.reply(order.id)
    plant.now_ms += 40_000
    plant.restarted()
    plant.orders.connected()
    plant.wait(9_000)
    assert plant.now_is(order).state is S.CONFIRMED
    plant.dead()
    assert plant.now_is(order).state is S.PROVED


def test_a_snapshot_carries_everything_through_msgpack(plant):
    plant.sent_cut()
    plant.orders.lock_out(LockOut(circuit_id="k3", who="zhang", reason="cable"), plant.now_ms)
    state = plant.orders.dump()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=OrdersState) == state
    plant.wait(60_000)
    state = plant.orders.dump()
    assert state.unsettled
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=OrdersState) == state


# -- housekeeping --------------------------------------------------------------------------------------------------------


def test_ended_orders_are_shown_an_hour_and_forgotten_after_two_days(plant):
    order = plant.sent_cut()
    plant.dead()
    plant.wait(3_600_000)
    assert [o.id for o in plant.orders.recent(plant.now_ms)] == [order.id]
    plant.wait(1)
    assert list(plant.orders.recent(plant.now_ms)) == []
    assert plant.orders.get(order.id) is not None
    plant.wait(48 * 3_600_000)
    assert plant.orders.get(order.id) is None


def test_the_preview_says_what_the_order_would_say(plant):
    circuit = plant.roster.circuits["k3"]
    assert plant.orders.refusal(Action.CUT, circuit, plant.now_ms).code == "stale"
    plant.live()
    assert plant.orders.refusal(Action.CUT, circuit, plant.now_ms) is None
    plant.change(circuit_class=CircuitClass.MANUAL)
    assert plant.orders.refusal(Action.CUT, plant.roster.circuits["k3"], plant.now_ms, By.LINKAGE).code == "class_person_only"


def test_the_rows_to_watch_are_those_of_open_orders(plant):
    plant.live()
    plant.read(temperature=20)
    order = plant.cut()
    circuits = [plant.roster.circuits[c] for c in plant.orders.watched()]
    rows = watched_rows(circuits, plant.roster)
    assert {plant.roster.metric_of_row(row) for row in rows} == {"closed", "current_a", "voltage_v"}
    assert set(rows.values()) == {"k3"}
    assert order.circuit_id == "k3"


def test_poles_and_channels_are_measured_apart(plant):
    plant.roster.put(Device(id="m", site_id="s1", zone_id="z1", name="M", kind="switch", codec="native", address="s1/m"))
    circuit = Circuit(id="m2", site_id="s1", zone_id="z1", name="M2", device_id="m", channel="2", poles=("l1", "l2"))
    plant.roster.put(circuit)
    plant.read(device="m", closed__2=1, closed__1=0, current_a__2__l1=3, current_a__2__l2=-7, voltage_v__2__l1=229)
    measured = measured_of(circuit, plant.roster)
    assert (measured.closed, measured.current_a, measured.voltage_v, measured.heard_ms) == (1, 7, 229, plant.now_ms)


def test_a_report_of_the_other_position_is_no_reply(plant):
    order = plant.sent_cut()
    for position, state in (("closed", S.SENT), ("open", S.CONFIRMED)):
        said = Confirmation(
            device_id=order.device_id, channel=order.channel, order_id=None, result="done", reason=position, arrived_ms=plant.now_ms
        )
        plant.orders.confirmation(said, plant.now_ms)
        assert plant.orders.get(order.id).state is state
