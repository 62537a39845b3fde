"""A sender: a thread of one channel that sends what is due in the outbox, at least once, with retries further and further apart.

It holds nothing that a restart would lose: what is due, tried and sent stands in the outbox. Each channel has its own, so that a slow or
dead one delays no other. What waits for too long is given up after a failed try, visibly; a channel that is not configured says so on
every message.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from alarms.model import Transition
from notify.channel import PATIENCE, Channel, ChannelAway, ChannelError, Message, NeverTaken, Taken
from notify.outbox import DueMessage, Outbox
from notify.templates import Templates, digest, notice
from rules.model import Severity
from sites.records import Unavailable

log = logging.getLogger("sitewarden.notify")

MOST_AT_ONCE = 50
MOST_WAITING = 20  # messages for one address; beyond that they are folded into a digest
POLL_S, HOLD_POLL_S = 1.0, 30.0
LONGEST_REST_S = 30.0


class Sender:
    """`wake` is called by whoever adds messages."""

    def __init__(
        self, outbox: Outbox, channel: Channel, now_ms: Callable[[], int], most_waiting: int = MOST_WAITING, base_url: str = ""
    ) -> None:
        self._outbox, self._channel, self._now_ms = outbox, channel, now_ms
        self._most_waiting, self._base_url = most_waiting, base_url
        self._patience = PATIENCE[channel.name]
        self._wakened = threading.Event()
        self._stopping = threading.Event()
        self._failure: str | None = None
        self._rest_until_ms = 0
        self._thread = threading.Thread(target=self._run, name=f"sender-{channel.name}", daemon=True)

    @property
    def channel(self) -> Channel:
        return self._channel

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There may be something to send: look at once."""
        self._wakened.set()

    def stop(self) -> None:
        """Begin to end: the message at hand is finished."""
        self._stopping.set()
        self._wakened.set()

    def close(self, timeout_s: float = 25.0) -> None:
        """Finish the message at hand and end the thread."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    @property
    def degraded_reason(self) -> str | None:
        """Why messages are not going out, or None."""
        return self._failure

    def _run(self) -> None:
        rest_s = POLL_S
        while not self._stopping.is_set():
            try:
                failure = self.run_once()
            except Unavailable as error:
                failure = str(error)
            except Exception as error:
                log.exception("notifications by %s", self._channel.name)
                failure = f"{type(error).__name__}: {error}"
            if failure is not None and failure != self._failure:
                log.warning("notifications by %s: %s", self._channel.name, failure)
            self._failure = failure
            if failure is not None:
                # new messages do not hurry a server that is away
                rest_s = min(2 * rest_s, LONGEST_REST_S)
                self._stopping.wait(rest_s)
            else:
                rest_s = POLL_S
                self._wakened.wait(HOLD_POLL_S if self._channel.problem else POLL_S)
                self._wakened.clear()

    def run_once(self) -> str | None:
        """Send all that is due now. Returns why the channel could not be used, or None. Raises Unavailable."""
        self._outbox.fold(self._channel.name, self._now_ms(), self._most_waiting)
        if self._channel.problem is not None:
            self._outbox.hold(self._channel.problem, self._channel.name)
            return None
        templates: Templates | None = None
        while not self._stopping.is_set() and self._now_ms() >= self._rest_until_ms:
            due = self._outbox.due(self._now_ms(), MOST_AT_ONCE, self._channel.name)
            if not due:
                break
            templates = templates or Templates(self._outbox.wordings(), self._base_url)
            if (failure := self._send(due, templates)) is not None:
                return failure
            self._outbox.fold(self._channel.name, self._now_ms(), self._most_waiting)
        return None

    def _send(self, due: Sequence[DueMessage], templates: Templates) -> str | None:
        of: dict[str, DueMessage] = {}
        messages = []
        for each in due:
            if (message := self._composed(each, templates)) is not None:
                of[message.key] = each
                messages.append(message)
        away: list[str] = []

        def told(message: Message, result: Taken | ChannelError) -> None:
            each = of[message.key]
            if isinstance(result, Taken):
                self._outbox.mark_sent(each.key, self._now_ms(), result.receipt_id, result.said)
            elif isinstance(result, NeverTaken):
                log.warning("message to %s refused: %s", each.name or each.to, result)
                self._outbox.mark_failed(each.key, None, str(result))
            else:
                if isinstance(result, ChannelAway):
                    away.append(str(result))
                elif result.after_ms:
                    self._rest_until_ms = max(self._rest_until_ms, self._now_ms() + result.after_ms)
                self._failed(each, str(result), result.after_ms)

        try:
            if messages:
                self._channel.send(messages, told, self._stopping.is_set)
        except ChannelAway as error:
            # nobody was connected: every message of the batch counts a try, and shows why
            for each in of.values():
                self._failed(each, str(error), error.after_ms)
            return str(error)
        return away[0] if away else None

    def _composed(self, due: DueMessage, templates: Templates) -> Message | None:
        """The message as it goes out; None: it rests, or will never go."""
        transition = due.transition
        if due.stale:
            self._outbox.withdraw(due.key, due.stale)
        elif due.quiet_until_ms is not None:
            self._outbox.defer(due.key, due.quiet_until_ms, "quiet hours")
        elif transition is None and due.notice is None and due.digest is None:
            self._outbox.mark_failed(due.key, None, "its alarm is not in the records")
        elif not due.address:
            self._outbox.mark_failed(due.key, None, "the address is no longer known" if due.to else "there is no address")
        else:
            facts: dict[str, Any] = {}
            if due.digest is not None:
                words = digest(due.digest, due.channel, due.language, due.timezone)
            elif due.notice is not None:
                words, facts = notice(due.notice, due.channel), dict(due.notice.facts)
            else:
                assert transition is not None
                words = templates.compose(due.channel, due.language, transition, due.timezone, due.cause)
            return Message(
                key=due.key if not due.round else f"{due.key}-{due.round}",
                to=due.address,
                subject=words.subject,
                text=words.text,
                at_ms=due.created_ms if transition is None else transition.at_ms,
                secret=due.secret,
                language=due.language,
                facts=facts if transition is None else alarm_facts(transition, due.cause, 0 if due.digest is None else due.digest.count),
            )
        return None

    def _failed(self, due: DueMessage, error: str, after_ms: int = 0) -> None:
        now_ms = self._now_ms()
        is_given_up = now_ms - due.created_ms >= self._patience.give_up_ms
        wait_ms = max(self._patience.wait_ms(due.attempts), after_ms)
        self._outbox.mark_failed(due.key, None if is_given_up else now_ms + wait_ms, error)


def alarm_facts(transition: Transition, cause: str, folded: int) -> dict[str, Any]:
    """The alarm for a program: what a webhook carries beside the words."""
    alarm = transition.alarm
    return {
        "change": transition.signal.value,
        "at_ms": transition.at_ms,
        "cause": cause,
        "folded": folded,
        "alarm": {
            "id": alarm.id,
            "seq": alarm.seq,
            "rule": {"id": alarm.rule_id, "version": alarm.rule_version, "name": alarm.rule_name, "name_en": alarm.rule_name_en},
            "kind": alarm.kind,
            "severity": Severity(alarm.severity).name.lower(),
            "condition": alarm.condition.value,
            "attention": alarm.attention.value,
            "site": {"id": alarm.site_id, "name": alarm.site_name},
            "zone": {"id": alarm.zone_id, "name": alarm.zone_name},
            "device": {"id": alarm.device_id, "name": alarm.device_name},
            "metric": alarm.metric,
            "unit": alarm.unit,
            "value": alarm.value,
            "limit": alarm.limit,
            "raised_ms": alarm.raised_ms,
            "count": alarm.count,
        },
    }
