"""Files of people by their content: each lies once in the data directory, under its SHA-256, outside of anything that is served as such.

Written beside, flushed and renamed, so that a file under its name is whole. It never removes one: several records may name it.
"""

from __future__ import annotations

import os
import secrets
from hashlib import sha256
from pathlib import Path


class FileStore:
    """`folder` is made when the first file comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        """Keep it and give its hash. Raises OSError."""
        digest = sha256(content).hexdigest()
        path = self.path(digest)
        if path.exists():
            return digest
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{secrets.token_hex(8)}")
        try:
            with open(beside, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        return digest

    def path(self, digest: str) -> Path:
        """Where a file of this hash lies, if it does. Raises ValueError for what is no hash: no name ever leads elsewhere."""
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise ValueError(f"{digest[:80]!r} is no SHA-256")
        return self._folder / digest[:2] / digest
