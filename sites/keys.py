"""Keys of machines and one-time links of people, as frozen values. Secrets are hashed before they come here."""

from __future__ import annotations

from dataclasses import dataclass

KEY_USER = "key:"  # a key acts under the user id `key:<id>`


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A part of the tree. `node_kind`: all, district, enterprise, site."""

    node_kind: str
    node_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What a machine may do where. `prefix` is the readable beginning of the key; only a hash of the rest is kept. `rate_per_minute`: how
    many requests it may make."""

    id: str
    name: str
    prefix: str
    key_hash: str
    acts: tuple[str, ...]
    places: tuple[Place, ...]
    made_by: str
    made_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None
    used_ms: int | None = None
    rate_per_minute: int = 600
    note: str = ""

    def is_good(self, now_ms: int) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)

    @property
    def user_id(self) -> str:
        return f"{KEY_USER}{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeLink:
    """A link by which one person sets a password once: `purpose` invite or reset."""

    token_hash: str
    user_id: str
    purpose: str
    made_by: str
    made_ms: int
    expires_ms: int
