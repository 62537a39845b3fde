"""Who is told: recipients found when a message is written, quiet hours, digests in floods, and what need not be sent any more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alarms.contacts import quiet_until_ms
from alarms.model import Attention, Signal
from notify.channel import PATIENCE
from notify.mail import MailChannel, parse
from notify.sender import Sender
from rules.model import Severity
from sites.calendars import Window, local_minute_ms
from sites.people import Grant
from storage import project
from storage.database import writing
from storage.projection import Outcome
from tests.notify.conftest import Post
from tests.servers import smtp_server
from tests.storage.records_samples import NOON, USER, alarm, raised

FIRST_STEP = "escalation:fire:1:unacknowledged:0:0"


def told(post: Post, alarm_id: str = "a1") -> list[tuple[str, str, str, str]]:
    return sorted((d.channel, d.recipient, d.to, d.state) for d in post.deliveries(alarm_id))


def test_a_person_is_told_by_every_channel_that_was_agreed_to(post: Post) -> None:
    post.contact("u1", phone="13800000000", chat_url="feishu://abcdef0123456789", consents={"sms": 1, "chat": 1})
    post.want("k1", to="", recipient="user:u1", channel="")
    assert told(post) == [
        ("chat", "user:u1", "user:u1#chat", "waiting"),
        ("email", "user:u1", "anna@example.org", "waiting"),
        ("sms", "user:u1", "13800000000", "waiting"),
    ]


def test_without_consent_nobody_is_called_and_the_alarm_says_so(post: Post) -> None:
    post.contact("u1", phone="13800000000", consents={})
    post.want("k1", to="", recipient="user:u1", channel="voice")
    (delivery,) = post.deliveries()
    assert (delivery.state, delivery.to, delivery.last_error) == ("failed", "", "安娜 has not agreed to be reached by voice")


def test_a_role_is_everybody_who_has_it_at_the_site_and_nobody_is_said(post: Post) -> None:
    for name, grant in {
        "here": Grant(role="manager", node_kind="site", node_id="mall"),
        "above": Grant(role="manager", node_kind="district", node_id="d-city"),
        "elsewhere": Grant(role="manager", node_kind="site", node_id="plant"),
        "gone": Grant(role="manager", node_kind="all", node_id=None),
    }.items():
        person = replace(USER, id=name, login=name, email=f"{name}@example.org", grants=(grant,), disabled=name == "gone")
        post.records.save_user(person, "t", NOON)
    post.want("k1", to="", recipient="role:manager", channel="email")
    assert [to for _, _, to, _ in told(post)] == ["above@example.org", "here@example.org"]
    post.want("k2", alarm("a2"), to="", recipient="role:supervisor", channel="")
    assert [d.last_error for d in post.deliveries("a2")] == ["nobody has the role supervisor at this site"]


def test_a_person_who_is_meant_in_two_ways_is_told_once(post: Post) -> None:
    post.contact("u1")
    post.group("night", "https://example.org/", users=("u1",), roles=("operator",))
    for key, recipient in (("k1", "user:u1"), ("k2", "role:operator"), ("k3", "group:night")):
        post.want(key, to="", recipient=recipient, channel="email", cause=FIRST_STEP)
    assert told(post) == [("email", "user:u1", "anna@example.org", "waiting")]


def test_written_twice_it_is_one_message(post: Post) -> None:
    post.contact("u1")
    for _ in range(2):
        post.want("k1", to="", recipient="user:u1", channel="email", cause=FIRST_STEP)
    assert len(post.deliveries()) == 1


# -- quiet hours -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minute", "severity", "until"),
    [
        (21 * 60 + 59, Severity.HIGH, None),
        (22 * 60, Severity.HIGH, ("2026-11-23", 7 * 60)),
        (23 * 60 + 59, Severity.LOW, ("2026-11-23", 7 * 60)),
        (24 * 60, Severity.LOW, ("2026-11-23", 7 * 60)),
        (24 * 60 + 7 * 60, Severity.LOW, None),
        (23 * 60, Severity.CRITICAL, None),
    ],
)
def test_quiet_hours_cross_midnight_and_never_silence_critical(minute: int, severity: Severity, until: tuple[str, int] | None) -> None:
    zone, quiet = "America/New_York", (Window(22 * 60, 7 * 60),)
    at_ms = local_minute_ms(zone, "2026-11-22", 0) + minute * 60_000
    expected = None if until is None else local_minute_ms(zone, *until)
    assert quiet_until_ms(quiet, zone, severity, at_ms) == expected


@pytest.mark.wire
def test_a_message_rests_in_the_persons_quiet_hours_and_a_critical_one_does_not(post: Post) -> None:
    post.contact("u1", quiet=(Window(20 * 60, 8 * 60),), timezone="America/New_York")  # noon in Shanghai is 23:00 there
    post.want("low", alarm("low"), to="", recipient="user:u1", channel="email")
    post.want("bad", alarm("bad", severity=Severity.CRITICAL), to="", recipient="user:u1", channel="email")
    with smtp_server() as server:
        sender = Sender(post.outbox, MailChannel(parse(server.url, "a@example.org")), post.clock.now_ms)
        sender.run_once()
        (resting,), (sent,) = post.deliveries("low"), post.deliveries("bad")
        assert (resting.state, resting.last_error, resting.attempts) == ("waiting", "quiet hours", 0)
        assert resting.next_try_ms == local_minute_ms("America/New_York", "2026-11-22", 8 * 60)
        assert (sent.state, len(server.messages)) == ("sent", 1)
        post.clock.at_ms = resting.next_try_ms
        sender.run_once()
        assert post.deliveries("low")[0].state == "sent"


# -- floods ----------------------------------------------------------------------------------------------------------------


@pytest.mark.wire
def test_a_flood_becomes_one_digest_and_the_highest_severity_goes_out_on_its_own(post: Post) -> None:
    with smtp_server() as server:
        sender = Sender(post.outbox, MailChannel(parse(server.url, "a@example.org")), post.clock.now_ms, most_waiting=20)
        for number in range(60):
            severity = Severity.CRITICAL if number in (7, 8) else Severity.HIGH if number == 9 else Severity.LOW
            post.want(f"k{number:02d}", alarm(f"a{number}", severity=severity))
        post.want("other", alarm("other"), to="else@example.org")
        sender.run_once()
        subjects = [message["Subject"] for message in server.messages]
        assert [subject[:5] for subject in subjects].count("[紧急 C") == 2
        (digest,) = [message for message in server.messages if "58" in message["Subject"]]
        expected = "[重要 High] 报警汇总 58 条（重要 1，次要 57） 58 alarm messages (1 high, 57 low)"
        assert digest["Subject"].replace(" ", "") == expected.replace(" ", "")  # folding a header may take a space between encoded words
        assert "商场 厨房: 58" in digest.get_content()  # type: ignore[attr-defined]
        assert len(subjects) == 4
    folded = [d for n in range(60) for d in post.deliveries(f"a{n}") if d.state == "folded"]
    (kept,) = [d for d in post.deliveries("a9") if d.folded]
    assert (len(folded), {d.digest_key for d in folded}, kept.folded, kept.state) == (58, {kept.key}, 58, "sent")


def test_what_comes_while_a_digest_waits_goes_into_it_and_the_queue_stays_bounded(post: Post) -> None:
    channel = MailChannel(None)
    sender = Sender(post.outbox, channel, post.clock.now_ms, most_waiting=5)
    for number in range(40):
        post.want(f"k{number:02d}", alarm(f"a{number}", severity=Severity.LOW))
        sender.run_once()
    waiting = [d for n in range(40) for d in post.deliveries(f"a{n}") if d.state == "waiting"]
    (digest,) = [d for d in waiting if d.folded]
    assert len(waiting) <= 6
    assert digest.folded + len(waiting) - 1 == 40


# -- stale -----------------------------------------------------------------------------------------------------------------


@pytest.mark.wire
def test_a_step_of_the_first_ladder_is_withdrawn_once_the_alarm_is_acknowledged(post: Post) -> None:
    post.contact("u1")
    post.want("k1", to="", recipient="user:u1", channel="email", cause=FIRST_STEP)
    taken = replace(alarm(), attention=Attention.ACKNOWLEDGED, seq=2)
    with writing(post.records.engine) as connection:
        done = raised(taken, signal=Signal.ACKNOWLEDGED)
        project.apply(connection, [Outcome(position=2, now_ms=NOON, transitions=[done])])
    with smtp_server() as server:
        Sender(post.outbox, MailChannel(parse(server.url, "a@example.org")), post.clock.now_ms).run_once()
        assert server.messages == []
    (delivery,) = post.deliveries()
    assert (delivery.state, delivery.last_error) == ("withdrawn", "the alarm is acknowledged meanwhile")


def test_every_channel_has_a_patience_of_its_own() -> None:
    for patience in PATIENCE.values():
        waits = [patience.wait_ms(attempts) for attempts in range(100)]
        assert waits == sorted(waits)
        assert waits[-1] == patience.last_ms < patience.give_up_ms
