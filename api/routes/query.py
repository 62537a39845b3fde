"""Query parameters that lists share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from api.shapes.times import AskedInstant

Cursor = Annotated[str | None, Query(max_length=400, description="next_cursor of the page before")]
Limit = Annotated[int, Query(ge=1, le=500)]
From = Annotated[AskedInstant | None, Query(alias="from", description="first moment, inclusive")]
To = Annotated[AskedInstant | None, Query(alias="to", description="last moment, exclusive")]
Words = Annotated[str, Query(max_length=200)]
