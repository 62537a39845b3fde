"""E-mail over SMTP with aiosmtplib: one connection for a batch, errors told apart into try again and never.

A message has the same Message-ID at every try, so that mailboxes can drop the second copy of one that was sent at least once.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from notify.channel import ChannelAway, Message, NeverTaken, Taken, Told, TryLater
from sites.model import derived_id

TIMEOUT_S = 20.0
NO_SMTP = "no SMTP configured"
SCHEMES = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}


class MailError(Exception):
    """It was not taken now: try again later."""


class MailRefused(MailError):
    """This message will never be taken: its recipient is refused or is no address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One e-mail. `key` names it for ever."""

    key: str
    to: str
    subject: str
    body: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """Where and how to send."""

    host: str
    port: int
    sender: str
    security: str  # smtp (none), smtps (TLS at once), smtp+starttls
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None

    @property
    def domain(self) -> str:
        return self.sender.rpartition("@")[2] or "localhost"

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Callable[[Letter], Awaitable[str]]]:
        """A connection, as the function that sends one letter and gives the server's words. Raises MailError, MailRefused."""
        client = _Client(
            hostname=self.host,
            port=self.port,
            local_hostname=self.domain,  # the default asks the name service, which may take its time
            username=self.user,
            password=self.password,
            use_tls=self.security == "smtps",
            start_tls=self.security == "smtp+starttls",
            tls_context=None if self.security == "smtp" else ssl.create_default_context(cafile=self.ca),
            timeout=TIMEOUT_S,
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            await asyncio.sleep(0)
            raise MailError(f"{self.host}:{self.port}: {_words(error)}") from error

        async def send(letter: Letter) -> str:
            try:
                _, said = await client.send_message(self.message(letter), sender=self.sender, recipients=[letter.to])
            except aiosmtplib.SMTPRecipientsRefused as error:
                refused = error.recipients[0]
                kind = MailRefused if 500 <= refused.code < 600 else MailError
                raise kind(f"{refused.code} {refused.message}") from error
            except (aiosmtplib.SMTPException, OSError) as error:
                raise MailError(_words(error)) from error
            except ValueError as error:
                raise MailRefused(_words(error)) from error
            return said

        try:
            yield send
        finally:
            try:
                await client.quit()
            except (aiosmtplib.SMTPException, OSError):
                client.close()
            await asyncio.sleep(0)

    def message(self, letter: Letter) -> EmailMessage:
        """The letter as it goes out. Raises ValueError for what cannot stand in a header."""
        if not letter.to.isascii() or letter.to.count("@") != 1:
            raise ValueError(f"{letter.to!r} is no e-mail address")
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = letter.to
        message["Subject"] = letter.subject
        message["Date"] = formatdate(letter.at_ms / 1000)
        message["Message-ID"] = f"<{derived_id('message', letter.key)}@{self.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        message.set_content(letter.body)
        return message


class _Client(aiosmtplib.SMTP):
    """Lets go of its socket at once: a farewell in TLS that the server does not answer would outlive the loop."""

    def close(self) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        super().close()


class MailChannel:
    """E-mail as a channel: one connection for the messages of a turn. `mail` None: nothing is configured."""

    name = "email"

    def __init__(self, mail: Mail | None) -> None:
        self._mail = mail

    @property
    def problem(self) -> str | None:
        return NO_SMTP if self._mail is None else None

    def send(self, messages: Sequence[Message], told: Told, is_stopping: Callable[[], bool]) -> None:
        assert self._mail is not None, "nothing is configured"
        asyncio.run(self._send(self._mail, messages, told, is_stopping))

    async def _send(self, mail: Mail, messages: Sequence[Message], told: Told, is_stopping: Callable[[], bool]) -> None:
        try:
            async with mail.connected() as post:
                for message in messages:
                    if is_stopping():
                        return
                    letter = Letter(key=message.key, to=message.to, subject=message.subject, body=message.text, at_ms=message.at_ms)
                    try:
                        said = await post(letter)
                    except MailRefused as error:
                        told(message, NeverTaken(str(error)))
                    except MailError as error:
                        told(message, TryLater(str(error)))
                    else:
                        told(message, Taken(said=said))
        except MailError as error:
            raise ChannelAway(str(error)) from error


def parse(url: str, sender: str) -> Mail:
    """From `smtp://`, `smtps://` or `smtp+starttls://` with `user:password@host:port`, and `?ca=FILE` for a private authority.
    Raises ValueError that says what would be allowed."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise ValueError(f"SMTP URL must be one of {', '.join(f'{scheme}://host' for scheme in SCHEMES)}")
    if parts.username and parts.scheme == "smtp" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("SMTP URL would send the password in clear text: smtps:// or smtp+starttls:// is allowed")
    ca = parse_qs(parts.query).get("ca")
    return Mail(
        host=parts.hostname,
        port=parts.port or SCHEMES[parts.scheme],
        sender=sender,
        security=parts.scheme,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        ca=Path(ca[0]) if ca else None,
    )


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
