"""Linkage: which transitions of which alarms call for which actions. It yields intents; others carry them out."""

from __future__ import annotations

from dataclasses import dataclass

from rules.model import Schedule, Severity

ACTUATOR_ACTIONS = {"valve": ("close",), "fan": ("start", "stop"), "siren": ("sound", "silence")}  # a linkage never opens a valve


@dataclass(frozen=True, slots=True, kw_only=True)
class ActuatorCommand:
    """`action` for every actuator of this `kind` (valve, fan, siren) in the alarm's zone, or for the one named."""

    kind: str
    action: str
    actuator_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    """When (`on`, filters) then (actions), for alarms at service time; late, test and suppressed ones start nothing.

    - `on`: signals (`raised`, `stepped_up`, `acknowledged`, `judged_true`, `cleared`, and `unresolved`: its condition has lasted
      `unresolved_s` since it was raised).
    - Filters; empty ones match everything. `schedule`: only then, in the time zone of the alarm's site.
    - `triggers`: standing alarms of these filters on so many different devices of the zone are needed (2 for automatic cuts and plans by
      default: GB 50116 4.1.6 asks for two independent triggers, and two points of one detector are not).
    - `delay_s`: it waits so long first; `cancel_if_cleared`: and does nothing when the alarm is over by then.
    - `cut`: `none`, `offer` (one click offered) or `automatic`; of the circuits of the alarm's zone, or of `circuits` where those are
      named. `outside_gas_area`: circuits whose breaker stands in a zone with a gas detector stay on: what switches there may ignite.
    - `plan`: run it, `commands`: to actuators, `notify`: tell them.
    - `hazard`: open one after `hazard_after` occurrences on the same point; counted within `hazard_days`, or, where that is 0, as long as
      no 30 days lie between; those less than `hazard_apart_h` after one that counts are not counted again (domain.md D2)."""

    id: str
    name: str
    name_en: str = ""
    on: tuple[str, ...] = ("raised", "stepped_up")
    kinds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    min_severity: Severity = Severity.INFO
    triggers: int = 1
    notify: tuple[str, ...] = ()  # e-mail addresses, `user:ID`, `role:ROLE`, `group:ID`
    cut: str = "none"
    hazard: bool = False
    hazard_after: int = 3  # occurrences (alarm.count or alarms of the point) before a hazard is wanted
    enabled: bool = True
    version: int = 1
    rules: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()  # names as in the catalogue: `current_a` covers `current_a.2.l1`
    schedule: Schedule | None = None
    unresolved_s: float = 0.0
    delay_s: float = 0.0
    cancel_if_cleared: bool = True
    circuits: tuple[str, ...] = ()
    outside_gas_area: bool = False
    plan: str = ""
    commands: tuple[ActuatorCommand, ...] = ()
    hazard_days: int = 0
    hazard_apart_h: float = 0.0

    @property
    def acts(self) -> bool:
        """Whether it switches something by itself."""
        return self.cut == "automatic" or bool(self.plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyWanted:
    """One message for one alarm change; `key` makes it exactly one row of the outbox. `to` is an address where it is known; else
    `recipient` (`user:ID`, `role:ROLE`, `group:ID`) is looked up when the row is written, and everybody found gets a row of their own.
    `channel` "": every one that they have. `cause` names what wanted it: two recipients of one cause with one address get one message."""

    key: str
    linkage_id: str
    alarm_id: str
    alarm_seq: int
    to: str
    at_ms: int
    channel: str = "email"
    recipient: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutWanted:
    linkage_id: str
    alarm_id: str
    circuit_id: str
    at_ms: int
    reason: str
    alarm_seq: int = 0  # the transition that fired: with linkage and circuit the cause of the order


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWanted:
    """A plan is to run now, because of an alarm. `key` with the plan is the cause of the run: the same transition starts it once."""

    key: str
    linkage_id: str
    alarm_id: str
    plan_id: str
    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandWanted:
    """An actuator is to do something. `key` is the cause of its order."""

    key: str
    linkage_id: str
    alarm_id: str
    actuator_id: str
    action: str
    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardWanted:
    key: str
    linkage_id: str | None
    alarm_id: str
    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A linkage that fired, or did not although its alarm matched, with the reason."""

    linkage_id: str
    alarm_id: str
    alarm_seq: int
    at_ms: int
    fired: bool
    reason: str
    code: str = ""  # fired, offered, waiting, cancelled, late, test, suppressed, triggers_missing, hazard_waiting: see alarms.follow
    reason_zh: str = ""


Intent = NotifyWanted | CutWanted | HazardWanted | RunWanted | CommandWanted
