"""Webhooks: the alarm's change as JSON to an HTTP address, signed, with an idempotency key that is the same at every try.

The receiver checks `X-Sitewarden-Signature: v1=HEX`, the HMAC-SHA256 of `TIMESTAMP.BODY` under the shared secret, and refuses old
timestamps; it drops an `Idempotency-Key` that it has seen.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import orjson

from notify.calls import Caller, judged
from notify.channel import ChannelAway, ChannelError, Message, Taken, Told, TryLater

AT_ONCE = 4  # a slow receiver holds up few others
KEY_HEADER, TIME_HEADER, SIGNATURE_HEADER = "Idempotency-Key", "X-Sitewarden-Timestamp", "X-Sitewarden-Signature"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`v1=` and the HMAC-SHA256 of `timestamp.body`."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Webhook:
    """`secret` signs for endpoints without one of their own; without either nothing is signed."""

    name = "webhook"

    def __init__(self, caller: Caller, now_ms: Callable[[], int], secret: str = "") -> None:
        self._caller, self._now_ms, self._secret = caller, now_ms, secret

    @property
    def problem(self) -> str | None:
        return None  # addresses are configured with each group

    def send(self, messages: Sequence[Message], told: Told, is_stopping: Callable[[], bool]) -> None:
        in_parallel(self._one, messages, told, is_stopping)

    def _one(self, message: Message) -> Taken:
        body = orjson.dumps({"id": message.key, "subject": message.subject, "text": message.text, **message.facts})
        timestamp = str(self._now_ms() // 1_000)
        headers = {"Content-Type": "application/json", KEY_HEADER: message.key, TIME_HEADER: timestamp, "User-Agent": "sitewarden"}
        if secret := message.secret or self._secret:
            headers[SIGNATURE_HEADER] = signature(secret, timestamp, body)
        try:
            reply = judged(self._caller.call("POST", message.to, headers, body))
        except ChannelAway as error:  # this receiver refuses us, the others may not
            raise TryLater(str(error), error.after_ms) from None
        return Taken(said=reply.words)


def in_parallel(
    one: Callable[[Message], Taken], messages: Sequence[Message], told: Told, is_stopping: Callable[[], bool], at_once: int = AT_ONCE
) -> None:
    """Send a few at a time; `told` is called on this thread, in the order of the messages."""

    def tried(message: Message) -> Taken | ChannelError | None:
        if is_stopping():
            return None
        try:
            return one(message)
        except ChannelError as error:
            return error

    with ThreadPoolExecutor(max_workers=min(at_once, max(1, len(messages))), thread_name_prefix="notify") as pool:
        for message, result in zip(messages, pool.map(tried, messages), strict=True):
            if result is not None:
                told(message, result)
