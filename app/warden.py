"""The warden: what the service is between two journal rows, and the one step that takes it from one to the next.

A deterministic function of its state and the row: no clock, no randomness, no wire, no store. So live = replay = restart. The scan calls
`step` with what the journal has; restart and refill call it with what the journal had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from alarms.book import Book
from alarms.chatter import Chatter
from alarms.deeds import Surroundings
from alarms.errors import AlarmError
from alarms.escalation import Escalations
from alarms.floods import Floods
from alarms.handovers import HandOvers
from alarms.linkage import CommandWanted, CutWanted, HazardWanted, Intent, NotifyWanted, RunWanted
from alarms.linkages import Linkages
from alarms.model import Transition
from alarms.peaks import Peaks
from alarms.presence_checks import PresenceChecks
from alarms.proof_tests import ProofTests
from alarms.quiet_times import QuietTimes
from alarms.realarm import Realarm
from alarms.section import Products, Section, follows_alarms, is_empty
from alarms.self_tests import SelfTests
from alarms.service_alarms import ServiceClear, ServiceRaise
from alarms.suppressions import Suppressions
from alarms.validity import reminders
from app.asking import ask_alarms, ask_power
from app.configuration import Configuration
from app.happenings import Happening, happenings
from app.late_alarms import LateAlarms
from app.reconfigure import reconfigure
from app.rows import ConfigChanged, Connection, Input, Lagging, NotSent, Placed, Resumed, Sending, Sent, Stalled
from app.stepped import ALARM_REQUESTS, POWER_REQUESTS, Answered, Stepped, WardenState, unknown_row
from ingest.clocks import Clocks
from ingest.heard import Availability, CodecNote, PointHeard, Refused, UnknownDevice
from ingest.refusals import Refusals
from power.after_hours import AfterHours
from power.base_load import BaseLoads
from power.errors import PowerError
from power.lock_outs import LockOuts
from power.measure import watched_rows
from power.model import Confirmation, OrderState
from power.mornings import Mornings
from power.order_book import Advance
from power.orders import Orders
from power.reminders import Reminders
from power.run_model import StartPlan
from power.runs import Runs
from power.stay_on import StayOns
from power.switchings import Switchings
from power.work_permits import WorkPermits
from rules import engine
from rules.carry import carry
from rules.compile import Program, extend
from rules.findings import Edge, Finding
from rules.intervals import Intervals
from rules.memory import Memory
from rules.presence import retime, state_of
from sites.latest import apply_latest
from sites.model import Device
from sites.readings import RETAINED, RawReadings, Readings
from storage.projection import Heard, HistoryBatch, Outcome

_NOTHING = Readings.of([], [], [], [])
_NO_ROWS = np.zeros(0, np.int32)


class Warden:
    """All scan state. Only the scan calls `step`; others read what the scan has published."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.configuration = Configuration()
        self.clocks = Clocks()
        self.program: Program = self.configuration.program()
        self.memory = Memory(self.program)
        self.book = Book()
        self.orders = Orders(self.configuration.roster, self.book.has_critical)
        self.codec_notes: dict[str, dict[str, bytes]] = {}
        self.refusals = 0  # refused readings and messages since the beginning
        self.refused = Refusals()  # the last of them by device
        self.deaf: set[str] = set()  # why nothing heard is no evidence now: telemetry, inbox
        self.wants_snapshot = False
        self.sections: tuple[Section, ...] = ()
        self._followers: tuple[Section, ...] = ()
        self._section_of: dict[type, Section] = {}
        self._out: Stepped | None = None
        self._volatile = False
        self._stale_program = False
        self._orders_ran_ms = -1
        self._orders_due_ms: int | None = None
        self._dated: dict[str, Device] = {}  # devices with a date of calibration or service life
        self._dates_due_ms: int | None = None
        self._late = LateAlarms()
        self._watched: dict[int, str] = {}  # point row -> circuit id, of circuits whose readings matter now
        self._watch_rows = np.zeros(0, np.int32)
        self._is_watch_stale = True
        self._furnish()

    def _furnish(self) -> None:
        """Make the sections anew, in the order in which they are told of things; each reads what it is given here, and writes itself."""
        documents = self.configuration.documents
        roster = self.configuration.roster
        suppressions, proof_tests = Suppressions(self.book, roster), ProofTests(self.book, roster)
        quiet_times = QuietTimes(self.book, roster, documents["quiet_time"])
        self.book.suppressors = (suppressions.causes, proof_tests.causes, quiet_times.causes)
        self.orders.simulate_in(proof_tests.of_circuit)
        self.peaks = Peaks(roster, self.configuration.rules.get)
        self.book.worst = self.peaks.worst
        self.switchings = Switchings(self.orders, roster)
        lock_outs = LockOuts(self.orders, roster)
        permits, stay_ons, self.base_loads = WorkPermits(self.book, roster), StayOns(roster), BaseLoads(roster)
        holds = (permits.holds, stay_ons.holds)
        self.runs = Runs(self.orders, roster, documents["plan"], documents["calendar"], lambda: self.now_ms, holds)
        sections: list[Section] = [
            Linkages(self.book, roster, self.configuration.linkages, Surroundings(plans=documents["plan"])),
            suppressions,
            proof_tests,
            quiet_times,
            Chatter(self.book, self.configuration.rules.get),
            Realarm(self.book, roster, self.configuration.rules.get),
            Escalations(self.book, self.configuration.roster, documents),
            PresenceChecks(roster, documents["presence_schedule"]),
            HandOvers(),
            Floods(),
            SelfTests(),
            self.switchings,
            lock_outs,
            permits,
            stay_ons,
            self.base_loads,
            self.runs,
            AfterHours(roster, self.runs, documents["calendar"], self.base_loads.of),
            Mornings(self.orders, roster, self.runs, self.switchings, lock_outs),
            Reminders(roster, self.runs, documents["plan"]),
        ]
        self.sections = tuple(sections)
        self._followers = tuple(section for section in sections if follows_alarms(section))
        self._section_of = {kind: section for section in sections for kind in section.requests}

    # -- asked by the scan -----------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        """When time alone wants a step; None: never, as things stand."""
        dues = (engine.due_ms(self.memory), self.orders.due_ms(), self._dates_due_ms, *(section.due_ms() for section in self.sections))
        return min((due for due in dues if due is not None), default=None)

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
        self._tell_presence(out)
        self._out = None
        return out

    def _tell_presence(self, out: Stepped) -> None:
        """How devices are heard from now on, where that has changed."""
        for device_id in dict.fromkeys(out.presence):
            device = self.configuration.roster.device(device_id)
            if device is not None:
                state = state_of(self.program, self.memory, device_id)[0]
                out.outcome.presences.append(Heard(device_id=device_id, site_id=device.site_id, state=state, at_ms=out.now_ms))

    def _take(self, raw: RawReadings) -> Readings:
        """Readings between two items: settle their times, step the rules, and let what they bring about happen in its order."""
        self._recompile()
        readings = self.clocks.settle(raw, self.configuration.roster)
        if not len(readings):
            return readings
        for part in self._parts(readings):
            findings = engine.step(self.program, self.memory, part, int(part.arrived_ms[-1]))
            self._watch()
            self._happen(happenings(findings, part, self._watched, self._watch_rows), part)
            if self._late:
                for at_ms, transitions in self._late.uphold(part, self.program, self.memory, self.configuration, self.book):
                    self.transact(transitions, at_ms)
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
        self._happen(happenings(engine.step(self.program, self.memory, _NOTHING, until_ms), _NOTHING, {}, _NO_ROWS), _NOTHING)
        self._run_due(until_ms)
        if self._dates_due_ms is not None and self._dates_due_ms <= until_ms:
            wishes, self._dates_due_ms = reminders([self._dated[name] for name in sorted(self._dated)], until_ms)
            for wish in wishes:
                self.wish(wish, until_ms)

    def _happen(self, sequence: list[Happening], readings: Readings) -> None:
        """Findings and watched measurements in order of time; before each, the readings up to it are the latest, and what was due by
        then has run."""
        done = 0
        for happening in sequence:
            if happening.upto > done:
                self._hear(readings.cut(done, happening.upto))
                done = happening.upto
            self._run_due(happening.at_ms)
            if happening.finding is not None:
                self._find(happening.finding)
            if happening.circuit_id is not None:
                self.advance(self.orders.measured(happening.circuit_id, happening.at_ms), happening.at_ms)
        if done < len(readings):
            self._hear(readings.cut(done, len(readings)))

    def _hear(self, readings: Readings) -> None:
        """These readings are the latest now."""
        apply_latest(self.configuration.roster, readings)
        if self.peaks:
            self.peaks.hear(readings)
        told = self.switchings.hear(readings)
        if told.facts:
            self.out.outcome.facts += told.facts

    # -- alarms ----------------------------------------------------------------------------------------------------

    def _find(self, finding: Finding) -> None:
        rule = self.configuration.rule(finding.rule_id, finding.rule_version)
        assert rule is not None, f"a finding of rule {finding.rule_id}, which is not there"
        if finding.subject.startswith("device:") and finding.edge is not Edge.STEPPED:
            self.out.presence.append(finding.device_id)
        self.transact(self.book.apply(finding, rule, self.configuration.roster, finding.fired_ms), finding.fired_ms)
        if finding.is_late and (alarm := self.book.find(finding.rule_id, finding.subject)) is not None:
            self._late.remember(alarm, self.configuration)

    def transact(self, transitions: list[Transition], at_ms: int) -> None:
        """Keep what the book has made of its alarms, and let the linkages and the sections follow it."""
        outcome = self.out.outcome
        for transition in transitions:
            if self._volatile:
                transition = self.book.mark_unrecorded(transition)
            outcome.transitions.append(transition)
            self.peaks.follow(transition.alarm)
            for section in self._followers:
                products = section.follow(transition, at_ms)
                if not is_empty(products):
                    self.carry_out(products, at_ms)

    def intend(self, intents: Sequence[Intent], at_ms: int) -> None:
        """Notify, cut, hazard: what a linkage or a section wants."""
        outcome = self.out.outcome
        for intent in intents:
            match intent:
                case NotifyWanted():
                    outcome.notifies.append(intent)
                case HazardWanted():
                    outcome.hazards.append(intent)
                case CutWanted():
                    if self._volatile:
                        self.out.ignored.append(f"no automatic cut of {intent.circuit_id}: the journal cannot be written")
                    else:
                        self.advance(self.orders.intend(intent, at_ms), at_ms)
                case RunWanted():
                    self._run_wanted(intent, at_ms)
                case CommandWanted():
                    self.out.ignored.append(f"no command to {intent.actuator_id}: no actuator of that id")

    def _run_wanted(self, intent: RunWanted, at_ms: int) -> None:
        """A linkage starts a plan; why it cannot is in the log, and the alarm's linkages say that it was wanted."""
        if self._volatile:
            self.out.ignored.append(f"no run of {intent.plan_id}: the journal cannot be written")
            return
        start = StartPlan(
            key=intent.key, plan_id=intent.plan_id, who=f"linkage:{intent.linkage_id}", reason=intent.reason, alarm_id=intent.alarm_id
        )
        try:
            self.carry_out(self.runs.start_by_linkage(start, at_ms), at_ms)
        except PowerError as refusal:
            self.out.ignored.append(f"no run of {intent.plan_id}: {refusal}")

    def carry_out(self, products: Products, at_ms: int) -> None:
        """What a section wants done."""
        if products.transitions:
            self.transact(products.transitions, at_ms)
        outcome = self.out.outcome
        outcome.facts += products.facts
        for wish in products.wishes:
            self.wish(wish, at_ms)
        outcome.firings += products.firings
        if products.intents:
            self.intend(products.intents, at_ms)
        for advance in products.advances:
            self.advance(advance, at_ms)

    def wish(self, wish: ServiceRaise | ServiceClear, at_ms: int) -> None:
        if isinstance(wish, ServiceRaise):
            self.transact(self.book.raise_service(wish, self.configuration.roster, at_ms), at_ms)
        else:
            self.transact(self.book.clear_service(wish, at_ms), at_ms)

    def _tell_volatile(self, now_ms: int) -> None:
        wish = ServiceRaise if self._volatile else ServiceClear
        self.wish(wish(code="journal_volatile", subject="service"), now_ms)

    # -- orders ----------------------------------------------------------------------------------------------------

    def advance(self, advance: Advance, at_ms: int) -> None:
        self.out.outcome.order_steps += advance.steps
        self.out.ignored += advance.ignored
        if advance.steps or advance.wishes:
            self._is_watch_stale = True
        self._orders_due_ms = self.orders.due_ms()
        for step in advance.steps:
            for section in self.sections:
                self.carry_out(section.follow_order(step, at_ms), at_ms)
        for wish in advance.wishes:
            self.wish(wish, at_ms)

    def _run_due(self, until_ms: int) -> None:
        """What time has brought to the orders and the sections by then, each at its own time; at one time the orders first."""
        while True:
            due_ms = self._orders_due_ms if self._orders_due_ms is not None and self._orders_due_ms > self._orders_ran_ms else None
            section_due_ms = None
            for section in self.sections:
                moment_ms = section.due_ms()
                if moment_ms is not None and (section_due_ms is None or moment_ms < section_due_ms):
                    section_due_ms = moment_ms
            if due_ms is not None and due_ms <= until_ms and (section_due_ms is None or due_ms <= section_due_ms):
                self._orders_ran_ms = due_ms
                self.advance(self.orders.due(due_ms), due_ms)
            elif section_due_ms is not None and section_due_ms <= until_ms:
                section = next(section for section in self.sections if section.due_ms() == section_due_ms)
                self.carry_out(section.due(section_due_ms), section_due_ms)
                still_ms = section.due_ms()
                assert still_ms is None or still_ms > section_due_ms, f"{section.name} does not let go of {section_due_ms}"
            else:
                return

    def _watch(self) -> None:
        """Which readings matter to orders now; looked up again only when orders, circuits or points have changed."""
        if not self._is_watch_stale:
            return
        self._is_watch_stale = False
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
                self.out.outcome.points.append((item.device_id, item.metric))
        if roster.size > before and not self._stale_program:
            extend(self.program, roster, self.program.rows)
            self._is_watch_stale = True

    def _take_item(self, at: int, placed: Placed) -> None:
        item, at_ms = placed.item, placed.at_ms
        if isinstance(item, ConfigChanged):
            reconfigure(self, item, at_ms)
            return
        self._recompile()
        if isinstance(item, Resumed | Stalled):
            self._take_deafness(item, at_ms)
            return
        self._tick(at_ms)
        if isinstance(item, ALARM_REQUESTS):
            self._answer(at, lambda: ask_alarms(self, item, at_ms))
        elif isinstance(item, POWER_REQUESTS):
            self._answer(at, lambda: ask_power(self, item, at_ms))
        elif (section := self._section_of.get(type(item))) is not None:
            self._answer(at, lambda: self._ask_section(section, item, at_ms))
        else:
            self._take_notice(item, at_ms)

    def _take_deafness(self, item: Resumed | Stalled, at_ms: int) -> None:
        """The service could not hear for a while: silence is not judged over that time. Before anything of it is counted as due."""
        was_paused = self.memory.paused_ms is not None
        self._findings(engine.pause(self.program, self.memory, item.since_ms))
        if isinstance(item, Resumed):
            # before anything counts as due: nothing was heard meanwhile, so no proof window has ended. Connections come back as items.
            self.deaf = {"telemetry"}
            self.advance(self.orders.resumed(at_ms), at_ms)
            self.orders.lagging(True)
            for section in self.sections:
                self.carry_out(section.resumed(item.since_ms, at_ms), at_ms)
            self._tick(at_ms)
        elif not was_paused:
            self._findings(engine.resume(self.program, self.memory, at_ms))

    def _take_notice(self, item: Any, at_ms: int) -> None:
        """What devices, the broker and the service itself have to say."""
        stepped, orders = self.out, self.orders
        match item:
            case Availability():
                stepped.presence.append(item.device_id)
                if item.online and not item.retained:
                    self._hear_sign(item.device_id, at_ms)
                self._findings(engine.availability(self.program, self.memory, item.device_id, item.online, at_ms, item.retained))
            case Confirmation():
                self._hear_sign(item.device_id, at_ms)
                self._findings(engine.heard(self.program, self.memory, item.device_id, at_ms))
                self.advance(orders.confirmation(item, at_ms), at_ms)
            case Sending() if self._volatile:
                stepped.ignored.append(f"order {item.order_id} does not leave: its sending is not in the journal")
            case Sending():
                advance, command = orders.sending(item.order_id, at_ms)
                self.advance(advance, at_ms)
                if command is not None:
                    stepped.commands.append(command)
            case Sent():
                self.advance(orders.sent(item.order_id, item.attempt, at_ms), at_ms)
            case NotSent():
                self.advance(orders.not_sent(item.order_id, item.reason, at_ms, attempt=item.attempt, certain=item.certain), at_ms)
            case Connection():
                self._connect(item, at_ms)
            case ServiceRaise() | ServiceClear():
                self.wish(item, at_ms)
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
        self._happen(happenings(findings, _NOTHING, {}, _NO_ROWS), _NOTHING)

    def _connect(self, item: Connection, at_ms: int) -> None:
        """Telemetry decides whether we hear, commands whether orders may leave."""
        if item.which == "telemetry":
            act = engine.resume if item.up else engine.pause
            self._findings(act(self.program, self.memory, at_ms))
            wish = ServiceClear if item.up else ServiceRaise
            self.wish(wish(code="broker_lost", subject="service"), at_ms)
            if item.up and item.lossy:  # a moment, not a state: it waits for people
                note = "the broker had forgotten our session: messages may have been lost while we were away"
                self.wish(ServiceRaise(code="session_lost", subject="service", note=note), at_ms)
                self.wish(ServiceClear(code="session_lost", subject="service"), at_ms)
            self._hear_again("telemetry", item.up)
        else:
            self.orders.connected() if item.up else self.orders.disconnected()
            for order in [order for order in self.orders.open.values() if order.state is OrderState.SENDING and not item.up]:
                why = "the connection to the broker was lost before it acknowledged"
                self.advance(self.orders.not_sent(order.id, why, at_ms, certain=False), at_ms)
            self._orders_due_ms = self.orders.due_ms()

    def _hear_again(self, cause: str, hears: bool) -> None:
        """While the telemetry connection is down or the inbox lags, nothing heard is no evidence about an order."""
        self.deaf = self.deaf - {cause} if hears else self.deaf | {cause}
        self.orders.lagging(bool(self.deaf))
        self._orders_due_ms = self.orders.due_ms()

    # -- requests --------------------------------------------------------------------------------------------------

    def _answer(self, at: int, ask: Callable[[], Answered]) -> None:
        try:
            self.out.answers[at] = ask()
        except (AlarmError, PowerError) as refusal:
            self.out.answers[at] = refusal

    def _ask_section(self, section: Section, request: Any, at_ms: int) -> Answered:
        products = section.request(request, at_ms)
        orders = [order for advance in products.advances for order in advance.orders]
        self.carry_out(products, at_ms)
        alarms = tuple(self.book.get(t.alarm.id) or t.alarm for t in products.transitions)
        return alarms, tuple(self.orders.get(order.id) or order for order in orders), tuple(products.facts)

    def changed(self, kind: str, thing: Any) -> Any:
        """A circuit or site changed by a request: the scan's copy first, the records follow."""
        self.configuration.roster.put(thing)
        self.configuration.versions[(kind, thing.id)] = thing.version
        self._stale_program |= kind == "circuit"  # rules may be of its class or its rated current
        return thing

    # -- configuration ---------------------------------------------------------------------------------------------

    def configured(self, kind: str, thing_id: str, what: str, at_ms: int) -> None:
        """A thing of the configuration has changed: what must follow from it, but for what `app.reconfigure` does. `what` is that of
        `Configuration.apply`; of the roster also `more` (a device that never was) and `names` (of a device, nothing that rules look at)."""
        if what in ("rules", "roster"):
            self._stale_program = True
        if what in ("roster", "more", "names"):
            self.out.roster_changed = True
        for section in self.sections:
            self.carry_out(section.configured(kind, thing_id, at_ms), at_ms)

    def date(self, device_id: str, at_ms: int) -> None:
        """Watch the dates of calibration and service life that this device has now."""
        device = self.configuration.roster.device(device_id)
        had_dates = self._dated.pop(device_id, None) is not None
        if device is not None and (device.calibrated_until_ms, device.service_until_ms) != (None, None):
            self._dated[device_id] = device
            self._dates_due_ms = 0
        elif device is not None and had_dates:
            for wish in reminders([device], at_ms)[0]:
                self.wish(wish, at_ms)

    def _recompile(self) -> None:
        """Compile what changed, whole, before anything else happens; memory is carried by meaning. What is only new is appended."""
        if not self._stale_program:
            if self.program.devices < len(self.configuration.roster.devices_by_row):
                extend(self.program, self.configuration.roster, self.program.rows)
            return
        self._stale_program = False
        program = self.configuration.program(self.program.intervals)
        self.memory = carry(self.program, self.memory, program)
        self.program = program
        self._is_watch_stale = True

    # -- keeping it ------------------------------------------------------------------------------------------------

    def _history(self, kept: list[Readings]) -> None:
        parts = [readings for readings in kept if len(readings)]
        if not parts:
            return
        keys = self.configuration.roster.columns.keys
        batch = self.out.history
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
            {section.name: msgspec.msgpack.encode(section.dump()) for section in self.sections},
            self.peaks.dump(),
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
        self.program = self.configuration.program(intervals)
        self.memory = Memory(self.program)
        self.memory.load(state.memory)
        self.book.load(state.book)
        self._late = LateAlarms()
        for alarm in self.book.open.values():
            self._late.remember(alarm, self.configuration)
        self.orders = Orders(roster, self.book.has_critical)
        self.orders.load(state.orders)
        self._furnish()
        self.peaks.load(list(self.book.open.values()), state.peaks)
        for section in self.sections:
            if section.name in state.sections:
                section.load(msgspec.msgpack.decode(state.sections[section.name], type=section.state_type))
        self.codec_notes = {codec: dict(notes) for codec, notes in state.codec_notes.items()}
        self.refusals = state.refusals
        self.deaf = set(state.deaf)
        self.refused.load(state.refused)
        dated = (device for device in roster.devices() if (device.calibrated_until_ms, device.service_until_ms) != (None, None))
        self._dated = {device.id: device for device in dated}
        self._dates_due_ms = 0 if self._dated else None
        self._stale_program = False
        self._orders_due_ms = self.orders.due_ms()
        self._is_watch_stale = True

    @property
    def out(self) -> Stepped:
        assert self._out is not None, "outside a step"
        return self._out
