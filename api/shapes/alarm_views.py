"""What alarms may be filtered by, as a value: of saved views and of exports. The same words as the parameters of `GET /alarms`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from alarms.queries import AlarmQuery
from api.alarm_list import SEVERITIES
from api.shapes.alarms import SeverityName, VerdictName
from api.shapes.asks import Ask, NameText
from api.shapes.times import AskedInstant, Instant

StateName = Literal["open", "active", "normal", "unacknowledged", "acknowledged", "suppressed", "ended", "any"]
VerdictWord = Literal["none", "true", "false", "test", "fault", "nuisance"]
_Of = Annotated[str, Field(max_length=64)]
_Seconds = Annotated[float, Field(ge=0, le=31_536_000)]
assert {*VerdictName.__args__, "none"} == set(VerdictWord.__args__)  # type: ignore[attr-defined]


class AlarmFilter(Ask):
    """Whatever is left out is not asked for."""

    state: StateName = "any"
    severity: list[SeverityName] = Field(default_factory=list, max_length=4)
    site: _Of | None = None
    zone: _Of | None = None
    device: _Of | None = None
    kind: _Of | None = None
    rule: _Of | None = None
    verdict: VerdictWord | None = None
    assignee: _Of | None = None
    test: bool | None = None
    suppressed: bool | None = None
    ack_from_s: _Seconds | None = None
    ack_to_s: _Seconds | None = None
    from_at: AskedInstant | None = None
    to_at: AskedInstant | None = None
    q: Annotated[str, Field(max_length=200)] = ""

    def query(self) -> AlarmQuery:
        return AlarmQuery(
            state=None if self.state == "any" else self.state,
            severities=tuple(SEVERITIES[s] for s in self.severity),
            site=self.site,
            zone=self.zone,
            device=self.device,
            kind=self.kind,
            rule=self.rule,
            verdict=self.verdict,
            assignee=self.assignee,
            is_test=self.test,
            is_suppressed=self.suppressed,
            ack_from_ms=to_ms_of(self.ack_from_s),
            ack_to_ms=to_ms_of(self.ack_to_s),
            from_ms=self.from_at,
            to_ms=self.to_at,
            q=self.q.strip(),
        )


def to_ms_of(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


class ViewAsk(Ask):
    name: NameText
    filter: AlarmFilter
    version: int | None = None


class ViewShape(TypedDict):
    """`filter`: what was saved, with times as ISO 8601."""

    id: str
    name: str
    filter: dict[str, Any]
    version: int


class ViewPage(TypedDict):
    items: list[ViewShape]


class AlarmExportAsk(Ask):
    filter: AlarmFilter = Field(default_factory=AlarmFilter)
    format: Literal["csv", "xlsx"] = "csv"


class AlarmExportShape(TypedDict):
    """`part` runs from 0 to 1; `alarms`: written so far; `problem` says why it failed."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    part: float
    alarms: int
    bytes: int
    format: str
    asked_at: Instant
    problem: str | None


class AlarmExportPage(TypedDict):
    items: list[AlarmExportShape]
