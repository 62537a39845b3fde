"""The post office: every channel with its sender, receipts of the gateways, tests of single addresses, and previews of templates.

Started and stopped by the service; the door asks it through a port. It decides nothing about alarms: a key pressed in a call is reported,
and whoever asked carries the acknowledgement to the scan.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from alarms.model import Alarm, Attention, Condition, Signal, Transition
from alarms.notices import ChannelState, Preview, Reported, Said
from alarms.queries import Wording
from notify import chat, templates
from notify.calls import Caller
from notify.channel import Channel, ChannelAway, ChannelError, Message, NeverTaken, Taken
from notify.fields import FIELDS
from notify.gateway import Gateway, GatewayChannel, Receipt
from notify.mail import Mail, MailChannel
from notify.outbox import Outbox
from notify.sender import MOST_WAITING, Sender, alarm_facts
from notify.templates import SHIPPED, Templates, sms_parts
from notify.webhook import Webhook
from rules.model import Severity
from sites.model import derived_id
from sites.records import Unavailable

log = logging.getLogger("sitewarden.notify")

POLL_RECEIPTS_S = 10.0
MOST_POLLED = 100
MOST_ROUNDS = 3  # a call that nobody answered is made so often
AGAIN_MS = 60_000


class PostOffice:
    """`sms` and `voice` without a URL, `mail` None: those channels say that they are not configured."""

    def __init__(
        self,
        outbox: Outbox,
        now_ms: Callable[[], int],
        *,
        mail: Mail | None = None,
        sms: Gateway | None = None,
        voice: Gateway | None = None,
        webhook_secret: str = "",
        chat_schemes: Sequence[str] = (),
        caller: Caller | None = None,
        gateway_caller: Caller | None = None,
        most_waiting: int = MOST_WAITING,
        base_url: str = "",
    ) -> None:
        self._outbox, self._now_ms, self._base_url = outbox, now_ms, base_url
        self._chat_schemes = tuple(chat_schemes)
        caller = caller or Caller(allows_private=False)
        gateway_caller = gateway_caller or Caller(allows_private=True)  # its address is a setting, and is often near
        self._gateways = {
            "sms": GatewayChannel(sms or Gateway(name="sms"), gateway_caller),
            "voice": GatewayChannel(voice or Gateway(name="voice"), gateway_caller),
        }
        channels: list[Channel] = [
            MailChannel(mail),
            *self._gateways.values(),
            Webhook(caller, now_ms, webhook_secret),
            chat.Chat(chat_schemes),
        ]
        self._senders = {channel.name: Sender(outbox, channel, now_ms, most_waiting, base_url) for channel in channels}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="receipts", daemon=True)

    # -- its life --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        for sender in self._senders.values():
            sender.start()
        if any(each.gateway.status_url for each in self._gateways.values()):
            self._thread.start()

    def wake(self) -> None:
        """There may be something to send: look at once."""
        for sender in self._senders.values():
            sender.wake()

    def close(self) -> None:
        """Finish the messages at hand, all channels at once."""
        self._stopping.set()
        for sender in self._senders.values():
            sender.stop()
        for sender in self._senders.values():
            sender.close()
        if self._thread.is_alive():
            self._thread.join(15.0)

    @property
    def degraded_reason(self) -> str | None:
        """Why messages of some channel are not going out, or None."""
        reasons = [f"{name}: {reason}" for name, sender in self._senders.items() if (reason := sender.degraded_reason)]
        return "; ".join(reasons) or None

    def channels(self) -> list[ChannelState]:
        return [
            ChannelState(name=name, problem=sender.channel.problem, degraded=sender.degraded_reason)
            for name, sender in self._senders.items()
        ]

    # -- receipts --------------------------------------------------------------------------------------------------

    def receive(self, gateway: str, headers: Mapping[str, str], body: bytes) -> list[Reported]:
        """A gateway's callback. Raises LookupError for no such gateway, ValueError for a receipt that is not genuine or cannot be read,
        Unavailable."""
        channel = self._gateways[gateway]
        return [done for receipt in channel.receipt(headers, body, self._now_ms()) if (done := self._settle(channel, receipt)) is not None]

    def poll_once(self) -> int:
        """Ask the gateways what became of what they took; returns how many had moved."""
        moved = 0
        for channel in self._gateways.values():
            if not channel.gateway.status_url:
                continue
            for receipt_id, _ in self._outbox.unsettled(channel.name, self._now_ms(), MOST_POLLED):
                try:
                    receipt = channel.ask(receipt_id)
                except ChannelError as error:
                    log.info("receipt of %s: %s", channel.name, error)
                    continue
                done = None if receipt is None else self._settle(channel, receipt)
                moved += done is not None and done.state != "sent"
        return moved

    def _poll(self) -> None:
        while not self._stopping.wait(POLL_RECEIPTS_S):
            try:
                self.poll_once()
            except Unavailable as error:
                log.info("receipts: %s", error)

    def _settle(self, channel: GatewayChannel, receipt: Receipt) -> Reported | None:
        now_ms = self._now_ms()
        again_ms = now_ms + AGAIN_MS if self._outbox.round_of(channel.name, receipt.receipt_id) + 1 < MOST_ROUNDS else None
        said = receipt.said + (f" (key {receipt.digits})" if receipt.digits else "")
        done = self._outbox.settle(channel.name, receipt.receipt_id, receipt.state, said, now_ms, again_ms)
        if done is None:
            return None
        wanted = channel.gateway.acknowledge_digits
        acknowledges = bool(wanted) and receipt.digits == wanted
        return Reported(alarm_id=done.alarm_id, recipient=done.recipient, state=done.state, acknowledges=acknowledges)

    # -- one message -----------------------------------------------------------------------------------------------

    def test(self, channel: str, address: str, secret: str, language: str) -> Said:
        """Really send one message, and say what the far end said. Raises LookupError for no such channel."""
        sender = self._senders[channel]
        if sender.channel.problem is not None:
            return Said(ok=False, said=sender.channel.problem, took_ms=0)
        now_ms = self._now_ms()
        transition = sample(now_ms)
        words = Templates(self._outbox.wordings(), self._base_url).compose(channel, language, transition, "Asia/Shanghai")
        subject = {"zh": "测试消息：", "en": "Test message: "}.get(language, "测试消息 Test message: ") + words.subject
        message = Message(
            key=derived_id("test", channel, address, now_ms),
            to=address,
            subject=subject,
            text=words.text if channel in ("email", "webhook") else f"{subject if not words.subject else '测试 TEST'} {words.text}",
            at_ms=now_ms,
            secret=secret,
            language=language,
            facts=alarm_facts(transition, "test", 0),
        )
        return _sent_now(sender, message)

    def say(self, channel: str, address: str, text: str) -> Said:
        """Really send these words, once: a code that somebody waits for. Raises LookupError for no such channel."""
        sender = self._senders[channel]
        if sender.channel.problem is not None:
            return Said(ok=False, said=sender.channel.problem, took_ms=0)
        now_ms = self._now_ms()
        return _sent_now(sender, Message(key=derived_id("say", channel, address, now_ms), to=address, subject="", text=text, at_ms=now_ms))

    def check_endpoint(self, channel: str, url: str) -> None:
        """Raises ValueError for an address that could never be told."""
        try:
            if channel == "chat":
                chat.check(url, self._chat_schemes)
            elif not url.startswith(("https://", "http://")):
                raise NeverTaken("a webhook's address begins with https:// or http://")
        except NeverTaken as error:
            raise ValueError(str(error)) from None

    # -- templates -------------------------------------------------------------------------------------------------

    @property
    def shipped(self) -> Mapping[tuple[str, str], Wording]:
        return SHIPPED

    @property
    def fields(self) -> Mapping[str, tuple[str, str]]:
        return FIELDS

    def check_template(self, text: str) -> None:
        """Raises ValueError that says what is wrong where."""
        templates.check(text)

    def preview(self, wording: Wording, transition: Transition | None, timezone: str, cause: str) -> Preview:
        """A template as a message about this change, or about a sample. Raises ValueError."""
        templates.check(wording.subject)
        templates.check(wording.body)
        transition = transition or sample(self._now_ms())
        own = () if SHIPPED.get((wording.channel, wording.language)) == wording else (wording,)
        made = Templates(own, self._base_url).compose(wording.channel, wording.language, transition, timezone, cause)
        return Preview(subject=made.subject, text=made.text, length=len(made.text), parts=sms_parts(made.text))


def sample(now_ms: int) -> Transition:
    """An alarm that nobody has, for tests and previews."""
    alarm = Alarm(
        id="sample",
        rule_id="sample",
        rule_version=1,
        rule_name="可燃气体",
        rule_name_en="Combustible gas",
        kind="gas",
        subject="point:sample:lel",
        point_id="sample:lel",
        site_id="sample",
        site_name="示例商场",
        zone_id="sample",
        zone_name="三层厨房",
        device_id="sample",
        device_name="探测器 1",
        metric="lel",
        unit="%LEL",
        severity=Severity.HIGH,
        level=0,
        limit=25.0,
        value=27.1,
        peak_value=27.1,
        condition=Condition.ACTIVE,
        attention=Attention.UNACKNOWLEDGED,
        is_latched=True,
        needs_reset=True,
        is_late=False,
        raised_ms=now_ms,
        arrived_ms=now_ms,
        changed_ms=now_ms,
    )
    return Transition(alarm=alarm, signal=Signal.RAISED, at_ms=now_ms, value=27.1)


def _sent_now(sender: Sender, message: Message) -> Said:
    """Send one message at once, and say what the far end said."""
    results: list[Taken | ChannelError] = []
    began = time.monotonic()
    try:
        sender.channel.send([message], lambda _, result: results.append(result), lambda: False)
    except ChannelAway as error:
        results.append(error)
    took_ms = round((time.monotonic() - began) * 1_000)
    (result,) = results
    if isinstance(result, Taken):
        return Said(ok=True, said=result.said, took_ms=took_ms, receipt_id=result.receipt_id)
    return Said(ok=False, said=str(result), took_ms=took_ms)
