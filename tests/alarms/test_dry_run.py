"""A dry run gives what the linkage did or would have done, by the same code over the transitions that were recorded."""

from dataclasses import replace

from alarms.dry_run import dry_run
from alarms.linkage import CutWanted, HazardWanted, Linkage
from alarms.model import Verdict
from alarms.requests import Acknowledge, Judge
from rules.model import Severity

CUT = Linkage(id="cut", name="断电", kinds=("gas",), cut="automatic", triggers=2, min_severity=Severity.HIGH)
LATER = 10 * 86_400_000


def test_the_second_detector_would_have_cut_and_the_first_alone_would_not(desk):
    first = desk.raised()
    desk.wait(5_000)
    second = desk.raised(device="g2")
    made = [second, first]
    alone = dry_run(CUT, first.alarm.id, made, desk.roster, desk.now_ms + LATER)
    assert [firing.code for firing in alone.firings] == ["triggers_missing"]
    assert not alone.would_fire
    both = dry_run(replace(CUT, enabled=False), second.alarm.id, made, desk.roster, desk.now_ms + LATER)
    assert both.would_fire
    assert {intent.circuit_id for intent in both.intents if isinstance(intent, CutWanted)} == {"c-night_off", "c-use"}
    assert (both.others, both.firings[0].at_ms) == (1, second.at_ms)


def test_a_delay_is_led_to_its_end_or_to_the_clear_that_cancelled_it(desk):
    slow = replace(CUT, triggers=1, delay_s=60.0)
    raised = desk.raised()
    desk.wait(30_000)
    cleared = desk.cleared()
    end_ms = desk.now_ms + LATER
    assert [f.code for f in dry_run(slow, raised.alarm.id, [raised], desk.roster, end_ms).firings] == ["waiting", "fired"]
    assert [f.code for f in dry_run(slow, raised.alarm.id, [raised, cleared], desk.roster, end_ms).firings] == ["waiting", "cancelled"]
    assert [f.code for f in dry_run(slow, raised.alarm.id, [raised], desk.roster, raised.at_ms + 59_999).firings] == ["waiting"]


def test_earlier_alarms_of_the_point_count_for_a_hazard(desk, warm):
    repeats = Linkage(id="r", name="r", on=("raised",), hazard=True, hazard_after=3, hazard_days=7)
    made, ids = [], []
    for _ in range(3):
        raised = desk.raised(rule=warm)
        made += [raised, desk.cleared(rule=warm), *desk.ask(Acknowledge(alarm_ids=(raised.alarm.id,), who="u"))]
        ids.append(raised.alarm.id)
        desk.wait(86_400_000)
    codes = [[f.code for f in dry_run(repeats, alarm_id, made, desk.roster, desk.now_ms).firings] for alarm_id in ids]
    assert codes == [["hazard_waiting"], ["hazard_waiting"], ["fired"]]
    assert isinstance(dry_run(repeats, ids[2], made, desk.roster, desk.now_ms).intents[0], HazardWanted)


def test_a_dry_run_equals_what_happened_and_leaves_the_book_alone(desk):
    raised = desk.raised()
    made = [raised, *desk.ask(Acknowledge(alarm_ids=(raised.alarm.id,), who="u")), desk.stepped(1, 60.0)]
    made += desk.ask(Judge(alarm_id=raised.alarm.id, who="u", verdict=Verdict.TRUE, note="flame"))
    before = desk.book.dump()
    told = Linkage(id="t", name="t", on=("raised", "acknowledged", "stepped_up", "judged_true"), notify=("a@b",))
    found = dry_run(told, raised.alarm.id, made, desk.roster, desk.now_ms)
    assert [f.alarm_seq for f in found.firings] == [1, 2, 3, 4]
    assert len(found.intents) == 4
    assert desk.book.dump() == before
