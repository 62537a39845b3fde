"""Whatever the order in which clicks, replies, readings, crashes and time arrive: what must never happen does not."""

from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.linkage import CutWanted
from power.errors import PowerError
from power.model import FINAL, Action, Confirmation, OrderState
from power.order_table import OrderSignal, advance
from power.requests import Cut, Restore

MOVES = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1, 100, 900, 2_000, 5_000, 11_000, 31_000])),
    st.tuples(st.sampled_from(["cut", "restore"]), st.sampled_from(["a", "b", "c"])),
    st.tuples(st.just("linkage"), st.integers(1, 3)),
    st.tuples(st.just("send"), st.sampled_from(["sent", "not_sent", "uncertain", "lost"])),
    st.tuples(st.just("reply"), st.sampled_from(["done", "rejected", "failed"])),
    st.tuples(st.just("read"), st.sampled_from([(1, 5.0, 230.0), (0, 0.0, 0.0), (0, 4.0, 230.0), (0, 0.0, 230.0), (1, 0.0, 230.0)])),
    st.tuples(st.just("link"), st.booleans()),
    st.tuples(st.just("lag"), st.booleans()),
    st.tuples(st.just("crash"), st.sampled_from([10, 3_000, 40_000])),
    st.tuples(st.just("critical"), st.booleans()),
)


class Checker:
    """Remembers all commands that left and looks at every step."""

    def __init__(self, plant):
        self.plant = plant
        self.commands = {}
        self.uncertain = set()
        self.steps_seen = 0
        self.names = set()
        self.last_state = {}

    def left(self, command):
        assert command.expires_ms > self.plant.now_ms, "never after its expiry"
        assert command.order_id not in self.uncertain or command.action is Action.CUT, "no restore again after an uncertain send"
        assert command.attempt not in self.commands.setdefault(command.order_id, []), "each attempt once"
        self.commands[command.order_id].append(command.attempt)

    def look(self):
        orders = self.plant.orders
        for step in self.plant.steps[self.steps_seen :]:
            order = step.order
            assert (order.id, order.seq) not in self.names
            self.names.add((order.id, order.seq))
            before = self.last_state.get(order.id)
            assert step.before == ("" if before is None else str(before))
            assert before not in FINAL, "what has ended stays as it ended"
            if before is not None:
                assert any(advance(before, signal) is order.state for signal in OrderSignal)
            if order.state is OrderState.PROVED:
                assert self.commands.get(order.id), "nothing is proved that never left"
                closed, volts = order.after.closed, order.after.voltage_v
                assert closed == (0 if order.action is Action.CUT else 1)
                assert order.after.heard_ms is not None
                assert order.after.heard_ms > order.sent_ms
                if order.action is Action.CUT:
                    assert order.after.current_a <= 0.2 or volts < 50
            if order.state is OrderState.EXPIRED:
                assert order.id not in self.uncertain
            self.last_state[order.id] = order.state
        self.steps_seen = len(self.plant.steps)
        circuits = [order.circuit_id for order in orders.open.values()]
        assert len(circuits) == len(set(circuits)), "one open order on a circuit"
        assert all(order.state not in FINAL for order in orders.open.values())
        assert set(orders.dump().watches) == set(orders.open)


@settings(max_examples=300, deadline=None)
@given(moves=st.lists(MOVES, max_size=40))
def test_nothing_is_doubled_late_or_proved_without_measurement(new_plant, moves):
    plant = new_plant()
    checker = Checker(plant)
    plant.live()
    for name, arg in moves:
        play(plant, checker, name, arg)
        checker.look()
    plant.orders.disconnected()
    plant.wait(300_000)
    checker.look()
    assert not plant.orders.open, "every order comes to an end"


def play(plant, checker, name, arg):
    now_ms = plant.now_ms
    match name:
        case "wait":
            plant.wait(arg)
        case "cut":
            plant.took(plant.orders.request(Cut(key=arg, circuit_ids=("k3",), who="u", reason=""), now_ms))
        case "restore":
            try:
                plant.took(plant.orders.request(Restore(key=arg, circuit_id="k3", who="u", second="v", reason="x"), now_ms))
            except PowerError:
                raise AssertionError("a whole restore request is never refused as a whole") from None
        case "linkage":
            wanted = CutWanted(linkage_id="l", alarm_id="a", circuit_id="k3", at_ms=now_ms, reason="", alarm_seq=arg)
            plant.took(plant.orders.intend(wanted, now_ms))
        case "send":
            for order_id in plant.orders.to_send(now_ms):
                out, command = plant.orders.sending(order_id, now_ms)
                plant.took(out)
                if command is None:
                    continue
                checker.left(command)
                if arg == "sent":
                    plant.took(plant.orders.sent(order_id, command.attempt, now_ms))
                    checker.uncertain.add(order_id)
                elif arg != "lost":
                    certain = arg == "not_sent"
                    plant.took(plant.orders.not_sent(order_id, "x", now_ms, attempt=command.attempt, certain=certain))
                if arg in ("lost", "uncertain"):
                    checker.uncertain.add(order_id)
        case "reply":
            for order_id in list(plant.orders.open):
                reply = Confirmation(device_id="sw", channel="", order_id=order_id, result=arg, reason="", arrived_ms=now_ms)
                plant.took(plant.orders.confirmation(reply, now_ms))
        case "read":
            closed, current_a, voltage_v = arg
            plant.now_ms += 1
            plant.read(closed=closed, current_a=current_a, voltage_v=voltage_v)
        case "link":
            plant.orders.connected() if arg else plant.orders.disconnected()
        case "lag":
            plant.orders.lagging(arg)
        case "crash":
            plant.now_ms += arg
            plant.restarted()
            plant.orders.connected()
        case "critical":
            plant.critical.add("z1") if arg else plant.critical.discard("z1")
