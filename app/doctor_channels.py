"""What `sitewarden doctor` says of the channels: whether the mail server takes us, whether gateways are there, what would not be believed.

It sends nothing: a gateway is only connected to, because some send at every request.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from app.posting import open_mail
from app.settings import CommandError, Settings
from notify.mail import MailError

_WAIT_S = 5.0
Said = tuple[str, str, str]  # part, verdict, words


def examine_channels(settings: Settings) -> Iterator[Said]:
    """One line or more a channel."""
    yield from _mail(settings)
    for name in ("sms", "voice"):
        yield from _gateway(settings, name)
    if not settings.webhook_secret:
        yield "webhook", "note", "no SITEWARDEN_WEBHOOK_SECRET: webhooks without a secret of their own go out unsigned"
    if settings.notify_private:
        yield "webhook", "note", "SITEWARDEN_NOTIFY_PRIVATE is on: whoever configures a webhook can call addresses of this network"
    if not settings.public_url:
        yield "messages", "note", "no SITEWARDEN_PUBLIC_URL: messages hold no link to their alarm"


def _mail(settings: Settings) -> Iterator[Said]:
    if not settings.smtp_url:
        yield "mail", "note", "no SITEWARDEN_SMTP_URL: e-mails wait in the outbox and nobody is woken by them"
        return
    try:
        mail = open_mail(settings)
    except CommandError as error:
        yield "mail", "bad", str(error)
        return
    assert mail is not None, "a URL is set"

    async def connect() -> None:
        async with mail.connected():
            pass

    try:
        asyncio.run(connect())
    except MailError as error:
        yield "mail", "bad", str(error)
        return
    how = {"smtp": "without TLS", "smtps": "over TLS", "smtp+starttls": "over STARTTLS"}[mail.security]
    yield "mail", "ok", f"reached {mail.host}:{mail.port} {how}" + (f", signed in as {mail.user}" if mail.user else ", without signing in")


def _gateway(settings: Settings, name: str) -> Iterator[Said]:
    url, secret = getattr(settings, f"{name}_url"), getattr(settings, f"{name}_secret")
    if not url:
        yield name, "note", f"no SITEWARDEN_{name.upper()}_URL: nobody is reached by {name}"
        return
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), _WAIT_S) as plain:
            if parts.scheme == "https":
                context = ssl.create_default_context(cafile=settings.notify_ca)
                context.wrap_socket(plain, server_hostname=parts.hostname).close()
    except (OSError, ValueError) as error:
        yield name, "bad", f"the gateway {parts.hostname} cannot be reached: {error}"
        return
    yield name, "ok", f"the gateway {parts.hostname}:{port} is there (nothing was sent: POST /api/v1/notifications/test does)"
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        yield name, "note", "telephone numbers and the gateway's key go over plain http"
    if not secret and not getattr(settings, f"{name}_status_url"):
        yield (
            name,
            "note",
            f"neither SITEWARDEN_{name.upper()}_SECRET nor SITEWARDEN_{name.upper()}_STATUS_URL: nobody hears what was delivered",
        )
    if name == "voice" and settings.voice_acknowledge_digits and not secret:
        yield (
            name,
            "bad",
            "SITEWARDEN_VOICE_ACKNOWLEDGE_DIGITS without SITEWARDEN_VOICE_SECRET: no receipt is believed, no key acknowledges",
        )
