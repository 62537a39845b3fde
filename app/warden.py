"""The warden: what the service is between two journal rows, and the one step that takes it from one to the next.

A deterministic function of its state and the row: no clock, no randomness, no wire, no store. So live = replay = restart. The scan calls
`step` with what the journal has; restart and refill call it with what the journal had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from alarms.book import Book
from alarms.errors import AlarmError
from alarms.follow import follow
from alarms.linkage import CutWanted, HazardWanted, NotifyWanted
from alarms.model import Alarm, Condition, Transition
from alarms.service_alarms import ServiceClear, ServiceRaise
from alarms.validity import reminders
from app.configuration import Configuration
from app.happenings import Happening, happenings
from app.rows import ConfigChanged, Connection, Input, Lagging, NotSent, Placed, Resumed, Sending, Sent, Stalled
from app.stepped import ALARM_REQUESTS, POWER_REQUESTS, Answered, Stepped, WardenState, unknown_row
from ingest.clocks import Clocks
from ingest.heard import Availability, CodecNote, PointHeard, Refused, UnknownDevice
from ingest.refusals import Refusals
from power.errors import PowerError, UnknownCircuit
from power.measure import watched_rows
from power.model import Confirmation, OrderState
from power.order_book import Advance
from power.orders import Orders
from power.requests import Cut, LockOut, RecordTrial, Restore, SetClass, SetCommanding, Unlock
from power.setup import edited, with_class, with_commanding, with_trial
from rules import engine
from rules.carry import carry
from rules.compile import Program, compile, extend
from rules.findings import Edge, Finding
from rules.intervals import Intervals
from rules.memory import Memory
from rules.model import is_met
from rules.presence import retime
from sites.latest import apply_latest
from sites.model import Circuit, Device, Site
from sites.readings import HISTORICAL, RETAINED, RawReadings, Readings
from storage.projection import HistoryBatch, Outcome

_NOTHING = Readings.of([], [], [], [])


class Warden:
    """All scan state. Only the scan calls `step`; others read what the scan has published."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.configuration = Configuration()
        self.clocks = Clocks()
        self.program: Program = compile([], self.configuration.roster)
        self.memory = Memory(self.program)
        self.book = Book()
        self.orders = Orders(self.configuration.roster, self.book.has_critical)
        self.codec_notes: dict[str, dict[str, bytes]] = {}
        self.refusals = 0  # refused readings and messages since the beginning
        self.refused = Refusals()  # the last of them by device
        self.deaf: set[str] = set()  # why nothing heard is no evidence now: telemetry, inbox
        self.wants_snapshot = False
        self._out: Stepped | None = None
        self._volatile = False
        self._stale_program = False
        self._orders_ran_ms = -1
        self._orders_due_ms: int | None = None
        self._dated: dict[str, Device] = {}  # devices with a date of calibration or service life
        self._dates_due_ms: int | None = None
        self._late: dict[int, dict[str, None]] = {}  # point row -> ids of its late alarms
        self._watched: dict[int, str] = {}  # point row -> circuit id, of circuits whose readings matter now
        self._watch_rows = np.zeros(0, np.int32)

    # -- asked by the scan -----------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        """When time alone wants a step; None: never, as things stand."""
        return min((due for due in (engine.due_ms(self.memory), self.orders.due_ms(), self._dates_due_ms) if due is not None), default=None)

    def to_send(self, now_ms: int) -> list[str]:
        return self.orders.to_send(now_ms)

    # -- the step --------------------------------------------------------------------------------------------------

    def step(self, given: Input, position: int, is_volatile: bool = False) -> Stepped:
        """Take one row in. Volatile: nothing of it is durable, so alarms are marked unrecorded and no order is made by itself."""
        now_ms = self.now_ms = max(self.now_ms, given.now_ms)
        nothing = np.zeros(0, np.int64)
        out = self._out = Stepped(
            position, now_ms, Outcome(position=position, now_ms=now_ms), HistoryBatch(position, nothing, nothing, np.zeros(0))
        )
        self._volatile = is_volatile
        self._tell_volatile(now_ms)
        kept: list[Readings] = []
        start = 0
        self._meet_points(given.items)
        for at, placed in enumerate(given.items):
            if isinstance(placed.item, PointHeard):
                continue  # met already: no reason to cut the readings
            if placed.index > start:
                kept.append(self._take(given.readings.cut(start, placed.index)))
                start = placed.index
            self._take_item(at, placed)
        if start < len(given.readings):
            kept.append(self._take(given.readings.cut(start, len(given.readings))))
        self._recompile()
        self._tick(now_ms)
        self._history(kept)
        self._out = None
        return out

    def _take(self, raw: RawReadings) -> Readings:
        """Readings between two items: settle their times, step the rules, and let what they bring about happen in its order."""
        self._recompile()
        readings = self.clocks.settle(raw, self.configuration.roster)
        if not len(readings):
            return readings
        for part in self._parts(readings):
            findings = engine.step(self.program, self.memory, part, int(part.arrived_ms[-1]))
            self._happen(happenings(findings, part, self._watched, self._watch_rows), part)
            if self._late:
                self._uphold(part)
        return readings

    def _parts(self, readings: Readings) -> Iterator[Readings]:
        """The readings cut at the moments at which learnt intervals take effect."""
        start = 0
        while start < len(readings):
            self._learn(int(readings.arrived_ms[start]))
            intervals = self.program.intervals
            stop = start + int(np.searchsorted(readings.arrived_ms[start:], intervals.due_ms))
            part = readings.cut(start, stop)
            live = np.flatnonzero((part.flags & RETAINED) == 0)
            intervals.hear(self.program.device_rows[part.rows[live]], self.memory.hearing(part.arrived_ms[live]))
            yield part
            start = stop

    def _learn(self, until_ms: int) -> None:
        """Let what devices have taught of their intervals take effect, if it is time."""
        due_ms = self.program.intervals.due_ms
        if due_ms > until_ms:
            return
        if due_ms:
            self._run_to(due_ms)
        rows = self.program.intervals.learn(until_ms)
        if len(rows):
            retime(self.program, self.memory, rows)

    def _hear_sign(self, device_id: str, at_ms: int) -> None:
        """A device gave a sign of life that is no reading."""
        row = self.configuration.roster.device_rows.get(device_id)
        if row is not None:
            self.program.intervals.hear(np.array([row], np.int32), np.array([self.memory.hearing(at_ms)], np.int64))

    def _tick(self, until_ms: int) -> None:
        """Everything due by now."""
        self._learn(until_ms)
        self._run_to(until_ms)

    def _run_to(self, until_ms: int) -> None:
        self._happen(happenings(engine.step(self.program, self.memory, _NOTHING, until_ms), _NOTHING, {}, self._watch_rows), _NOTHING)
        self._run_orders(until_ms)
        if self._dates_due_ms is not None and self._dates_due_ms <= until_ms:
            wishes, self._dates_due_ms = reminders([self._dated[name] for name in sorted(self._dated)], until_ms)
            for wish in wishes:
                self._wish(wish, until_ms)

    def _happen(self, sequence: list[Happening], readings: Readings) -> None:
        """Findings and watched measurements in order of time; before each, the readings up to it are the latest, and what was due by
        then has run."""
        done = 0
        for happening in sequence:
            if happening.upto > done:
                apply_latest(self.configuration.roster, readings.cut(done, happening.upto))
                done = happening.upto
            self._run_orders(happening.at_ms)
            if happening.finding is not None:
                self._find(happening.finding)
            if happening.circuit_id is not None:
                self._advance(self.orders.measured(happening.circuit_id, happening.at_ms), happening.at_ms)
        if done < len(readings):
            apply_latest(self.configuration.roster, readings.cut(done, len(readings)))

    # -- alarms ----------------------------------------------------------------------------------------------------

    def _find(self, finding: Finding) -> None:
        rule = self.configuration.rule(finding.rule_id, finding.rule_version)
        assert rule is not None, f"a finding of rule {finding.rule_id}, which is not there"
        if finding.subject.startswith("device:") and finding.edge is not Edge.STEPPED:
            self._stepped.presence.append(finding.device_id)
        self._transitions(self.book.apply(finding, rule, self.configuration.roster, finding.fired_ms), finding.fired_ms)
        if finding.is_late and (alarm := self.book.find(finding.rule_id, finding.subject)) is not None:
            self._remember_late(alarm)

    def _remember_late(self, alarm: Alarm) -> None:
        row = self.configuration.roster.point_row(alarm.device_id, alarm.metric) if alarm.is_late and alarm.point_id else None
        if row is not None:
            self._late.setdefault(row, {})[alarm.id] = None

    def _uphold(self, readings: Readings) -> None:
        """A late alarm starts nothing by itself. Once its point is measured in time and still in alarm it is late no longer, so that a leak
        that began during an outage is cut, and told of, as any other."""
        roster = self.configuration.roster
        for index in np.flatnonzero(np.isin(readings.rows, list(self._late))).tolist():
            row, value, at_ms = int(readings.rows[index]), float(readings.values[index]), int(readings.arrived_ms[index])
            is_newest = readings.taken_ms[index] == roster.columns.latest_taken_ms[row]
            if not is_newest or readings.flags[index] & (RETAINED | HISTORICAL):
                continue
            for alarm_id in list(self._late.get(row, ())):
                alarm = self.book.open.get(alarm_id)
                if alarm is None or not alarm.is_late or alarm.condition is Condition.NORMAL:
                    del self._late[row][alarm_id]
                    continue
                rule = self.configuration.rule(alarm.rule_id, alarm.rule_version)
                lateness_ms = int(self.program.link_lateness_ms[self.program.device_rows[row]])
                if rule is not None and rule.lateness_s is not None:
                    lateness_ms = round(rule.lateness_s * 1000)
                if rule is not None and readings.delay_ms[index] <= lateness_ms and is_met(rule, alarm.limit, value):
                    self._transitions(self.book.uphold(alarm, value, at_ms), at_ms)
            if not self._late[row]:
                del self._late[row]

    def _transitions(self, transitions: list[Transition], at_ms: int) -> None:
        """Keep them, and follow the linkages: notify, cut, hazard."""
        outcome = self._stepped.outcome
        for transition in transitions:
            if self._volatile:
                transition = self.book.mark_unrecorded(transition)
            outcome.transitions.append(transition)
            intents, firings = follow(self.configuration.linkages.values(), transition, self.book, self.configuration.roster)
            outcome.firings += firings
            for intent in intents:
                match intent:
                    case NotifyWanted():
                        outcome.notifies.append(intent)
                    case HazardWanted():
                        outcome.hazards.append(intent)
                    case CutWanted():
                        if self._volatile:
                            self._stepped.ignored.append(f"no automatic cut of {intent.circuit_id}: the journal cannot be written")
                        else:
                            self._advance(self.orders.intend(intent, at_ms), at_ms)

    def _wish(self, wish: ServiceRaise | ServiceClear, at_ms: int) -> None:
        if isinstance(wish, ServiceRaise):
            self._transitions(self.book.raise_service(wish, self.configuration.roster, at_ms), at_ms)
        else:
            self._transitions(self.book.clear_service(wish, at_ms), at_ms)

    def _tell_volatile(self, now_ms: int) -> None:
        wish = ServiceRaise if self._volatile else ServiceClear
        self._wish(wish(code="journal_volatile", subject="service"), now_ms)

    # -- orders ----------------------------------------------------------------------------------------------------

    def _advance(self, advance: Advance, at_ms: int) -> None:
        self._stepped.outcome.order_steps += advance.steps
        self._stepped.ignored += advance.ignored
        if advance.steps or advance.wishes:
            self._rewatch()
        self._orders_due_ms = self.orders.due_ms()
        for wish in advance.wishes:
            self._wish(wish, at_ms)

    def _run_orders(self, until_ms: int) -> None:
        """What time has brought to the orders by then, each at its own time."""
        while self._orders_due_ms is not None and self._orders_ran_ms < self._orders_due_ms <= until_ms:
            due_ms = self._orders_ran_ms = self._orders_due_ms
            self._advance(self.orders.due(due_ms), due_ms)

    def _rewatch(self) -> None:
        roster = self.configuration.roster
        circuits = [roster.circuits[circuit_id] for circuit_id in sorted(self.orders.watched()) if circuit_id in roster.circuits]
        self._watched = watched_rows(circuits, roster)
        self._watch_rows = np.array(sorted(self._watched), np.int32)

    # -- items -----------------------------------------------------------------------------------------------------

    def _meet_points(self, items: list[Placed]) -> None:
        """New points have no time of their own: they are there before the row's readings."""
        roster = self.configuration.roster
        before = roster.size
        for placed in items:
            item = placed.item
            if isinstance(item, PointHeard) and item.device_id in roster.device_rows:
                roster.add_point(item.device_id, item.metric)
                self._stepped.outcome.points.append((item.device_id, item.metric))
        if roster.size > before and not self._stale_program:
            extend(self.program, roster, self.program.rows)
            self._rewatch()

    def _take_item(self, at: int, placed: Placed) -> None:
        item, at_ms = placed.item, placed.at_ms
        if isinstance(item, ConfigChanged):
            self._configure(item, at_ms)
            return
        self._recompile()
        if isinstance(item, Resumed | Stalled):
            self._take_deafness(item, at_ms)
            return
        self._tick(at_ms)
        if isinstance(item, ALARM_REQUESTS):
            self._answer(at, lambda: self._ask_alarms(item, at_ms))
        elif isinstance(item, POWER_REQUESTS):
            self._answer(at, lambda: self._ask_power(item, at_ms))
        else:
            self._take_notice(item, at_ms)

    def _take_deafness(self, item: Resumed | Stalled, at_ms: int) -> None:
        """The service could not hear for a while: silence is not judged over that time. Before anything of it is counted as due."""
        was_paused = self.memory.paused_ms is not None
        self._findings(engine.pause(self.program, self.memory, item.since_ms))
        if isinstance(item, Resumed):
            # before anything counts as due: nothing was heard meanwhile, so no proof window has ended. Connections come back as items.
            self.deaf = {"telemetry"}
            self._advance(self.orders.resumed(at_ms), at_ms)
            self.orders.lagging(True)
            self._tick(at_ms)
        elif not was_paused:
            self._findings(engine.resume(self.program, self.memory, at_ms))

    def _take_notice(self, item: Any, at_ms: int) -> None:
        """What devices, the broker and the service itself have to say."""
        stepped, orders = self._stepped, self.orders
        match item:
            case Availability():
                stepped.presence.append(item.device_id)
                if item.online and not item.retained:
                    self._hear_sign(item.device_id, at_ms)
                self._findings(engine.availability(self.program, self.memory, item.device_id, item.online, at_ms, item.retained))
            case Confirmation():
                self._hear_sign(item.device_id, at_ms)
                self._findings(engine.heard(self.program, self.memory, item.device_id, at_ms))
                self._advance(orders.confirmation(item, at_ms), at_ms)
            case Sending() if self._volatile:
                stepped.ignored.append(f"order {item.order_id} does not leave: its sending is not in the journal")
            case Sending():
                advance, command = orders.sending(item.order_id, at_ms)
                self._advance(advance, at_ms)
                if command is not None:
                    stepped.commands.append(command)
            case Sent():
                self._advance(orders.sent(item.order_id, item.attempt, at_ms), at_ms)
            case NotSent():
                self._advance(orders.not_sent(item.order_id, item.reason, at_ms, attempt=item.attempt, certain=item.certain), at_ms)
            case Connection():
                self._connect(item, at_ms)
            case Lagging():
                self._hear_again("inbox", not item.is_lagging)
            case UnknownDevice():
                stepped.outcome.unknown.append(unknown_row(item))
            case Refused():
                self.refusals += 1
                self.refused.add(item)
                stepped.refused.append(item)
            case CodecNote():
                self.codec_notes.setdefault(item.codec, {})[item.key] = item.value
            case _:
                raise AssertionError(f"nobody takes a {type(item).__name__}")

    def _findings(self, findings: list[Finding]) -> None:
        self._happen(happenings(findings, _NOTHING, {}, self._watch_rows), _NOTHING)

    def _connect(self, item: Connection, at_ms: int) -> None:
        """Telemetry decides whether we hear, commands whether orders may leave."""
        if item.which == "telemetry":
            act = engine.resume if item.up else engine.pause
            self._findings(act(self.program, self.memory, at_ms))
            wish = ServiceClear if item.up else ServiceRaise
            self._wish(wish(code="broker_lost", subject="service"), at_ms)
            self._hear_again("telemetry", item.up)
        else:
            self.orders.connected() if item.up else self.orders.disconnected()
            for order in [order for order in self.orders.open.values() if order.state is OrderState.SENDING and not item.up]:
                why = "the connection to the broker was lost before it acknowledged"
                self._advance(self.orders.not_sent(order.id, why, at_ms, certain=False), at_ms)
            self._orders_due_ms = self.orders.due_ms()

    def _hear_again(self, cause: str, hears: bool) -> None:
        """While the telemetry connection is down or the inbox lags, nothing heard is no evidence about an order."""
        self.deaf = self.deaf - {cause} if hears else self.deaf | {cause}
        self.orders.lagging(bool(self.deaf))
        self._orders_due_ms = self.orders.due_ms()

    # -- requests --------------------------------------------------------------------------------------------------

    def _answer(self, at: int, ask: Callable[[], Answered]) -> None:
        try:
            self._stepped.answers[at] = ask()
        except (AlarmError, PowerError) as refusal:
            self._stepped.answers[at] = refusal

    def _ask_alarms(self, request: Any, at_ms: int) -> Answered:
        transitions = self.book.request(request, at_ms)
        self._transitions(transitions, at_ms)
        return tuple(self.book.get(t.alarm.id) or t.alarm for t in transitions), ()

    def _ask_power(self, request: Any, at_ms: int) -> Answered:
        outcome, roster = self._stepped.outcome, self.configuration.roster
        match request:
            case Cut() | Restore():
                advance = self.orders.request(request, at_ms)
                self._advance(advance, at_ms)
                return (), tuple(self.orders.get(order.id) or order for order in advance.orders)
            case RecordTrial():
                outcome.circuits.append(self._changed("circuit", with_trial(self._circuit(request.circuit_id), request, at_ms)))
            case SetClass():
                outcome.circuits.append(self._changed("circuit", with_class(self._circuit(request.circuit_id), request)))
            case SetCommanding():
                site = roster.sites.get(request.site_id)
                if site is None:
                    raise UnknownCircuit(f"no site {request.site_id}; nothing was changed")
                outcome.sites.append(self._changed("site", with_commanding(site, request)))
            case LockOut():
                self.orders.lock_out(request, at_ms)
            case Unlock():
                self.orders.unlock(request)
        return (), ()

    def _circuit(self, circuit_id: str) -> Circuit:
        circuit = self.configuration.roster.circuits.get(circuit_id)
        if circuit is None:
            raise UnknownCircuit(f"no circuit {circuit_id}; nothing was changed")
        return circuit

    def _changed(self, kind: str, thing: Any) -> Any:
        """A circuit or site changed by a request: the scan's copy first, the records follow."""
        self.configuration.roster.put(thing)
        self.configuration.versions[(kind, thing.id)] = thing.version
        return thing

    # -- configuration ---------------------------------------------------------------------------------------------

    def _configure(self, change: ConfigChanged, at_ms: int) -> None:
        roster = self.configuration.roster
        old_circuit, old_site, old_device = roster.circuits.get(change.id), roster.sites.get(change.id), roster.device(change.id)
        what = self.configuration.apply(change)
        if what is not None and change.kind == "circuit" and old_circuit is not None:
            self._guard_circuit(old_circuit, roster.circuits.get(change.id))
            self._advance(self.orders.due(at_ms), at_ms)  # complaints about a circuit that is no longer the same end
        if what is not None and change.kind == "site" and old_site is not None:
            self._guard_site(old_site, roster.sites.get(change.id))
        if what is not None and change.kind == "device":
            self._take_device(change.id, old_device, at_ms)
        if what in ("rules", "roster"):
            self._stale_program = True
        if what == "roster":
            self._stepped.roster_changed = True
        rule = self.configuration.rules.get(change.id) if change.kind == "rule" else None
        if change.kind == "rule" and what is not None and (rule is None or not rule.enabled):
            why = "the rule was deleted" if rule is None else "the rule was disabled"
            self._transitions(self.book.withdraw(at_ms, why, rule_id=change.id), at_ms)
            self._transitions(self.book.inhibit(roster, at_ms), at_ms)
        if what is not None and change.kind == "device" and change.body is None:
            self._transitions(self.book.withdraw(at_ms, "the device was removed", device_id=change.id), at_ms)
        if what is not None and change.kind == "device" and old_device != roster.device(change.id):
            self._transitions(self.book.inhibit(roster, at_ms, [change.id, *roster.behind(change.id)]), at_ms)

    def _guard_circuit(self, old: Circuit, new: Circuit | None) -> None:
        """However a circuit's row was edited or imported: another class, breaker or mapping voids its trial."""
        if new is not None and (kept := edited(old, new)) != new:
            self._stepped.outcome.circuits.append(self._changed("circuit", replace(kept, version=new.version + 1)))

    def _guard_site(self, old: Site, new: Site | None) -> None:
        """Commanding is switched by a request, never by an edit of the row."""
        if new is not None and new.commanding != old.commanding:
            kept = replace(new, commanding=old.commanding, version=new.version + 1)
            self._stepped.outcome.sites.append(self._changed("site", kept))

    def _take_device(self, device_id: str, old: Device | None, at_ms: int) -> None:
        """A device came, changed, got other hardware (whose clock is learnt anew), or went; its dates are watched from now on."""
        device = self.configuration.roster.device(device_id)
        if device is None:
            self.refused.forget(device_id)
        elif old is not None and (old.codec, old.address) != (device.codec, device.address):
            self.clocks.forget(self.configuration.roster.device_rows[device_id])
            self.program.intervals.forget(self.configuration.roster.device_rows[device_id])
            self._void_trials(device_id)
        had_dates = self._dated.pop(device_id, None) is not None
        if device is not None and (device.calibrated_until_ms, device.service_until_ms) != (None, None):
            self._dated[device_id] = device
            self._dates_due_ms = 0
        elif device is not None and had_dates:
            for wish in reminders([device], at_ms)[0]:
                self._wish(wish, at_ms)

    def _void_trials(self, device_id: str) -> None:
        """Another breaker stands in this place: what was witnessed with the one before is no longer so."""
        roster = self.configuration.roster
        for circuit_id in sorted(roster.circuits_of_device.get(device_id, ())):
            circuit = roster.circuits[circuit_id]
            if circuit.trial is not None:
                voided = replace(circuit, trial=None, version=circuit.version + 1)
                self._stepped.outcome.circuits.append(self._changed("circuit", voided))

    def _recompile(self) -> None:
        """Compile what changed, whole, before anything else happens; memory is carried by meaning."""
        if not self._stale_program:
            return
        self._stale_program = False
        program = compile(self.configuration.rules.values(), self.configuration.roster, self.program.intervals)
        self.memory = carry(self.program, self.memory, program)
        self.program = program
        self._rewatch()

    # -- keeping it ------------------------------------------------------------------------------------------------

    def _history(self, kept: list[Readings]) -> None:
        parts = [readings for readings in kept if len(readings)]
        if not parts:
            return
        keys = self.configuration.roster.columns.keys
        batch = self._stepped.history
        batch.keys = np.concatenate([keys[readings.rows] for readings in parts])
        batch.taken_ms = np.concatenate([readings.taken_ms for readings in parts])
        batch.values = np.concatenate([readings.values for readings in parts])

    def dump(self) -> WardenState:
        """A copy of everything that cannot be derived."""
        self._recompile()
        return WardenState(
            self.now_ms,
            self.configuration.dump(),
            self.clocks.dump(),
            self.memory.dump(),
            self.book.dump(),
            self.orders.dump(),
            {codec: dict(notes) for codec, notes in self.codec_notes.items()},
            self.refusals,
            sorted(self.deaf),
            self.refused.dump(),
            self.program.intervals.dump(),
        )

    def load(self, state: WardenState) -> None:
        """Become what was dumped."""
        self.now_ms = state.now_ms
        self.configuration = Configuration()
        self.configuration.load(state.configuration)
        roster = self.configuration.roster
        self.clocks = Clocks()
        self.clocks.load(state.clocks)
        intervals = Intervals()
        intervals.load(state.intervals, roster)
        self.program = compile(self.configuration.rules.values(), roster, intervals)
        self.memory = Memory(self.program)
        self.memory.load(state.memory)
        self.book.load(state.book)
        self._late = {}
        for alarm in self.book.open.values():
            self._remember_late(alarm)
        self.orders = Orders(roster, self.book.has_critical)
        self.orders.load(state.orders)
        self.codec_notes = {codec: dict(notes) for codec, notes in state.codec_notes.items()}
        self.refusals = state.refusals
        self.deaf = set(state.deaf)
        self.refused.load(state.refused)
        dated = (device for device in roster.devices() if (device.calibrated_until_ms, device.service_until_ms) != (None, None))
        self._dated = {device.id: device for device in dated}
        self._dates_due_ms = 0 if self._dated else None
        self._stale_program = False
        self._orders_due_ms = self.orders.due_ms()
        self._rewatch()

    @property
    def _stepped(self) -> Stepped:
        assert self._out is not None, "outside a step"
        return self._out
