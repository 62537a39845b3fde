"""SMS and voice calls through any HTTP gateway: the request is configured, the answer is read by pointers, receipts come by callback or are
asked for.

Sent means that the gateway has taken it; delivered and answered are what it reports later. A key pressed during a call counts as
answered. Whether that acknowledges the alarm is decided by the service, by the gateway's settings.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

import orjson

from notify.calls import Caller, judged
from notify.channel import Message, Taken, Told, TryLater
from notify.webhook import SIGNATURE_HEADER, TIME_HEADER, in_parallel, signature

SKEW_S = 300  # a signed receipt is not older
DEFAULT_BODY = '{"to": "{to}", "text": "{text}", "id": "{key}"}'
STATES: Mapping[str, str] = {
    **dict.fromkeys(("delivered", "delivrd", "success", "received", "ok"), "delivered"),
    **dict.fromkeys(("answered", "completed", "picked_up", "key_pressed"), "answered"),
    **dict.fromkeys(
        ("failed", "undeliv", "undelivered", "rejectd", "rejected", "expired", "busy", "no_answer", "no-answer", "error"), "failed"
    ),
    **dict.fromkeys(("queued", "accepted", "sent", "sending", "ringing", "in_progress", "pending"), "sent"),
}


class BadReceipt(ValueError):
    """A receipt without a right signature, or that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """One gateway's settings. In `url`, `body` and `status_url` `{to}`, `{text}`, `{key}` and `{id}` are filled in, escaped for where they
    stand. `id_at`, `state_at`, `digits_at` are JSON pointers (of a form: field names) into answers and receipts. `ok_at` and `ok`: gateways
    that answer 200 to everything say there whether they took it. `acknowledge_digits`: the key that acknowledges; "": none does."""

    name: str
    url: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str = field(default=DEFAULT_BODY, repr=False)
    id_at: str = "/id"
    ok_at: str = ""
    ok: str = ""
    status_url: str = ""
    state_at: str = "/state"
    digits_at: str = "/digits"
    states: Mapping[str, str] = field(default_factory=dict)
    secret: str = field(default="", repr=False)
    acknowledge_digits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a gateway reports of one message. `state`: sent, delivered, answered, failed; "": a word that is not known."""

    receipt_id: str
    state: str
    said: str
    digits: str = ""


class GatewayChannel:
    """`name` is sms or voice."""

    def __init__(self, gateway: Gateway, caller: Caller) -> None:
        self.gateway, self._caller = gateway, caller

    @property
    def name(self) -> str:
        return self.gateway.name

    @property
    def problem(self) -> str | None:
        return None if self.gateway.url else f"no {'SMS' if self.name == 'sms' else self.name} gateway configured"

    def send(self, messages: Sequence[Message], told: Told, is_stopping: Callable[[], bool]) -> None:
        in_parallel(self._one, messages, told, is_stopping)

    def _one(self, message: Message) -> Taken:
        gateway = self.gateway
        values = {"to": message.to, "text": message.text, "key": message.key, "language": message.language or "zh"}
        body, content_type = _body(gateway.body, values)
        headers = {"Content-Type": content_type, "Idempotency-Key": message.key, **gateway.headers}
        url = _in_url(gateway.url, values)
        reply = judged(self._caller.call(gateway.method, url, headers, None if gateway.method == "GET" else body))
        given = _read(reply.body)
        if gateway.ok_at and at(given, gateway.ok_at) != gateway.ok:
            raise TryLater(f"the gateway did not take it: {reply.words}")
        return Taken(said=reply.words, receipt_id=at(given, gateway.id_at))

    def ask(self, receipt_id: str) -> Receipt | None:
        """What the gateway says of a message now. Raises ChannelError."""
        if not self.gateway.status_url:
            return None
        url = _in_url(self.gateway.status_url, {"id": receipt_id})
        reply = judged(self._caller.call("GET", url, self.gateway.headers, None))
        return self.read(_read(reply.body), receipt_id)

    def receipt(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> list[Receipt]:
        """Receipts of a callback: one, or a list. Raises BadReceipt."""
        self._authentic(headers, body, now_ms)
        given = _read(body)
        found = [self.read(each, "") for each in (given if isinstance(given, list) else [given])]
        if not found or any(not each.receipt_id for each in found):
            raise BadReceipt(f"a receipt names its message at {self.gateway.id_at}")
        return found

    def read(self, given: Any, receipt_id: str) -> Receipt:
        word = at(given, self.gateway.state_at)
        digits = at(given, self.gateway.digits_at)
        states = {**STATES, **{name.lower(): state for name, state in self.gateway.states.items()}}
        state = "answered" if digits else states.get(word.lower(), "")
        return Receipt(receipt_id=receipt_id or at(given, self.gateway.id_at), state=state, said=word[:200], digits=digits[:20])

    def _authentic(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> None:
        secret, given = self.gateway.secret, {name.lower(): value for name, value in headers.items()}
        if not secret:
            raise BadReceipt(f"no secret is set for receipts: SITEWARDEN_{self.name.upper()}_SECRET")
        signed, timestamp = given.get(SIGNATURE_HEADER.lower(), ""), given.get(TIME_HEADER.lower(), "")
        if signed:
            if not timestamp.isdigit() or abs(int(timestamp) - now_ms // 1_000) > SKEW_S:
                raise BadReceipt("the receipt's timestamp is missing or too old")
            if not hmac.compare_digest(signed.encode(), signature(secret, timestamp, body).encode()):
                raise BadReceipt("the receipt's signature is wrong")
            return
        token = given.get("authorization", "").removeprefix("Bearer ").strip()
        if not hmac.compare_digest(token.encode(), secret.encode()):
            raise BadReceipt("the receipt has neither a signature nor the secret as a bearer token")


def at(given: Any, pointer: str) -> str:
    """The value at a JSON pointer as text; "" where there is none."""
    for part in pointer.strip("/").split("/") if pointer.strip("/") else ():
        if isinstance(given, Mapping):
            given = given.get(part)
        elif isinstance(given, list) and part.isdigit() and int(part) < len(given):
            given = given[int(part)]
        else:
            return ""
    if isinstance(given, bool):
        return "true" if given else "false"
    return str(given) if isinstance(given, str | int | float) else ""


def _read(body: bytes) -> Any:
    """JSON, or a form's fields."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return dict(parse_qsl(body.decode("utf-8", "replace")))


def _body(template: str, values: Mapping[str, str]) -> tuple[bytes, str]:
    """JSON where the template begins like it, else a form; values are escaped for either."""
    if template.lstrip().startswith(("{", "[")):
        filled = _filled(template, {name: orjson.dumps(value).decode()[1:-1] for name, value in values.items()})
        return filled.encode(), "application/json"
    return _filled(template, {name: quote(value, safe="") for name, value in values.items()}).encode(), "application/x-www-form-urlencoded"


def _in_url(url: str, values: Mapping[str, str]) -> str:
    return _filled(url, {name: quote(value, safe="") for name, value in values.items()})


def _filled(template: str, values: Mapping[str, str]) -> str:
    """One pass, so that a text that holds `{to}` is not filled again."""
    made, rest = [], template
    while rest:
        found = [(index, name) for name in values if (index := rest.find("{" + name + "}")) >= 0]
        if not found:
            break
        index, name = min(found)
        made += [rest[:index], values[name]]
        rest = rest[index + len(name) + 2 :]
    return "".join(made) + rest
