"""The sender: at least once, the same Message-ID at every try, over restarts of both sides."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from notify import sender as sender_module
from notify.channel import PATIENCE
from notify.mail import NO_SMTP, Letter, MailChannel, parse
from notify.outbox import Outbox
from notify.sender import Sender
from rules.model import Severity
from sites.records import Unavailable
from storage.database import writing
from storage.tables import transitions
from tests.notify.conftest import Clock, Post
from tests.servers import Mailbox, smtp_server
from tests.storage.records_samples import NOON, alarm

pytestmark = pytest.mark.wire
FROM = "alarms@example.org"


def sender_of(post: Post, server: Mailbox) -> Sender:
    return Sender(post.outbox, mail_of(server), post.clock.now_ms, most_waiting=1_000)


def mail_of(server: Mailbox) -> MailChannel:
    return MailChannel(parse(server.url, FROM))


retry_ms = PATIENCE["email"].wait_ms
GIVE_UP_MS = PATIENCE["email"].give_up_ms


def eventually(holds: Callable[[], object], within_s: float = 20) -> None:
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, "did not happen in time"
        time.sleep(0.01)


def test_a_message_is_sent_and_marked(post: Post) -> None:
    post.want("k1")
    with smtp_server() as server:
        assert sender_of(post, server).run_once() is None
        assert [message["Subject"] for message in server.messages] == ["[重要 High] 可燃气体 Gas · 商场 厨房 探测器 1"]
        assert "2026-11-22 12:00:00 CST" in server.messages[0].get_payload(decode=True).decode()  # type: ignore[union-attr]
        assert sender_of(post, server).run_once() is None
        assert len(server.messages) == 1
    delivery = post.delivery("k1")
    assert (delivery.state, delivery.attempts, delivery.last_error, delivery.sent_ms) == ("sent", 1, "", NOON)


def test_the_most_severe_goes_first_and_many_go_over_one_connection(post: Post) -> None:
    for number in range(120):
        severity = Severity.CRITICAL if number == 77 else Severity.LOW
        post.want(f"k{number:03d}", alarm(f"a{number}", severity=severity))
    with smtp_server() as server:
        assert sender_of(post, server).run_once() is None
        assert len(server.messages) == 120
        assert server.messages[0]["Subject"].startswith("[紧急 Critical]")


def test_a_refused_try_is_repeated_later_with_the_same_message_id(post: Post) -> None:
    post.want("k1")
    with smtp_server() as server:
        sender = sender_of(post, server)
        server.refusal = "451 try later"
        sender.run_once()
        delivery = post.delivery("k1")
        assert (delivery.state, delivery.attempts) == ("waiting", 1)
        assert "try later" in delivery.last_error
        server.refusal = None
        sender.run_once()
        assert server.messages == []
        post.clock.at_ms += retry_ms(0)
        sender.run_once()
        assert (post.delivery("k1").state, post.delivery("k1").attempts) == ("sent", 2)
        assert server.messages[0]["Message-ID"] == parse(server.url, FROM).message(_letter("k1"))["Message-ID"]


def _letter(key: str) -> Letter:
    return Letter(key=key, to="x@y", subject="", body="", at_ms=0)


def test_a_server_that_restarts_between_tries_gets_each_message_once(post: Post) -> None:
    for number in range(5):
        post.want(f"k{number}")
    with smtp_server() as server:
        server.stop()
        sender = sender_of(post, server)
        assert "127.0.0.1" in (sender.run_once() or "")
        assert {post.delivery(f"k{number}").attempts for number in range(5)} == {1}
        server.start()
        post.clock.at_ms += retry_ms(0)
        # the service restarted too: another sender on the same outbox
        assert sender_of(post, server).run_once() is None
        assert len({message["Message-ID"] for message in server.messages}) == len(server.messages) == 5


class Crashing:
    """An outbox whose service dies after the mail was taken and before that was written down."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    def mark_sent(self, key: str, now_ms: int, receipt_id: str = "", said: str = "") -> None:
        raise Unavailable("gone")


