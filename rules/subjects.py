"""Rules over several points: expressions, votes and *only while*, stepped in order of arrival within each place.

Readings of different places (zones) are independent: the batch goes by rounds in each of which a place has one reading, and before it
whatever is due in that place by then. Only subjects that a reading touches are looked at. The only writer of `SubjectMemory`.

    state of a level         true                 false                unknown
    idle                     rising, or active    -                    -
    rising                   active (hold over)   idle                 active at once if silence made it so, else idle
    active                   -                    falling, or idle     -
    falling (still active)   active               idle (hold over)     active

A point is unknown from 2.5 expected intervals without a reading on. Holds run by the service's clock; a reading confirms one by its own
time only for the device that began it. While the newest reading of any of its points is late a subject does not clear. What is out of order
never changes the present. Gates (*only while*, schedule) are looked at first: shut, nothing rises, and what is active clears; a gate that
is unknown stays as it is, and is shut in the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rules.expression_eval import Interval
from rules.kernels import ACTIVE, FALLING, LATE, PENDING, RISING
from rules.subjects_frame import Scene, condition_of
from rules.subjects_memory import NEVER, GroupMemory, SubjectMemory
from rules.subjects_parts import AFTER, BEFORE, Cause, PointStage, Shown, Turned, least, starts_of, top
from rules.subjects_plan import Group, Plan
from rules.subjects_quiet import Sides, holds_in, is_quiet, pass_over, sides_of
from rules.subjects_rates import keep
from rules.wheel import FAR
from sites.readings import RETAINED, Readings

if TYPE_CHECKING:
    from rules.compile import Program
    from rules.memory import Memory

Ints = NDArray[np.int64]
_AHEAD, _MOST_AHEAD = 4, 1 << 14  # readings of a place that are looked at for being quiet


@dataclass(slots=True)
class Stage:
    """One step over the subjects of a program."""

    program: Program
    memory: Memory
    plan: Plan
    mine: SubjectMemory
    point: PointStage
    made: list[Shown] = field(default_factory=list)
    turned: list[Turned] = field(default_factory=list)
    place_at: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # scratch: place -> where it is in the cause
    reopened: dict[int, list[Ints]] = field(default_factory=dict)  # group -> subjects whose gate has turned at this moment

    def __post_init__(self) -> None:
        self.place_at = np.full(self.plan.places, -1, np.int64)

    @property
    def scene(self) -> Scene:
        return Scene(self.program, self.memory, self.mine)

    # -- the batch -------------------------------------------------------------------------------------------------

    def run(self, readings: Readings, arrived: Ints, use: Ints | None, until_ms: int) -> None:
        """The readings at `use` (None: all) and then time up to `until_ms`."""
        if self.plan.heeds_devices:
            self.mine.device_heard_h, self.mine.device_offline = self.memory.device_heard_h.copy(), self.memory.device_offline.copy()
        if not self.mine.is_settled:
            self._settle(arrived, until_ms)
        touched = self.plan.touches[readings.rows]
        index = np.flatnonzero(touched) if use is None else use[touched[use]]
        if len(index):
            place = self.plan.place_of_device[self.program.device_rows[readings.rows[index]]]
            order = np.argsort(place, kind="stable")
            self._take(readings, arrived, index[order], place[order])
        due = self.mine.wheel.take(until_ms)
        if len(due):
            self._run_timers(due, np.full(len(due), until_ms))

    def _take(self, readings: Readings, arrived: Ints, index: Ints, place: Ints) -> None:
        """Readings sorted by place, in order within each: in turns, in each of which every place passes over what is quiet and then has one
        reading."""
        starts = starts_of(place)
        ends = np.append(starts[1:], len(place))
        ahead = 1 if self.plan.heeds_devices else _AHEAD
        while len(starts):
            counts = np.minimum(ends - starts, ahead)
            begins = np.cumsum(counts) - counts
            at = np.arange(int(counts.sum())) + np.repeat(starts - begins, counts)
            passed = np.zeros(len(starts), np.int64) if ahead == 1 else self._pass_over(readings, arrived, index, place, at, counts, begins)
            starts = starts + passed
            waits = passed < counts
            now = starts[waits]
            if len(now):
                self.advance(place[now], arrived[index[now]])
                self._read(readings, arrived, index[now], place[now])
                starts[waits] += 1
            if not self.plan.heeds_devices:
                is_calm = 4 * len(now) < len(starts) or (passed > ahead // 2).any()
                ahead = min(ahead * 4, _MOST_AHEAD) if is_calm else max(ahead // 2, 2)
            going = starts < ends
            starts, ends = starts[going], ends[going]

    def _pass_over(self, readings: Readings, arrived: Ints, index: Ints, place: Ints, at: Ints, counts: Ints, begins: Ints) -> Ints:
        """How many readings each place passes over, from where it is; they are taken in."""
        reading = index[at]
        rows = readings.rows[reading]
        batch = rows, readings.taken_ms[reading], arrived[reading], readings.values[reading], readings.delay_ms[reading]
        quiet = is_quiet(self.program, self.memory, self.mine, self.plan_sides(), batch)
        quiet &= self.mine.wheel.queued_ms[place[at]] > batch[2]
        own = np.repeat(np.arange(len(counts)), counts)
        first = np.where(quiet, len(at), np.arange(len(at)))
        passed = np.minimum(np.minimum.reduceat(first, begins) - begins, counts)
        held = holds_in(self.mine, place[at[begins]]) | self.mine.is_owed[place[at[begins]]]
        passed[held] = 0
        use = np.arange(len(at)) - begins[own] < passed[own]
        if use.any():
            rows, taken, when, values, delay = batch
            pass_over(self.program, self.memory, self.mine, (rows[use], taken[use], when[use], values[use], delay[use]))
            linked = reading[use][self.plan.is_linked[rows[use]]]
            if len(linked):
                self.point.take(np.sort(linked))
        return passed

    def plan_sides(self) -> Sides:
        """Made when it is first asked for."""
        if self.mine.sides is None:
            self.mine.sides = sides_of(self.program, self.plan)
        return self.mine.sides

    def _settle(self, arrived: Ints, until_ms: int) -> None:
        """Look at everything once, at the moment that was reached; after a restart only at what is due: all else was looked at."""
        now_ms = self.memory.now_ms
        if now_ms == NEVER:
            now_ms = int(arrived[0]) if len(arrived) else until_ms
        places = np.arange(self.plan.places)
        self.mine.is_settled = True
        if self.mine.is_left:
            self.mine.at_ms[:] = now_ms
        else:
            self._moment(places, np.full(len(places), now_ms), None)
        self._owe(now_ms)
        self.mine.is_left = self.mine.is_edited = False
        self._queue(places, self.next_due(places))

    def _owe(self, now_ms: int) -> None:
        """Where an edit has kept what holds no longer, the next reading decides, however quiet it is."""
        self.mine.is_owed[:] = False
        for group, memory in zip(self.plan.groups, self.mine.groups, strict=True):
            if group.is_gate:
                continue
            steady = (memory.status & (ACTIVE | FALLING)) == ACTIVE
            subjects = np.flatnonzero(steady.any(axis=1))
            if len(subjects):
                when = np.full(len(subjects), now_ms)
                condition, _ = condition_of(self.scene, group, subjects, when, memory, writes=False)
                _, back, _ = self.scene.compare(group, subjects, condition)
                back = (back & steady[subjects]).any(axis=1) & ~self.scene.some_late(group, subjects, when)
                self.mine.is_owed[group.places[subjects[back]]] = True

    # -- time ------------------------------------------------------------------------------------------------------

    def advance(self, places: Ints, until: Ints) -> None:
        """Whatever is due in these places by `until`, each in its order."""
        wanted = self.mine.wheel.queued_ms[places] <= until
        if wanted.any():
            self._run_timers(places[wanted], until[wanted])

    def _run_timers(self, places: Ints, until: Ints) -> None:
        while len(places):
            due = self.next_due(places)
            over = due <= until
            self._queue(places[~over], due[~over])
            places, until, due = places[over], until[over], due[over]
            if len(places):
                self._moment(places, np.maximum(due, self.mine.at_ms[places]), None)

    def _queue(self, places: Ints, due: Ints) -> None:
        """Let these places come up at these times, and at no others that stand already."""
        self.mine.wheel.queued_ms[places] = FAR
        self.mine.wheel.put(places, due)

    def next_due(self, places: Ints) -> Ints:
        """When time alone changes something in each of these places after what was taken already; FAR: never."""
        found = np.full(len(places), FAR, np.int64)
        after = self.mine.at_ms[places]
        slots, own = self.plan.slots_of_place.take(places)
        heard = self.mine.heard_h[slots] != NEVER
        overdue = self.mine.heard_h[slots] + self.program.gap_ms[self.plan.slot_device[slots]]
        least(found, own[heard], self._service(overdue[heard]), after)
        watches, own = self.plan.watches.take(places)
        if len(watches):
            heard_h = self.mine.device_heard_h[self.program.watch_device[watches]]
            limit = heard_h + self.program.watch_limit_ms[watches]
            least(found, own[heard_h != NEVER], self._service(limit[heard_h != NEVER]), after)
        for group, memory in zip(self.plan.groups, self.mine.groups, strict=True):
            subjects, own = group.by_place.take(places)
            if not len(subjects):
                continue
            for number, node in enumerate(group.holds):
                since = memory.held_ms[number, subjects]
                begun = since != NEVER
                least(found, own[begun], since[begun] + int(node.number), after)
            if not group.is_gate:
                pending, due = self._pending(group, memory, subjects)
                least(found, own[pending], due)
            if len(group.schedules):
                least(found, own, self._schedules(group, subjects, after[own])[1], after)
        checks, own = self.plan.linked_checks.take(places)
        if len(checks):
            waiting = (self.memory.status[checks] & PENDING) != 0
            least(found, own[waiting], self.point.due(checks[waiting]))
        return np.where(found == FAR, FAR, np.maximum(found, after))

    def _pending(self, group: Group, memory: GroupMemory, subjects: Ints) -> tuple[Ints, Ints]:
        """(place in `subjects`, when it is due) of the holds that are running."""
        at, level = np.nonzero(memory.status[subjects] & PENDING)
        rising = (memory.status[subjects[at], level] & RISING) != 0
        since = memory.since_clock_ms[subjects[at], level]
        variant = group.variant_of[subjects[at]]
        return at, np.where(rising, since + group.hold_ms[variant, level], self._service(since + group.clear_hold_ms[variant]))

    def _service(self, hearing_h: Ints) -> Ints:
        at_ms = hearing_h + self.memory.lost_ms
        return at_ms if self.memory.paused_ms is None else np.where(at_ms <= self.memory.paused_ms, at_ms, FAR)

    def _schedules(self, group: Group, subjects: Ints, at_ms: Ints) -> tuple[NDArray[np.bool_], Ints]:
        """Whether the schedules of these subjects are open at these moments, and when they turn next."""
        is_open, turn = np.zeros(len(subjects), np.bool_), np.full(len(subjects), FAR, np.int64)
        which = group.schedule_of[subjects]
        for moment in np.unique(np.stack([which, at_ms]), axis=1).T.tolist():
            gate = group.schedules[moment[0]]
            begin, end, state = self.mine.turns.get(gate, (0, 0, False))
            if not begin <= moment[1] < end:
                following = gate.next_ms(moment[1])
                begin, end, state = moment[1], int(FAR) if following is None else following, gate.is_open(moment[1])
                self.mine.turns[gate] = begin, end, state
            mine = (which == moment[0]) & (at_ms == moment[1])
            is_open[mine], turn[mine] = state, end
        return is_open, turn

    # -- one moment of some places ---------------------------------------------------------------------------------

    def _read(self, readings: Readings, arrived: Ints, index: Ints, places: Ints) -> None:
        """One reading of each of these places."""
        rows = readings.rows[index]
        taken, values, delay = readings.taken_ms[index], readings.values[index], readings.delay_ms[index]
        device = self.program.device_rows[rows].astype(np.int64)
        slot = self.plan.slot_of_row[rows].astype(np.int64)
        newest = np.where(slot >= 0, self.mine.taken_ms[slot] if len(self.mine.taken_ms) else NEVER, NEVER)
        fresh = (slot >= 0) & (taken > newest)
        gap = fresh & (newest != NEVER) & (taken - newest > self.program.gap_ms[device])
        if len(self.plan.spans):
            keep(self.plan, self.mine, slot[slot >= 0], taken[slot >= 0], values[slot >= 0], newest[slot >= 0])
        own = slot[fresh]
        self.mine.previous[own] = np.where(newest[fresh] == NEVER, np.nan, self.mine.values[own])
        self.mine.taken_ms[own], self.mine.values[own], self.mine.delay_ms[own] = taken[fresh], values[fresh], delay[fresh]
        heard_h = self.memory.hearing(arrived[index])
        self.mine.heard_h[own] = heard_h[fresh]
        self.mine.wheel.put(places[fresh], self._service(heard_h[fresh] + self.program.gap_ms[device[fresh]]))
        if self.plan.heeds_devices:
            self._hear(device, heard_h, readings.flags[index], places)
        is_linked = self.plan.is_linked[rows]
        cause = Cause(places, index, np.where(fresh, slot, -1), device, taken, delay, gap, is_linked)
        matters = fresh | is_linked | self.plan.heeds_devices
        if not matters.all():
            cause = Cause(*(getattr(cause, name)[matters] for name in Cause.__slots__))
            places, index = places[matters], index[matters]
        if len(places):
            self._moment(places, arrived[index], cause)

    def look_again(self, device: int) -> None:
        """Something became known of a device that is no reading."""
        self.run(Readings.of([], [], [], []), np.zeros(0, np.int64), None, self.memory.now_ms)
        place = self.plan.place_of_device[device : device + 1]
        if not len(place):
            return
        self._moment(place, np.array([self.memory.now_ms]), None)
        self._queue(place, self.next_due(place))

    def _hear(self, device: Ints, heard_h: Ints, flags: NDArray[np.uint8], places: Ints) -> None:
        live = (flags & RETAINED) == 0
        self.mine.device_heard_h[device[live]] = heard_h[live]
        self.mine.device_offline[device[live]] = False
        watches, own = self.plan.watches.take(places[live])
        mine = self.program.watch_device[watches] == device[live][own]
        self.mine.wheel.put(places[live][own[mine]], self._service(heard_h[live][own[mine]] + self.program.watch_limit_ms[watches[mine]]))

    def _moment(self, places: Ints, at_ms: Ints, cause: Cause | None) -> None:
        """Gates first, then what a reading or the clock brings to the checks of points, then everything that looks at alarms."""
        self.place_at[places] = np.arange(len(places))
        for number in self.plan.first:
            self._look(number, places, at_ms, cause, BEFORE)
        if cause is not None:
            if cause.is_linked.any():
                self.point.take(cause.index[cause.is_linked])
        else:
            checks, own = self.plan.linked_checks.take(places)
            waiting = (self.memory.status[checks] & PENDING) != 0
            if waiting.any():
                self.point.fire(checks[waiting], at_ms[own[waiting]])
        for number in self.plan.then:
            self._look(number, places, at_ms, cause, AFTER)
        self.reopened.clear()
        self.mine.at_ms[places], self.mine.is_owed[places] = at_ms, False
        checks, own = self.plan.linked_checks.take(places)
        waiting = (self.memory.status[checks] & PENDING) != 0
        if waiting.any():
            self._wake(places[own[waiting]], self.point.due(checks[waiting]), None)
        self.place_at[places] = -1

    def _look(self, number: int, places: Ints, at_ms: Ints, cause: Cause | None, sub: int) -> None:
        """Look at the subjects of one group that something touches."""
        group, memory = self.plan.groups[number], self.mine.groups[number]
        subjects, is_cause = self._touched(number, group, places, cause)
        if not len(subjects):
            return
        own = self.place_at[group.places[subjects]]
        when = at_ms[own]
        condition, value = condition_of(self.scene, group, subjects, when, memory)
        for at, node in enumerate(group.holds):
            since = memory.held_ms[at, subjects]
            self._wake(group.places[subjects], np.where(since == NEVER, FAR, since + int(node.number)), when)
        if group.is_gate:
            self._turn(number, group, memory, subjects, condition, when, own, cause, sub)
        else:
            self._judge(group, memory, subjects, condition, value, when, own, cause, is_cause)

    def _touched(self, number: int, group: Group, places: Ints, cause: Cause | None) -> tuple[Ints, NDArray[np.bool_]]:
        """The subjects to look at, and which of them look at the point that was read."""
        if cause is None:
            subjects, _ = group.by_place.take(places)
            return subjects, np.zeros(len(subjects), np.bool_)
        slots = cause.slot[cause.slot >= 0]
        slots = slots[group.uses[slots]] if len(slots) else slots
        found, _ = group.inverse.take(slots)
        others = [*self.reopened.get(number, ())]
        if group.links:
            others.append(group.by_place.take(places)[0])
        if not others:
            return found, np.ones(len(found), np.bool_)
        subjects = np.unique(np.concatenate([found, *others]))
        return subjects, np.isin(subjects, found)

    def _turn(
        self,
        number: int,
        group: Group,
        memory: GroupMemory,
        subjects: Ints,
        condition: Interval,
        when: Ints,
        own: Ints,
        cause: Cause | None,
        sub: int,
    ) -> None:
        """Open and shut what this *only while* gates."""
        low, high = condition
        is_open = np.where(low == 1.0, True, np.where(high == 0.0, False, memory.is_open[subjects]))
        turned = is_open != memory.is_open[subjects]
        if not turned.any():
            return
        subjects, is_open, when, own = subjects[turned], is_open[turned], when[turned], own[turned]
        memory.is_open[subjects] = is_open
        if group.checks is None:
            self.reopened.setdefault(group.target, []).append(subjects)
            return
        index = np.full(len(subjects), -1, np.int64) if cause is None else cause.index[own]
        checks, at = group.checks.take(subjects)
        if group.is_derived:
            self.turned.append(Turned(checks, is_open[at], when[at], index[at], sub))
            return
        self.point.gate(checks, is_open[at], when[at], index[at], sub)

    # -- the levels of a subject -----------------------------------------------------------------------------------

    def _judge(
        self,
        group: Group,
        memory: GroupMemory,
        subjects: Ints,
        condition: Interval,
        value: NDArray[np.float64],
        when: Ints,
        own: Ints,
        cause: Cause | None,
        is_cause: NDArray[np.bool_],
    ) -> None:
        """The state machine of the module's table, for all levels of some subjects."""
        mine = is_cause[:, None]
        nothing = np.zeros(len(subjects), np.int64)
        taken, device, delay, gap, index = when, memory.last_device[subjects], nothing, mine[:, 0] & False, nothing - 1
        if cause is not None:
            taken = np.where(is_cause, cause.taken_ms[own], when)
            device = np.where(is_cause, cause.device[own], device)
            delay = np.where(is_cause, cause.delay_ms[own], 0)
            gap = is_cause & cause.gap[own]
            index = cause.index[own]
        memory.last_device[subjects] = device
        late = mine & (delay > self.scene.lateness_ms(group, device))[:, None]
        met, back, possible = self.scene.compare(group, subjects, condition)
        is_open = self._is_open(group, subjects, when)[:, None]
        status = memory.status[subjects]
        active, rising, falling = (status & ACTIVE) != 0, (status & RISING) != 0, (status & FALLING) != 0
        if active.any():
            back = back & ~self.scene.some_late(group, subjects, when)[:, None]
        clock_h = self.memory.hearing(when)

        rise, fall = ~active & met & is_open, active & back & is_open
        broken = gap[:, None] & mine
        begin = (rise & (~rising | broken)) | (fall & (~falling | broken))
        since_taken = np.where(begin, taken[:, None], memory.since_taken_ms[subjects])
        since_clock = np.where(begin, np.where(fall, clock_h[:, None], when[:, None]), memory.since_clock_ms[subjects])
        # of a hold that no reading began no device's time can tell
        since_device = np.where(begin, np.where(mine, device[:, None], -1), memory.since_device[subjects])
        variant = group.variant_of[subjects]
        hold = np.where(fall, group.clear_hold_ms[variant][:, None], group.hold_ms[variant])
        elapsed = np.where(active, clock_h[:, None], when[:, None]) - since_clock
        confirmed = mine & (since_device >= 0) & (since_device == device[:, None]) & (taken[:, None] - since_taken >= hold)
        over = (rise | fall) & ((elapsed >= hold) | confirmed)
        # silence while a hold is running raises: time alone made it unknown
        fell_silent = rising & is_open & ~met & possible & (cause is None)
        shut = active & ~is_open

        after = status & ACTIVE
        going = (rise | fall) & ~over
        after[going & rise] = RISING
        late_now = np.where(mine, late, (status & LATE) != 0) & rise
        after[going & late_now] |= LATE
        after[going & fall] = ACTIVE | FALLING
        raised, cleared = (over & rise) | fell_silent, (over & fall) | shut
        after[raised], after[cleared] = ACTIVE, 0
        if self.mine.is_edited:  # what no longer holds by an edit ends with the next reading, not with the edit
            kept = active & ~shut
            after, cleared, going = np.where(kept, status, after), cleared & ~kept, going & ~kept
        memory.status[subjects] = after
        for column, new in (
            (memory.since_taken_ms, since_taken),
            (memory.since_clock_ms, since_clock),
            (memory.since_device, since_device),
        ):
            column[subjects] = np.where(going | raised, new, column[subjects])
        pending, due = self._pending(group, memory, subjects)
        self._wake(group.places[subjects[pending]], due, None)

        changed = raised | cleared
        told = np.flatnonzero(changed.any(axis=1))
        if not len(told):
            return
        at_ms = np.where(shut, when[:, None], since_taken + np.where(fell_silent, elapsed, hold))
        by = np.where(raised & (since_device >= 0), since_device, device[:, None])
        self._show(
            group,
            subjects[told],
            top(status[told]),
            top(after[told]),
            np.where(changed, at_ms, NEVER)[told].max(axis=1),
            when[told],
            value[told],
            (raised & np.where(fell_silent, (status & LATE) != 0, late_now))[told].any(axis=1),
            index[told],
            np.where(changed, by, -1)[told].max(axis=1),
        )

    def _show(self, group: Group, subject: Ints, before: Ints, after: Ints, *columns: Any) -> None:
        use = np.flatnonzero(before != after)
        if len(use):
            self.made.append(Shown(group.rule, group, subject[use], before[use], after[use], *(column[use] for column in columns)))

    def _is_open(self, group: Group, subjects: Ints, when: Ints) -> NDArray[np.bool_]:
        is_open = np.ones(len(subjects), np.bool_)
        if group.gate >= 0:
            is_open &= self.mine.groups[group.gate].is_open[subjects]
        if len(group.schedules):
            is_open &= self._schedules(group, subjects, when)[0]
        return is_open

    def _wake(self, places: Ints, due: Ints, after: Ints | None) -> None:
        """Let these places (any may occur twice) come up by then; what lies not after `after` has been seen."""
        use = due < FAR if after is None else (due < FAR) & (due > after)
        places, due = places[use], due[use]
        if len(places):
            order = np.lexsort((due, places))
            first = starts_of(places[order])
            self.mine.wheel.put(places[order][first], due[order][first])
