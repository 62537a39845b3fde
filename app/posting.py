"""The post office from the settings: mail server, gateways, webhooks and chat robots, or why one of them cannot be meant."""

from __future__ import annotations

from collections.abc import Callable

from app.settings import CommandError, Settings
from notify import mail
from notify.calls import Caller
from notify.gateway import Gateway
from notify.outbox import Outbox
from notify.post_office import PostOffice


def open_post_office(settings: Settings, outbox: Outbox, now_ms: Callable[[], int]) -> PostOffice:
    """Connects to nothing. Raises CommandError."""
    try:
        caller = Caller(settings.notify_private, settings.notify_ca)
        gateway_caller = Caller(True, settings.notify_ca)  # a gateway's address is a setting, and is often near
    except (OSError, ValueError) as error:
        raise CommandError(f"SITEWARDEN_NOTIFY_CA: {error}") from None
    return PostOffice(
        outbox,
        now_ms,
        mail=open_mail(settings),
        sms=_gateway(settings, "sms"),
        voice=_gateway(settings, "voice"),
        webhook_secret=settings.webhook_secret,
        chat_schemes=[each.strip().lower() for each in settings.apprise_schemes.split(",") if each.strip()],
        caller=caller,
        gateway_caller=gateway_caller,
        most_waiting=settings.notify_most_waiting,
        base_url=settings.public_url,
    )


def open_mail(settings: Settings) -> mail.Mail | None:
    """Raises CommandError for a URL that cannot be meant."""
    if not settings.smtp_url:
        return None
    try:
        return mail.parse(settings.smtp_url, settings.smtp_sender)
    except ValueError as error:
        raise CommandError(f"SITEWARDEN_SMTP_URL: {error}") from None


def _gateway(settings: Settings, name: str) -> Gateway:
    names = ("url", "method", "headers", "body", "id_at", "ok_at", "ok", "status_url", "state_at", "states", "secret")
    given = {each: getattr(settings, f"{name}_{each}") for each in names}
    if name == "voice":
        given |= {"digits_at": settings.voice_digits_at, "acknowledge_digits": settings.voice_acknowledge_digits}
    return Gateway(name=name, **given)
