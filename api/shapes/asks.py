"""Text that people hand in, bounded, and the strict model that every ask is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

NoteText = Annotated[str, StringConstraints(max_length=2000)]
NameText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
ReasonText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
IdText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


DayText = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Ask(BaseModel):
    """Unknown fields are refused: a misspelt one must not be silently lost."""

    model_config = ConfigDict(extra="forbid")