def test_a_crash_between_sending_and_marking_sends_again_with_the_same_message_id(post: Post) -> None:
    post.want("k1")
    with smtp_server() as server:
        with pytest.raises(Unavailable):
            Sender(cast(Outbox, Crashing(post.outbox)), mail_of(server), post.clock.now_ms).run_once()
        assert post.delivery("k1").state == "waiting"
        sender_of(post, server).run_once()
        assert len(server.messages) == 2
        assert server.messages[0]["Message-ID"] == server.messages[1]["Message-ID"]


def test_retries_grow_apart_to_a_bound() -> None:
    waits = [retry_ms(attempts) for attempts in range(100)]
    assert waits[:4] == [5_000, 10_000, 20_000, 40_000]
    assert waits == sorted(waits)
    assert waits[-1] == 900_000


def test_after_three_days_a_message_is_given_up_visibly(post: Post) -> None:
    post.want("k1")
    with smtp_server() as server:
        server.refusal = "451 try later"
        sender = sender_of(post, server)
        post.clock.at_ms += GIVE_UP_MS - 1
        sender.run_once()
        assert post.delivery("k1").state == "waiting"
        post.clock.at_ms += retry_ms(0)
        sender.run_once()
        assert (post.delivery("k1").state, post.delivery("k1").attempts) == ("failed", 2)


def test_one_bad_address_does_not_hold_up_the_others(post: Post) -> None:
    post.want("bad", to="nobody")
    post.want("good")
    with smtp_server() as server:
        assert sender_of(post, server).run_once() is None
    assert (post.delivery("bad").state, post.delivery("good").state) == ("failed", "sent")
    assert "is no e-mail address" in post.delivery("bad").last_error


def test_a_message_whose_alarm_is_gone_fails_visibly(post: Post) -> None:
    post.want("k1")
    with writing(post.records.engine) as connection:
        connection.execute(transitions.delete())
    with smtp_server() as server:
        sender_of(post, server).run_once()
    assert (post.delivery("k1").state, post.delivery("k1").last_error) == ("failed", "its alarm is not in the records")


def test_without_a_mail_server_messages_wait_and_say_why_and_go_out_once_there_is_one(post: Post) -> None:
    post.want("k1")
    sender = Sender(post.outbox, MailChannel(None), post.clock.now_ms)
    sender.start()
    eventually(lambda: post.delivery("k1").last_error)
    post.want("k2")
    sender.wake()
    eventually(lambda: post.delivery("k2").last_error)
    sender.close()
    assert {(d.state, d.last_error, d.attempts) for d in post.records.deliveries("a1")} == {("waiting", NO_SMTP, 0)}
    with smtp_server() as server:
        sender_of(post, server).run_once()
        assert len(server.messages) == 2


def test_the_thread_sends_as_soon_as_it_is_woken(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "POLL_S", 60.0)
    with smtp_server() as server:
        sender = sender_of(post, server)
        sender.start()
        time.sleep(0.1)
        post.want("k1")
        sender.wake()
        eventually(lambda: server.messages, 5)
        sender.close()
        assert sender.degraded_reason is None


def test_a_server_that_comes_back_is_found_again_by_the_running_thread(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "POLL_S", 0.05)
    post.want("k1")
    with smtp_server() as server:
        server.stop()
        sender = sender_of(post, server)
        sender.start()
        eventually(lambda: sender.degraded_reason is not None)
        server.start()
        post.clock.at_ms += retry_ms(20)
        eventually(lambda: server.messages)
        eventually(lambda: sender.degraded_reason is None)
        sender.close()


class Away:
    """Records that cannot be reached."""

    def __getattr__(self, name: str) -> Any:
        raise Unavailable("the records cannot be reached: refused")


def test_while_the_records_are_away_the_sender_says_so_and_stops_at_once_when_asked() -> None:
    sender = Sender(cast(Outbox, Away()), MailChannel(parse("smtp://127.0.0.1:1", FROM)), Clock().now_ms)
    sender.start()
    eventually(lambda: sender.degraded_reason is not None)
    assert sender.degraded_reason == "the records cannot be reached: refused"
    began = time.monotonic()
    sender.close()
    assert time.monotonic() - began < 2
