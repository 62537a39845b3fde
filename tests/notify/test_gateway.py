"""SMS and voice over a real HTTP gateway: what it is asked, how its answers are read, receipts by callback and by polling."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from notify.calls import Caller
from notify.channel import ChannelAway, ChannelError, Message, NeverTaken, Taken, TryLater
from notify.gateway import BadReceipt, Gateway, GatewayChannel
from notify.post_office import AGAIN_MS, PostOffice
from tests.notify.conftest import Post
from tests.notify.gateway_server import Answer, GatewayServer, gateway_server, taken

pytestmark = pytest.mark.wire
LOCAL = Caller(allows_private=True, timeout_s=2.0)
MESSAGE = Message(key="k1", to="+86 138", subject="", text='气体 "27" {key} & 1', at_ms=0)


def send(server: GatewayServer, gateway: Gateway, message: Message = MESSAGE) -> Taken | ChannelError:
    results: list[Taken | ChannelError] = []
    GatewayChannel(gateway, LOCAL).send([message], lambda _, result: results.append(result), lambda: False)
    (result,) = results
    return result


def test_the_request_is_what_is_configured_and_texts_are_escaped_for_where_they_stand() -> None:
    with gateway_server(answers=[taken("m-1")]) as server:
        gateway = Gateway(
            name="sms",
            url=server.url + "/send?to={to}",
            headers={"X-Key": "s3cret"},
            body='{"mobile": "{to}", "content": "{text}", "ref": "{key}"}',
        )
        assert send(server, gateway) == Taken(said='HTTP 200: {"id": "m-1", "state": "queued"}', receipt_id="m-1")
        (asked,) = server.asked
        assert (asked.method, asked.path, asked.headers["X-Key"], asked.headers["Idempotency-Key"]) == (
            "POST", "/send?to=%2B86%20138", "s3cret", "k1",
        )  # fmt: skip
        assert asked.json == {"mobile": "+86 138", "content": '气体 "27" {key} & 1', "ref": "k1"}


def test_a_form_and_a_get_are_escaped_too() -> None:
    with gateway_server() as server:
        send(server, Gateway(name="sms", url=server.url, body="phone={to}&msg={text}"))
        assert server.asked[0].body == b"phone=%2B86%20138&msg=%E6%B0%94%E4%BD%93%20%2227%22%20%7Bkey%7D%20%26%201"
        assert server.asked[0].headers["Content-Type"] == "application/x-www-form-urlencoded"
        send(server, Gateway(name="sms", url=server.url + "/?m={to}", method="GET"))
        assert (server.asked[1].method, server.asked[1].path, server.asked[1].body) == ("GET", "/?m=%2B86%20138", b"")


@pytest.mark.parametrize(
    ("answer", "kind", "after_ms"),
    [
        (Answer(500, b"oops"), TryLater, 0),
        (Answer(503), TryLater, 0),
        (Answer(429, b"slow down", {"Retry-After": "7"}), TryLater, 7_000),
        (Answer(429, b"", {"Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}), TryLater, 30_000),
        (Answer(400, b"no such number"), NeverTaken, 0),
        (Answer(302, b"", {"Location": "http://127.0.0.1:1/"}), NeverTaken, 0),
        (Answer(401, b"bad key"), ChannelAway, 0),
        (Answer(200, b"{}", after_s=3.0), TryLater, 0),
    ],
)
def test_what_a_gateway_answers_is_told_apart(answer: Answer, kind: type[ChannelError], after_ms: int) -> None:
    with gateway_server(answers=[answer]) as server:
        result = send(server, Gateway(name="sms", url=server.url))
        assert type(result) is kind
        assert isinstance(result, ChannelError)
        assert result.after_ms == after_ms


def test_a_gateway_that_says_no_with_200_did_not_take_it() -> None:
    with gateway_server(
        answers=[Answer(body=b'{"code": 1002, "msg": "no credit"}'), Answer(body=b'{"code": 0, "data": {"sid": 7}}')]
    ) as server:
        gateway = Gateway(name="sms", url=server.url, ok_at="/code", ok="0", id_at="/data/sid")
        refused = send(server, gateway)
        assert isinstance(refused, TryLater)
        assert "no credit" in str(refused)
        assert send(server, gateway) == Taken(said='HTTP 200: {"code": 0, "data": {"sid": 7}}', receipt_id="7")


# -- receipts --------------------------------------------------------------------------------------------------------------


def office(post: Post, server: GatewayServer, **voice: Any) -> PostOffice:
    return PostOffice(
        post.outbox,
        post.clock.now_ms,
        sms=Gateway(name="sms", url=server.url, secret="shh", status_url=server.url + "/status/{id}"),
        voice=Gateway(name="voice", url=server.url, secret="shh", acknowledge_digits="1", **voice),
        gateway_caller=LOCAL,
    )


def run(office: PostOffice, channel: str) -> None:
    assert office._senders[channel].run_once() is None


def bearer(secret: str = "shh") -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_a_message_is_sent_then_delivered_by_a_callback_that_may_come_twice(post: Post) -> None:
    post.want("k1", to="13800000000", channel="sms")
    with gateway_server(numbers_ids=True) as server:
        house = office(post, server)
        run(house, "sms")
        assert (post.delivery("k1").state, server.asked[0].json["to"]) == ("sent", "13800000000")
        body = b'{"id": "m1", "state": "DELIVRD"}'
        for _ in range(2):
            (reported,) = house.receive("sms", bearer(), body)
            assert (reported.state, reported.acknowledges) == ("delivered", False)
        house.receive("sms", bearer(), b'{"id": "m1", "state": "queued"}')
        assert (post.delivery("k1").state, post.delivery("k1").delivered_ms) == ("delivered", post.clock.at_ms)
        assert house.receive("sms", bearer(), b'{"id": "stranger", "state": "delivered"}') == []


def test_a_receipt_is_signed_or_has_the_secret_and_nothing_else_moves_a_message(post: Post) -> None:
    post.want("k1", to="138", channel="sms")
    with gateway_server(numbers_ids=True) as server:
        house = office(post, server)
        run(house, "sms")
        body = b'{"id": "m1", "state": "delivered"}'
        now = str(post.clock.at_ms // 1_000)
        signed = "v1=" + hmac.new(b"shh", now.encode() + b"." + body, hashlib.sha256).hexdigest()
        old = str(post.clock.at_ms // 1_000 - 301)
        for headers in (
            {},
            bearer("wrong"),
            bearer(""),
            {"X-Sitewarden-Signature": signed},
            {"X-Sitewarden-Signature": signed[:-1] + "0", "X-Sitewarden-Timestamp": now},
            {"X-Sitewarden-Signature": "v1=" + hmac.new(b"shh", old.encode() + b"." + body, "sha256").hexdigest(),
             "X-Sitewarden-Timestamp": old},
        ):  # fmt: skip
            with pytest.raises(BadReceipt):
                house.receive("sms", headers, body)
        with pytest.raises(BadReceipt, match="names its message"):
            house.receive("sms", bearer(), b"{}")
        with pytest.raises(LookupError):
            house.receive("fax", bearer(), body)
        assert post.delivery("k1").state == "sent"
        house.receive("sms", {"x-sitewarden-signature": signed, "x-sitewarden-timestamp": now}, body)
        assert post.delivery("k1").state == "delivered"


def test_without_a_secret_no_receipt_is_believed(post: Post) -> None:
    house = PostOffice(post.outbox, post.clock.now_ms, sms=Gateway(name="sms", url="http://127.0.0.1:1"))
    with pytest.raises(BadReceipt, match="SITEWARDEN_SMS_SECRET"):
        house.receive("sms", bearer(""), b'{"id": "m1", "state": "delivered"}')


def test_the_gateway_is_asked_where_it_does_not_call_back(post: Post) -> None:
    post.want("k1", to="138", channel="sms")
    with gateway_server(numbers_ids=True) as server:
        house = office(post, server)
        run(house, "sms")
        server.numbers_ids = False
        server.answers = [Answer(body=b'{"state": "sending"}'), Answer(500), Answer(body=b'{"state": "delivered"}')]
        assert [house.poll_once() for _ in range(4)] == [0, 0, 1, 0]
        assert [asked.path for asked in server.asked[1:]] == ["/status/m1"] * 3
        assert post.delivery("k1").state == "delivered"


def test_a_call_that_nobody_answers_is_made_again_with_another_key_and_given_up_after_three(post: Post) -> None:
    post.want("k1", to="138", channel="voice")
    with gateway_server(numbers_ids=True) as server:
        house = office(post, server)
        for number in (1, 2, 3):
            run(house, "voice")
            house.receive("voice", bearer(), json.dumps({"id": f"m{number}", "state": "no_answer"}).encode())
            assert post.delivery("k1").state == ("failed" if number == 3 else "waiting")
            run(house, "voice")
            assert len(server.asked) == number
            post.clock.at_ms += AGAIN_MS
        assert [asked.json["id"] for asked in server.asked] == ["k1", "k1-1", "k1-2"]
        assert post.delivery("k1").last_error == "no_answer"


def test_a_key_pressed_counts_as_answered_and_only_the_right_one_acknowledges(post: Post) -> None:
    post.want("k1", to="138", channel="voice")
    with gateway_server(numbers_ids=True) as server:
        house = office(post, server)
        run(house, "voice")
        (wrong,) = house.receive("voice", bearer(), b"id=m1&digits=9&state=completed")
        assert (wrong.state, wrong.acknowledges) == ("answered", False)
        (right,) = house.receive("voice", bearer(), b'[{"id": "m1", "digits": "1", "state": "completed"}]')
        assert (right.alarm_id, right.acknowledges) == ("a1", True)
        assert post.delivery("k1").said == "completed (key 1)"


def test_a_channel_without_a_gateway_says_so_on_every_message(post: Post) -> None:
    post.want("k1", to="138", channel="sms")
    house = PostOffice(post.outbox, post.clock.now_ms)
    run(house, "sms")
    assert (post.delivery("k1").state, post.delivery("k1").last_error) == ("waiting", "no SMS gateway configured")
    assert {state.name: state.problem for state in house.channels()} == {
        "email": "no SMTP configured", "sms": "no SMS gateway configured", "voice": "no voice gateway configured",
        "webhook": None, "chat": None,
    }  # fmt: skip


def test_a_busy_gateway_is_left_alone_for_as_long_as_it_asks(post: Post) -> None:
    post.want("k1", to="138", channel="sms")
    post.want("k2", to="139", channel="sms")
    with gateway_server(answers=[Answer(429, b"", {"Retry-After": "60"})]) as server:
        house = office(post, server)
        run(house, "sms")
        tries = len(server.asked)
        server.answers, server.numbers_ids = [Answer()], True
        post.clock.at_ms += 30_000
        run(house, "sms")
        assert len(server.asked) == tries
        post.clock.at_ms += 31_000
        run(house, "sms")
        assert {post.delivery(key).state for key in ("k1", "k2")} == {"sent"}


def test_a_test_really_sends_and_says_what_the_far_end_said(post: Post) -> None:
    with gateway_server(answers=[taken("m-9"), Answer(400, b"blocked number")]) as server:
        house = office(post, server)
        good, bad = house.test("sms", "138", "", "zh"), house.test("sms", "139", "", "")
        assert (good.ok, good.receipt_id, "m-9" in good.said) == (True, "m-9", True)
        assert (bad.ok, bad.said) == (False, "HTTP 400: blocked number")
        assert server.asked[0].json["text"].startswith("测试")
