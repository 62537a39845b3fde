"""Chat robots through apprise: WeCom, DingTalk, Feishu, Lark, Slack, Telegram and others, each named by a URL that holds its key.

Only services that are meant for chat are taken: apprise also knows files, local programs and arbitrary addresses, which nobody may reach
by writing a contact. What apprise says of a failure is told with the URL's secrets taken out.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from urllib.parse import unquote

import apprise

from notify.channel import Message, NeverTaken, Taken, Told, TryLater
from notify.webhook import in_parallel

SCHEMES = (
    "wecombot", "dingtalk", "feishu", "lark", "slack", "tgram", "discord", "msteams", "gchat", "webexteams", "line",
)  # fmt: skip
_turn = threading.local()
_loading = threading.Lock()


class _Hearing(logging.Handler):
    """What apprise logs on a thread while it sends for us."""

    def emit(self, record: logging.LogRecord) -> None:
        heard = getattr(_turn, "heard", None)
        if heard is not None and record.levelno >= logging.WARNING:
            heard.append(record.getMessage())


@cache
def _library() -> Any:
    """Apprise with its services loaded, once, when the first robot is named: it loads all of them, and one warns of its own past."""
    with _loading, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        apprise.Apprise.instantiate("json://127.0.0.1", suppress_exceptions=True)
    return apprise.Apprise


def check(url: str, more: Sequence[str] = ()) -> None:
    """Raises NeverTaken for a URL that is no chat robot's; `more` are further schemes that are allowed."""
    scheme = url.partition("://")[0].lower()
    if scheme not in SCHEMES and scheme not in more:
        raise NeverTaken(f"{scheme or 'this'}:// is no chat service; there are {', '.join((*SCHEMES, *more))}")
    if _library().instantiate(url, suppress_exceptions=True) is None:
        raise NeverTaken(f"the {scheme}:// URL is not complete: see the documentation of apprise for its form")


class Chat:
    """`more`: schemes allowed beside the known ones (SITEWARDEN_APPRISE_SCHEMES)."""

    name = "chat"

    def __init__(self, more: Sequence[str] = ()) -> None:
        self._more = tuple(more)
        logger = logging.getLogger("apprise")
        if not any(isinstance(handler, _Hearing) for handler in logger.handlers):
            logger.addHandler(_Hearing())
            logger.propagate = False  # it logs the URLs' keys

    @property
    def problem(self) -> str | None:
        return None  # robots are configured with each group and person

    def send(self, messages: Sequence[Message], told: Told, is_stopping: Callable[[], bool]) -> None:
        in_parallel(self._one, messages, told, is_stopping)

    def _one(self, message: Message) -> Taken:
        check(message.to, self._more)
        robot = _library().instantiate(message.to, suppress_exceptions=True)
        if robot is None:
            raise NeverTaken("the URL cannot be read")
        _turn.heard = []
        try:
            done = robot.notify(body=message.text, title=message.subject, body_format=apprise.NotifyFormat.TEXT)
        except (TypeError, ValueError, OSError) as error:
            raise TryLater(unnamed(str(error), message.to)) from None
        finally:
            heard, _turn.heard = _turn.heard, None
        if not done:
            raise TryLater(unnamed("; ".join(heard), message.to) or "the robot did not take it")
        return Taken(said=f"{robot.service_name} took it")


def unnamed(words: str, url: str) -> str:
    """Words without any part of the URL that may be a key."""
    for part in sorted(
        (p for p in url.partition("://")[2].replace("?", "/").replace("@", "/").split("/") if len(p) >= 6), key=len, reverse=True
    ):
        words = words.replace(part, "***").replace(unquote(part), "***")
    return " ".join(words.split())[:400]
