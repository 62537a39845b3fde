"""HTTP requests to gateways and webhooks: to addresses that may be called only, without redirects, bounded in time and size.

The name is resolved once and the connection goes to the address that was checked, so that a name cannot point elsewhere between the two.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import urllib3

from notify.channel import ChannelAway, ChannelError, NeverTaken, TryLater

TIMEOUT_S = 10.0
MOST_ANSWER = 16_384
_CONFIGURATION = frozenset({401, 403, 407})
_GONE = frozenset({400, 404, 405, 410, 413, 414, 415, 422})


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    retry_after_ms: int = 0

    @property
    def words(self) -> str:
        """What it said, short and in one line."""
        text = " ".join(self.body[:400].decode("utf-8", "replace").split())
        return f"HTTP {self.status}" + (f": {text}" if text else "")


class Caller:
    """`allows_private`: addresses of this machine and of private networks may be called. `ca`: a private authority's certificate."""

    def __init__(self, allows_private: bool, ca: Path | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self._allows_private = allows_private
        self._timeout = urllib3.Timeout(total=timeout_s)
        self._tls = ssl.create_default_context(cafile=ca)

    def call(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """Raises NeverTaken for an address that may not be called, TryLater when nobody answers."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NeverTaken("the address is no http:// or https:// URL")
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise NeverTaken("the address has no valid port") from None
        address = self._resolved(parts.hostname, port)
        host = parts.netloc.rpartition("@")[2]
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        pool: urllib3.HTTPConnectionPool
        if parts.scheme == "https":
            pool = urllib3.HTTPSConnectionPool(
                address,
                port,
                timeout=self._timeout,
                retries=False,
                ssl_context=self._tls,
                server_hostname=parts.hostname,
                assert_hostname=parts.hostname,
            )
        else:
            pool = urllib3.HTTPConnectionPool(address, port, timeout=self._timeout, retries=False)
        try:
            answer = pool.request(
                method, target, body=body, headers={"Host": host, **headers}, redirect=False, preload_content=False, decode_content=True
            )
            said = answer.read(MOST_ANSWER)
            answer.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise TryLater(f"{parts.hostname}: {_words(error)}") from error
        finally:
            pool.close()
        return Reply(answer.status, said, _retry_after_ms(answer.headers.get("Retry-After"), answer.headers.get("Date")))

    def _resolved(self, host: str, port: int) -> str:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise TryLater(f"{host}: {_words(error)}") from None
        addresses = [str(each[4][0]) for each in found]
        if not self._allows_private:
            for address in addresses:
                if not ipaddress.ip_address(address.partition("%")[0]).is_global:
                    raise NeverTaken(f"{host} is an address of a private network, which SITEWARDEN_NOTIFY_PRIVATE=true would allow")
        return addresses[0]


def judged(reply: Reply) -> Reply:
    """The reply when it took the message. Raises the ChannelError that its status means."""
    if 200 <= reply.status < 300:
        return reply
    raise _error(reply)


def _error(reply: Reply) -> ChannelError:
    if reply.status in _CONFIGURATION:
        return ChannelAway(reply.words)
    if reply.status in _GONE:
        return NeverTaken(reply.words)
    if 300 <= reply.status < 400:
        return NeverTaken(f"{reply.words} (redirects are not followed)")
    return TryLater(reply.words, reply.retry_after_ms)


def _retry_after_ms(given: str | None, date: str | None) -> int:
    """Seconds, or a date, which is measured from the far end's own clock."""
    if not given:
        return 0
    if given.strip().isdigit():
        return min(int(given), 86_400) * 1_000
    try:
        wait_s = (parsedate_to_datetime(given) - parsedate_to_datetime(date or "")).total_seconds()
    except (TypeError, ValueError):
        return 0
    return int(max(0.0, min(wait_s, 86_400.0)) * 1_000)


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
