"""The console's copy of the API's document is the document: its types are generated from it."""

from __future__ import annotations

from pathlib import Path

from api.openapi import document

COPY = Path(__file__).parents[2] / "console" / "openapi.json"


def test_the_consoles_copy_is_the_document() -> None:
    wanted = document() + b"\n"
    assert COPY.read_bytes() == wanted, "python -m api.openapi > console/openapi.json, then `npm run types` in console"
