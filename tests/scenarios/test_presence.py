"""Who is heard and who is not: no false silence, no silence missed, and one alarm for one lost gateway."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alarms.errors import IllegalTransition
from alarms.linkage import Linkage
from alarms.model import Alarm, Attention, Condition, Signal
from alarms.requests import Acknowledge
from app.restore import restore
from app.rows import ConfigChanged, Connection
from rules.presence import state_of
from sites.model import Device
from tests.scenarios.house import House
from tests.scenarios.sample import SILENCE, device, kitchen
from tests.scenarios.test_replay import state_of as state_made_of

TELL = Linkage(id="tell", name="tell", kinds=("presence",), notify=("a@example.org",))


def behind(gateway_id: str, device_id: str, kind: str = "gas", interval_s: float = 10.0) -> tuple[str, Device]:
    return "device", replace(device(device_id, kind, interval_s), gateway_id=gateway_id)


def gateways(*devices: tuple[str, Any]) -> list[tuple[str, Any]]:
    """A gateway that is expected every 20 s, and what is behind it."""
    return [*kitchen(SILENCE), ("device", device("gw", "gateway", 20.0)), *devices, ("linkage", TELL)]


def of(house: House, device_id: str) -> Alarm:
    (found,) = [alarm for alarm in house.alarms if alarm.device_id == device_id]
    return found


def told(house: House, device_id: str) -> int:
    """How many messages went out about a device."""
    ids = {t.alarm.id for stepped in house.steps for t in stepped.outcome.transitions if t.alarm.device_id == device_id}
    return sum(wanted.alarm_id in ids for stepped in house.steps for wanted in stepped.outcome.notifies)


def signals(house: House, device_id: str) -> list[Signal]:
    return [t.signal for stepped in house.steps for t in stepped.outcome.transitions if t.alarm.device_id == device_id]


def say(house: House, device_id: str, word: str) -> None:
    house.deliver(f"sitewarden/v1/site/{device_id}/status", word.encode())


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, gateways(behind("gw", "c-1"), behind("gw", "c-2", interval_s=60.0)))


def hear_all(house: House) -> None:
    for name in ("gw", "c-1", "c-2"):
        house.hear(name, temperature=20.0)
    house.run(0.2)


# -- a lost gateway ----------------------------------------------------------------------------------------------------


def test_a_lost_gateway_calls_once_and_what_falls_silent_behind_it_later_calls_nobody(house: House) -> None:
    hear_all(house)
    say(house, "gw", "offline")
    house.run(160)
    assert of(house, "gw").attention is Attention.UNACKNOWLEDGED
    for name in ("c-1", "c-2"):
        alarm = of(house, name)
        assert alarm.attention is Attention.SUPPRESSED
        assert alarm.suppression is not None
        assert (alarm.suppression.kind, alarm.suppression.alarm_id) == ("inhibited", of(house, "gw").id)
        assert signals(house, name) == [Signal.RAISED], "recorded all the same"
        assert told(house, name) == 0
    assert told(house, "gw") == 1
    assert {f.code for stepped in house.steps for f in stepped.outcome.firings if f.alarm_id == of(house, "c-1").id} == {"suppressed"}


def test_a_device_that_fell_silent_before_its_gateway_stops_calling_when_the_gateway_is_lost(house: House) -> None:
    hear_all(house)
    house.run(30)  # c-1 after 25 s, the gateway after 50
    assert of(house, "c-1").attention is Attention.UNACKNOWLEDGED
    house.run(25)
    assert signals(house, "c-1") == [Signal.RAISED, Signal.SUPPRESSED]
    assert of(house, "c-1").attention is Attention.SUPPRESSED


def test_when_the_gateway_is_back_what_is_still_silent_calls_at_once(house: House) -> None:
    hear_all(house)
    house.run(60)
    house.hear("gw", temperature=20.0)
    house.run(0.2)
    alarm = of(house, "c-1")
    assert (alarm.attention, alarm.suppression) == (Attention.UNACKNOWLEDGED, None)
    assert signals(house, "c-1")[-1] is Signal.UNSUPPRESSED
    assert told(house, "c-1") == 2, "once when it was raised, once when it came back"


def test_one_that_was_acknowledged_calls_again_after_the_suppression(house: House) -> None:
    hear_all(house)
    house.run(30)
    house.ask(Acknowledge(alarm_ids=(of(house, "c-1").id,), who="a"))
    house.run(25)
    assert of(house, "c-1").attention is Attention.SUPPRESSED
    house.hear("gw", temperature=20.0)
    house.run(0.2)
    assert of(house, "c-1").attention is Attention.UNACKNOWLEDGED
    assert of(house, "c-1").acknowledged_by is None


def test_one_that_is_heard_again_while_it_calls_nobody_ends_without_anyone(house: House) -> None:
    hear_all(house)
    say(house, "gw", "offline")
    house.run(30)
    alarm = of(house, "c-1")
    house.hear("c-1", temperature=20.0)
    house.run(0.2)
    ended = house.warden.book.get(alarm.id)
    assert ended is not None
    assert ended.ended_ms is not None
    assert ended.acknowledged_by is None
    assert ended.suppression is not None, "so that it is not counted among those that called"
    assert told(house, "c-1") == 0


def test_a_suppressed_alarm_cannot_be_acknowledged_and_the_refusal_says_why(house: House) -> None:
    hear_all(house)
    say(house, "gw", "offline")
    house.run(30)
    with pytest.raises(IllegalTransition, match="its gateway gw is not heard"):
        house.ask(Acknowledge(alarm_ids=(of(house, "c-1").id,), who="a"))


def test_of_a_chain_of_lost_gateways_the_highest_is_left_calling_and_hands_over_when_it_returns(tmp_path: Path) -> None:
    house = House(tmp_path, gateways(behind("gw", "gw-2", "gateway", 15.0), behind("gw-2", "c-1"), behind("gw-2", "c-2", interval_s=60.0)))
    for name in ("gw", "gw-2", "c-1", "c-2"):
        house.hear(name, temperature=20.0)
    house.run(40)
    assert of(house, "c-1").suppression.alarm_id == of(house, "gw-2").id  # type: ignore[union-attr]
    house.run(15)
    assert [a.device_id for a in house.alarms if a.attention is Attention.UNACKNOWLEDGED] == ["gw"]
    assert of(house, "c-1").suppression.alarm_id == of(house, "gw").id  # type: ignore[union-attr]
    house.hear("gw", temperature=20.0)
    house.run(0.2)
    assert of(house, "gw-2").attention is Attention.UNACKNOWLEDGED
    assert of(house, "c-1").suppression.alarm_id == of(house, "gw-2").id  # type: ignore[union-attr]


def test_gateways_entered_in_a_circle_do_not_mute_each_other(tmp_path: Path) -> None:
    circle = [behind("gw-b", "gw-a", "gateway"), behind("gw-a", "gw-b", "gateway")]
    house = House(tmp_path, [*kitchen(SILENCE), *circle])
    house.hear("gw-a", temperature=20.0)
    house.hear("gw-b", temperature=20.0)
    house.run(60)
    assert len([a for a in house.alarms if a.attention is Attention.UNACKNOWLEDGED]) == 1
    assert len(house.alarms) == 2


def test_an_alarm_of_what_a_device_measures_is_never_inhibited(tmp_path: Path) -> None:
    house = House(tmp_path, [*kitchen(), ("device", device("gw", "gateway", 20.0)), behind("gw", "smoke-9", "smoke")])
    house.hear("gw", temperature=20.0)
    say(house, "gw", "offline")
    house.run(1)
    house.hear("smoke-9", smoke_alarm=1)
    house.run(0.2)
    assert house.alarm("smoke").attention is Attention.UNACKNOWLEDGED


def test_a_gateway_that_nobody_is_told_about_inhibits_nothing(tmp_path: Path) -> None:
    watched = replace(SILENCE, scope=replace(SILENCE.scope, device_kinds=("gas",)))
    house = House(tmp_path, [*kitchen(watched), ("device", device("gw", "gateway", 20.0)), behind("gw", "c-1")])
    for name in ("gw", "c-1"):
        house.hear(name, temperature=20.0)
    say(house, "gw", "offline")
    house.run(30)
    assert of(house, "c-1").attention is Attention.UNACKNOWLEDGED


@pytest.mark.parametrize("edit", ["rule disabled", "gateway removed", "moved to another gateway"])
def test_an_edit_that_takes_the_cause_away_brings_the_silent_ones_back(edit: str, house: House) -> None:
    hear_all(house)
    say(house, "gw", "offline")
    house.run(30)
    assert of(house, "c-1").attention is Attention.SUPPRESSED
    if edit == "rule disabled":
        house.scan.put(ConfigChanged.of("rule", "silence", 2, replace(SILENCE, enabled=False, version=2)))
    elif edit == "gateway removed":
        house.scan.put(ConfigChanged.of("device", "gw", 2, None))
    else:
        moved = replace(behind("elsewhere", "c-1")[1], version=2)
        house.scan.put(ConfigChanged.of("device", "c-1", 2, moved))
    house.run(0.2)
    left = [alarm for alarm in house.alarms if alarm.device_id == "c-1"]
    if edit == "rule disabled":
        assert left == [], "normal, and it had called nobody: it ended"
    else:
        assert left[0].attention is Attention.UNACKNOWLEDGED


def test_a_suppression_survives_a_restart_and_ends_after_it(house: House) -> None:
    hear_all(house)
    say(house, "gw", "offline")
    house.run(30)
    house.snapshot()
    house.crash(down_ms=5_000)
    assert of(house, "c-1").attention is Attention.SUPPRESSED
    house.hear("gw", temperature=20.0)
    house.run(0.2)
    assert of(house, "c-1").attention is Attention.UNACKNOWLEDGED


# -- silence and the service's own deafness ----------------------------------------------------------------------------


def test_a_broker_outage_makes_no_device_silent(house: House) -> None:
    hear_all(house)
    house.scan.put(Connection(which="telemetry", up=False))
    house.run(360)
    assert [alarm.rule_id for alarm in house.alarms] == ["service:broker_lost"]
    house.scan.put(Connection(which="telemetry", up=True))
    house.run(20)
    assert [alarm.device_id for alarm in house.alarms if alarm.condition is Condition.ACTIVE] == []
    house.run(10)
    assert of(house, "c-1").condition is Condition.ACTIVE, "what it was silent before still counts"


def test_a_restart_after_a_night_makes_no_device_silent(house: House) -> None:
    hear_all(house)
    house.snapshot()
    house.crash(down_ms=9 * 3_600_000)
    house.run(20)
    assert house.alarms == []


def test_the_last_will_raises_at_once_and_online_clears(house: House) -> None:
    hear_all(house)
    say(house, "c-1", "offline")
    house.run(0.2)
    assert of(house, "c-1").condition is Condition.ACTIVE
    say(house, "c-1", "online")
    house.run(0.2)
    assert of(house, "c-1").condition is Condition.NORMAL


def test_a_device_never_heard_is_never_silent(house: House) -> None:
    house.run(300)
    assert house.alarms == []


# -- how often a device speaks -----------------------------------------------------------------------------------------


def slow_one(device_id: str = "slow", **changed: Any) -> tuple[str, Device]:
    """A detector that declares nothing."""
    return "device", replace(device(device_id, "smoke"), interval_s=None, **changed)


def report(house: House, device_id: str, every_s: int, hours: float) -> None:
    for _ in range(round(hours * 3_600 / every_s)):
        house.hear(device_id, temperature=20.0)
        house.run(0.1)
        for _ in range(every_s // 60):
            house.clock.advance(60_000)
            house.once()


def silences(house: House, since: int = 0) -> int:
    return sum(t.signal is Signal.RAISED for stepped in house.steps[since:] for t in stepped.outcome.transitions)


def test_a_device_that_declares_nothing_is_silent_by_its_class_until_its_own_pace_is_learnt(tmp_path: Path) -> None:
    house = House(tmp_path, [*kitchen(SILENCE), slow_one()])
    report(house, "slow", every_s=300, hours=1.5)
    assert silences(house) > 0, "wired: 3 min without a word"
    since = len(house.steps)
    report(house, "slow", every_s=300, hours=6)
    assert silences(house, since) == 0
    assert state_of(house.warden.program, house.warden.memory, "slow")[0] == "online"
    house.clock.advance(11 * 60_000)  # 5 + 11 min: more than 2.5 x 5 min
    house.once()
    assert of(house, "slow").condition is Condition.ACTIVE
    assert state_of(house.warden.program, house.warden.memory, "slow")[0] == "silent"


def test_a_dying_device_that_speaks_ever_less_is_found_silent_in_the_end(tmp_path: Path) -> None:
    house = House(tmp_path, [*kitchen(SILENCE), slow_one()])
    for every_s in (60, 120, 300, 600, 1_200, 2_400, 5_400, 10_800):
        report(house, "slow", every_s, hours=20 * every_s / 3_600)
    assert of(house, "slow").count > 1
    row = house.warden.configuration.roster.device_rows["slow"]
    assert house.warden.program.gap_ms[row] <= 2 * 3_600_000


def test_what_was_learnt_survives_a_restart_with_and_without_a_snapshot(tmp_path: Path) -> None:
    house = House(tmp_path, [*kitchen(SILENCE), slow_one()])
    report(house, "slow", every_s=300, hours=2.2)
    row = house.warden.configuration.roster.device_rows["slow"]
    learnt = int(house.warden.program.gap_ms[row])
    assert learnt == pytest.approx(750_000, rel=0.01)
    house.crash(down_ms=60_000)
    assert house.warden.program.gap_ms[row] == learnt
    house.snapshot()
    house.crash(down_ms=60_000)
    assert house.warden.program.gap_ms[row] == learnt


def test_an_edit_of_a_device_keeps_what_was_learnt_and_a_declared_interval_overrules_it(tmp_path: Path) -> None:
    house = House(tmp_path, [*kitchen(SILENCE), slow_one()])
    report(house, "slow", every_s=300, hours=2.2)
    row = house.warden.configuration.roster.device_rows["slow"]
    learnt = int(house.warden.program.gap_ms[row])
    house.scan.put(ConfigChanged.of("device", "slow", 2, replace(slow_one()[1], name="renamed", version=2)))
    house.run(0.1)
    assert house.warden.program.gap_ms[row] == learnt
    house.scan.put(ConfigChanged.of("device", "slow", 3, replace(slow_one()[1], interval_s=30.0, version=3)))
    house.run(0.1)
    assert house.warden.program.gap_ms[row] == 75_000


def test_a_heartbeat_that_is_no_reading_counts_as_much_as_one(tmp_path: Path) -> None:
    house = House(tmp_path, [*kitchen(SILENCE), slow_one()])
    for _ in range(30):
        say(house, "slow", "online")
        house.run(0.1)
        for _ in range(5):
            house.clock.advance(60_000)
            house.once()
    row = house.warden.configuration.roster.device_rows["slow"]
    assert house.warden.program.gap_ms[row] == pytest.approx(750_000, rel=0.01)


@pytest.mark.parametrize("interval_s", [20.0, 300.0, 1_500.0])
def test_a_declared_interval_is_silent_after_two_and_a_half_of_it(interval_s: float, tmp_path: Path) -> None:
    house = House(tmp_path, [*kitchen(SILENCE), ("device", replace(device("d", "gas"), interval_s=interval_s))])
    house.hear("d", temperature=20.0)
    house.run(0.1)
    house.clock.advance(round(interval_s * 2_500) - 300)
    house.once()
    assert house.alarms == []
    house.run(0.5)
    assert of(house, "d").condition is Condition.ACTIVE


CLASS_SILENCE_S = {
    ("smoke", "wired"): 180,
    ("switch", "wired"): 90,
    ("gas", "zigbee"): 600,
    ("gas", "lora"): 3 * 3_600,
    ("smoke", "nb"): 49 * 3_600,
}


@pytest.mark.parametrize(("kind", "link"), CLASS_SILENCE_S)
def test_an_undeclared_device_is_silent_by_its_class(kind: str, link: str, tmp_path: Path) -> None:
    house = House(tmp_path, [*kitchen(SILENCE), slow_one("d", kind=kind, link=link)])
    house.hear("d", temperature=20.0)
    house.run(0.1)
    left_ms = CLASS_SILENCE_S[kind, link] * 1_000 - 300
    while left_ms > 0:
        house.clock.advance(min(left_ms, 3_600_000))
        house.once()
        left_ms -= 3_600_000
    assert house.alarms == []
    house.run(0.5)
    assert of(house, "d").condition is Condition.ACTIVE


@pytest.mark.parametrize("seed", range(4))
def test_suppressions_and_learnt_intervals_are_the_same_again_after_any_restart(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    house = House(tmp_path, gateways(behind("gw", "gw-2", "gateway"), behind("gw-2", "c-1"), behind("gw", "c-2"), slow_one()))
    for _ in range(150):
        name = rng.choice(["gw", "gw-2", "c-1", "c-2", "slow"])
        if rng.random() < 0.8:
            house.hear(name, temperature=20.0)
        else:
            say(house, name, rng.choice(["online", "offline"]))
        house.clock.advance(rng.choice([100, 5_000, 30_000, 200_000, 900_000]))
        house.once()
        if rng.random() < 0.05:
            house.snapshot()
        if rng.random() < 0.05:
            house.crash(down_ms=rng.choice([0, 60_000]))
    assert any(t.signal is Signal.SUPPRESSED for stepped in house.steps for t in stepped.outcome.transitions), f"seed {seed}"
    assert state_made_of(restore(tmp_path / "snapshots", house.journal).warden) == state_made_of(house.warden), f"seed {seed}"
