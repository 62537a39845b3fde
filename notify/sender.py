"""The sender: a thread that sends what is due in the outbox, at least once, with retries further and further apart.

It holds nothing that a restart would lose: what is due, tried and sent stands in the outbox. Messages older than three days are given up
after a failed try, visibly. Without a mail server every waiting message says so.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence

from notify import templates
from notify.mail import Letter, Mail, MailError, MailRefused
from notify.outbox import DueMessage, Outbox
from sites.records import Unavailable

log = logging.getLogger("sitewarden.notify")

NO_SMTP = "no SMTP configured"
MOST_AT_ONCE = 50
POLL_S, HOLD_POLL_S = 1.0, 30.0
FIRST_RETRY_MS, LAST_RETRY_MS = 5_000, 900_000
GIVE_UP_MS = 3 * 86_400_000
LONGEST_REST_S = 30.0


def retry_ms(attempts: int) -> int:
    """How long to wait after so many failed tries: 5 s, doubling to 15 min."""
    return min(FIRST_RETRY_MS << min(attempts, 16), LAST_RETRY_MS)


class Sender:
    """`mail` None: nothing is configured. `wake` is called by whoever adds messages."""

    def __init__(self, outbox: Outbox, mail: Mail | None, now_ms: Callable[[], int]) -> None:
        self._outbox, self._mail, self._now_ms = outbox, mail, now_ms
        self._wakened = threading.Event()
        self._stopping = threading.Event()
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There may be something to send: look at once."""
        self._wakened.set()

    def close(self, timeout_s: float = 25.0) -> None:
        """Finish the message at hand and end the thread."""
        self._stopping.set()
        self._wakened.set()
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
                log.exception("notifications")
                failure = f"{type(error).__name__}: {error}"
            if failure is not None and failure != self._failure:
                log.warning("notifications: %s", failure)
            self._failure = failure
            if failure is not None:
                # new messages do not hurry a server that is away
                rest_s = min(2 * rest_s, LONGEST_REST_S)
                self._stopping.wait(rest_s)
            else:
                rest_s = POLL_S
                self._wakened.wait(HOLD_POLL_S if self._mail is None else POLL_S)
                self._wakened.clear()

    def run_once(self) -> str | None:
        """Send all that is due now. Returns why the mail server could not be used, or None. Raises Unavailable."""
        if self._mail is None:
            self._outbox.hold(NO_SMTP)
            return None
        while not self._stopping.is_set():
            due = self._outbox.due(self._now_ms(), MOST_AT_ONCE)
            if not due:
                break
            failure = asyncio.run(self._send(self._mail, due))
            if failure is not None:
                return failure
        return None

    async def _send(self, mail: Mail, due: Sequence[DueMessage]) -> str | None:
        try:
            async with mail.connected() as send:
                for message in due:
                    if self._stopping.is_set():
                        break
                    await self._send_one(send, message)
        except MailError as error:
            # nobody was connected: every message of the batch counts a try, and shows why
            for message in due:
                self._failed(message, str(error))
            return str(error)
        return None

    async def _send_one(self, send: Callable[[Letter], Awaitable[None]], message: DueMessage) -> None:
        transition = message.transition
        if transition is None:
            self._outbox.mark_failed(message.key, None, "its alarm is not in the records")
            return
        letter = Letter(
            key=message.key,
            to=message.to,
            subject=templates.subject(transition),
            body=templates.body(transition, message.timezone),
            at_ms=transition.at_ms,
        )
        try:
            await send(letter)
        except MailRefused as error:
            log.warning("message to %s refused: %s", message.to, error)
            self._outbox.mark_failed(message.key, None, str(error))
        except MailError as error:
            self._failed(message, str(error))
        else:
            self._outbox.mark_sent(message.key, self._now_ms())

    def _failed(self, message: DueMessage, error: str) -> None:
        now_ms = self._now_ms()
        is_given_up = now_ms - message.created_ms >= GIVE_UP_MS
        self._outbox.mark_failed(message.key, None if is_given_up else now_ms + retry_ms(message.attempts), error)
