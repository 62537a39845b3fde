"""The shops' links: what a QR code on the wall says, signed, with an end, for one tenant of one site; and the digits sent to a telephone.

Nothing is kept for them but counters of attempts: a link is its own proof, and ends by its date. It shows and does only what that shop may.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import threading
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from api.problems import Problem, invalid

CODE_MS = 10 * 60_000
_MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Shop:
    site_id: str
    tenant: str
    until_ms: int


class Limiter:
    """At most so many in a span by key, in memory: the least recently used are forgotten first."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, list[int]] = OrderedDict()
        self._lock = threading.Lock()

    def must(self, key: str, most: int, span_ms: int, now_ms: int) -> None:
        """Count one. Raises 429 when there were too many."""
        with self._lock:
            times = [each for each in self._counts.pop(key, []) if now_ms - each < span_ms]
            is_over = len(times) >= most
            self._counts[key] = times if is_over else [*times, now_ms]
            while len(self._counts) > _MOST_KEYS:
                self._counts.popitem(last=False)
        if is_over:
            wait_s = max(1, (span_ms - (now_ms - times[0])) // 1_000)
            raise Problem(429, "too-many", "Too many attempts", f"try again in {wait_s} s", {"Retry-After": str(wait_s)})


def token(secret: bytes, shop: Shop) -> str:
    """The link's last part: readable, and signed."""
    text = f"{shop.site_id}\n{shop.tenant}\n{shop.until_ms}".encode()
    return f"{base64.urlsafe_b64encode(text).decode().rstrip('=')}.{_mac(secret, 'shop', text.decode())[:32]}"


def shop_of(secret: bytes, given: str, now_ms: int) -> Shop:
    """Raises 404 for a link that was not made here, 410 for one that has ended."""
    body, _, mac = given.partition(".")
    try:
        text = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
        site_id, tenant, until = text.split("\n")
        shop = Shop(site_id, tenant, int(until))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise _unknown() from None
    if not hmac.compare_digest(mac, _mac(secret, "shop", text)[:32]):
        raise _unknown()
    if shop.until_ms <= now_ms:
        raise Problem(
            410, "link-ended", "The link has ended", "this link has ended: ask the mall's manager for a new one 链接已过期，请联系物业"
        )
    return shop


def challenge(secret: bytes, shop: Shop, phone: str, now_ms: int) -> tuple[str, str, int]:
    """(challenge, six digits for the telephone, until when)."""
    until_ms = now_ms + CODE_MS
    mac = _code_mac(secret, shop, phone, until_ms)
    return f"{until_ms}.{sha256(mac.encode()).hexdigest()[:24]}", f"{int(mac[:12], 16) % 1_000_000:06d}", until_ms


def must_meet(secret: bytes, shop: Shop, phone: str, given: str, code: str, now_ms: int) -> None:
    """Raises 422 unless these are the digits that this telephone got for this shop within ten minutes."""
    until = given.partition(".")[0]
    if not until.isdigit() or len(until) > 15:
        raise invalid("this is not the challenge of a code 验证码无效", "/challenge")
    mac = _code_mac(secret, shop, phone, int(until))
    digits = f"{int(mac[:12], 16) % 1_000_000:06d}"
    is_ours = hmac.compare_digest(given, f"{until}.{sha256(mac.encode()).hexdigest()[:24]}")
    if not is_ours or int(until) <= now_ms or not hmac.compare_digest(code.strip().encode(), digits.encode()):
        raise invalid("the code is wrong or older than ten minutes 验证码错误或已过期", "/code")


def _code_mac(secret: bytes, shop: Shop, phone: str, until_ms: int) -> str:
    number = "".join(each for each in phone if each.isdigit())
    return _mac(secret, "code", f"{shop.site_id}\n{shop.tenant}\n{number}\n{until_ms}")


def _mac(secret: bytes, what: str, text: str) -> str:
    return hmac.new(secret, f"{what}\n{text}".encode(), sha256).hexdigest()


def _unknown() -> Problem:
    return Problem(404, "not-found", "Not found", "this is not a link of ours 链接无效")
