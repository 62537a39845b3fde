"""`python -m api.openapi` prints the OpenAPI document, without a database or a broker: the console's types are generated from it."""

from __future__ import annotations

import sys

import orjson

from api.server import bare_app


def document(version: str = "1") -> bytes:
    """The document, sorted, so that two runs give the same bytes."""
    return orjson.dumps(bare_app(version).openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


if __name__ == "__main__":
    sys.stdout.buffer.write(document() + b"\n")
