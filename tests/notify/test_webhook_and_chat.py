"""Webhooks and chat robots over real HTTP: signed, with one key at every try, to addresses that may be called only."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

import apprise
import pytest

from notify import chat
from notify.calls import Caller
from notify.channel import PATIENCE, Channel, ChannelError, Message, NeverTaken, Taken, TryLater
from notify.chat import Chat
from notify.sender import Sender
from notify.webhook import Webhook
from tests.notify.conftest import Post
from tests.notify.gateway_server import Answer, gateway_server
from tests.storage.records_samples import NOON

pytestmark = pytest.mark.wire
LOCAL = Caller(allows_private=True, timeout_s=2.0)


def send(channel: Channel, to: str, **more: Any) -> Taken | ChannelError:
    results: list[Taken | ChannelError] = []
    message = Message(key="k1", to=to, subject="[重要] 气体", text="厨房 27 %LEL", at_ms=NOON, **more)
    channel.send([message], lambda _, result: results.append(result), lambda: False)
    (result,) = results
    return result


def test_a_webhook_is_signed_over_its_time_and_body() -> None:
    with gateway_server(answers=[Answer(body=b'{"ok": true}')]) as server:
        result = send(Webhook(LOCAL, lambda: NOON, "house"), server.url + "/hook?x=1", secret="its own", facts={"alarm": {"id": "a1"}})
        assert result == Taken(said='HTTP 200: {"ok": true}')
        (asked,) = server.asked
        timestamp = asked.headers["X-Sitewarden-Timestamp"]
        expected = hmac.new(b"its own", f"{timestamp}.".encode() + asked.body, hashlib.sha256).hexdigest()
        assert (timestamp, asked.headers["X-Sitewarden-Signature"]) == (str(NOON // 1_000), f"v1={expected}")
        assert (asked.path, asked.headers["Idempotency-Key"], asked.headers["Host"]) == ("/hook?x=1", "k1", f"127.0.0.1:{server.port}")
        assert (asked.json["id"], asked.json["alarm"]["id"], asked.json["subject"]) == ("k1", "a1", "[重要] 气体")


def test_a_webhook_is_tried_again_with_the_same_key_until_it_is_taken(post: Post) -> None:
    with gateway_server(answers=[Answer(500, b"oops"), Answer(503), Answer(200)]) as server:
        post.group("ops", server.url + "/hook", "s3cret")
        post.want("k1", to="", recipient="group:ops", channel="webhook", cause="linkage:x:1")
        sender = Sender(post.outbox, Webhook(LOCAL, post.clock.now_ms), post.clock.now_ms)
        for attempts in range(3):
            sender.run_once()
            post.clock.at_ms += PATIENCE["webhook"].wait_ms(attempts)
        assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1
        assert len(server.asked) == 3
        (delivery,) = post.deliveries()
        assert (delivery.state, delivery.attempts, delivery.to, delivery.channel) == ("sent", 3, "group:ops#hook", "webhook")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://10.0.0.1/", "http://169.254.169.254/"]
)
def test_a_private_address_is_refused_unless_that_is_allowed(url: str) -> None:
    result = send(Webhook(Caller(allows_private=False), lambda: NOON), url)
    assert isinstance(result, NeverTaken)
    assert "SITEWARDEN_NOTIFY_PRIVATE" in str(result)


@pytest.mark.parametrize("url", ["ftp://example.org/", "nonsense", "http://", "http://127.0.0.1:99999999/"])
def test_what_is_no_web_address_is_never_called(url: str) -> None:
    assert isinstance(send(Webhook(LOCAL, lambda: NOON), url), NeverTaken)


def test_a_slow_receiver_does_not_hold_up_the_others() -> None:
    with gateway_server(answers=[Answer(after_s=1.5)]) as slow, gateway_server() as quick:
        order: list[str] = []
        messages = [Message(key=k, to=url, subject="", text="", at_ms=NOON) for k, url in (("slow", slow.url), ("quick", quick.url))]
        Webhook(LOCAL, lambda: NOON).send(messages, lambda m, _: order.append(m.key), lambda: False)
        assert set(order) == {"slow", "quick"}
        assert quick.asked[0].headers["Idempotency-Key"] == "quick"


# -- chat robots -----------------------------------------------------------------------------------------------------------

ROBOTS = {
    "wecombot": ("NotifyWeComBot", "wecombot://abcdefgh12345678-1234", {"errcode": 0}),
    "dingtalk": ("NotifyDingTalk", "dingtalk://0123456789abcdef0123", {"errcode": 0}),
    "feishu": ("NotifyFeishu", "feishu://abcdef0123456789abcdef", {"code": 0}),
}


@pytest.mark.parametrize("scheme", sorted(ROBOTS))
def test_a_robot_is_told_through_apprise(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, url, _ = ROBOTS[scheme]
    chat.check(url)
    robot = type(apprise.Apprise.instantiate(url))
    with gateway_server(answers=[Answer(body=b'{"errcode": 0, "code": 0, "errmsg": "ok"}')]) as server:
        # the service's own host is fixed in the library: everything else is as in earnest
        monkeypatch.setattr(robot, "notify_url", server.url + "/robot/")
        result = send(Chat(), url)
        assert isinstance(result, Taken), result
        assert "厨房 27 %LEL" in server.asked[0].body.decode("unicode_escape", "replace") or "厨房 27 %LEL" in server.asked[0].body.decode()


def test_a_robot_that_refuses_is_tried_later_and_its_key_is_told_to_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, url, _ = ROBOTS["wecombot"]
    chat.check(url)
    with gateway_server(answers=[Answer(500, b"oops")]) as server:
        monkeypatch.setattr(type(apprise.Apprise.instantiate(url)), "notify_url", server.url + "/{key}")
        result = send(Chat(), url)
        assert isinstance(result, TryLater)
        assert "500" in str(result)
        assert "abcdefgh12345678" not in str(result) + caplog.text


@pytest.mark.parametrize(
    "url", ["json://127.0.0.1/", "mailto://a:b@example.org", "file:///etc/passwd", "syslog://", "nonsense", "wecombot://", "dbus://"]
)
def test_what_is_no_chat_service_is_refused(url: str) -> None:
    with pytest.raises(NeverTaken):
        chat.check(url)
    assert isinstance(send(Chat(), url), NeverTaken)


def test_other_services_of_apprise_are_taken_where_the_settings_name_them() -> None:
    with gateway_server() as server:
        result = send(Chat(("json",)), f"json://127.0.0.1:{server.port}/x")
        assert isinstance(result, Taken)
        assert server.asked[0].json["message"] == "厨房 27 %LEL"


def test_no_secret_stands_in_the_outbox_or_in_the_audit(post: Post, tmp_path: Path) -> None:
    post.group("ops", "https://hooks.example.org/very-secret-path", "signing-secret")
    post.contact("u1", phone="13812345678", chat_url="wecombot://robot-key-123456", consents={"chat": 1, "sms": 1})
    post.want("k1", to="", recipient="group:ops", channel="")
    post.want("k2", to="", recipient="user:u1", channel="chat")
    written = post.everything()
    for secret in ("very-secret-path", "signing-secret", "robot-key-123456"):
        assert [table for table, text in written.items() if secret in text] in (["notify_groups"], ["contacts"])
    assert "13812345678" not in written["audit"]
