"""The ledger's usual columns (domain.md D2), both ways: hazards to cells, and a file's rows back to what can be recorded.

Titles are read in Chinese or English, in any order; every row that cannot be recorded says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from api import sheets
from hazards import sources, words
from hazards.errors import Incomplete
from hazards.model import Aspect, Grade, Hazard, Source
from sites.model import Site
from sites.roster import Roster

# column -> its title in Chinese and English
COLUMNS: Mapping[str, tuple[str, str]] = {
    "number": ("编号", "no."),
    "enterprise": ("企业", "enterprise"),
    "site": ("场所", "site"),
    "found_at": ("发现时间", "found at"),
    "found_by": ("发现人", "found by"),
    "source": ("来源", "source"),
    "place": ("部位", "place"),
    "title": ("隐患名称", "title"),
    "description": ("隐患描述", "description"),
    "aspect": ("隐患类型", "aspect"),
    "category": ("隐患分类", "category"),
    "grade": ("隐患等级", "grade"),
    "risk_point": ("关联风险点", "risk point"),
    "clause": ("判定依据", "basis clause"),
    "control": ("临时管控措施", "temporary control"),
    "measures": ("整改措施", "measures"),
    "unit": ("责任单位", "responsible unit"),
    "person": ("责任人", "responsible person"),
    "funds": ("整改资金", "funds"),
    "contingency": ("应急预案", "contingency"),
    "deadline_at": ("整改时限", "deadline"),
    "submitted_at": ("实际完成", "finished at"),
    "rectified_by": ("整改人", "rectified by"),
    "returned": ("退回次数", "returned"),
    "closed_at": ("销号时间", "closed at"),
    "state": ("状态", "state"),
    "origin": ("来源信息", "source details"),
}
_DATED = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y.%m.%d")
_LONGEST = {"title": 120, "description": 4000, "category": 60, "clause": 500, "place": 200, "unit": 120, "control": 2000, "person": 120}
T = TypeVar("T")


class NoLedger(ValueError):
    """The file's first row does not name the columns that are needed."""


@dataclass(frozen=True, slots=True)
class Names:
    """How things and people are called on the sheets."""

    roster: Roster
    person: Callable[[str], str]

    def zone_of(self, hazard: Hazard) -> ZoneInfo:
        site = self.roster.sites.get(hazard.site_id)
        return _zone(site.timezone if site else "UTC")

    def site(self, hazard: Hazard) -> str:
        site = self.roster.sites.get(hazard.site_id)
        return site.name if site else hazard.site_id

    def enterprise(self, hazard: Hazard) -> str:
        enterprise = self.roster.enterprises.get(hazard.enterprise_id)
        return enterprise.name if enterprise else hazard.enterprise_id

    def place(self, hazard: Hazard) -> str:
        zone = self.roster.zones.get(hazard.zone_id) if hazard.zone_id else None
        return " ".join(part for part in (zone.name if zone else "", hazard.place) if part)


def titles(language: str) -> list[str]:
    return [named[0 if language == "zh" else 1] for named in COLUMNS.values()]


def cells(hazard: Hazard, names: Names, language: str) -> list[str]:
    """One hazard in the order of `COLUMNS`; times are the site's own."""
    at = 0 if language == "zh" else 1
    plan, zone = hazard.rectification, names.zone_of(hazard)
    values = {
        "number": hazard.number,
        "enterprise": names.enterprise(hazard),
        "site": names.site(hazard),
        "found_at": local(hazard.found_ms, zone),
        "found_by": names.person(hazard.found_by),
        "source": words.SOURCES[hazard.source][at],
        "place": names.place(hazard),
        "title": hazard.title,
        "description": hazard.description,
        "aspect": words.ASPECTS[hazard.aspect][at],
        "category": hazard.category,
        "grade": words.GRADES[hazard.grade][at] if hazard.grade else "",
        "risk_point": hazard.risk_point_id or "",
        "clause": hazard.clause,
        "control": hazard.control,
        "measures": plan.measures,
        "unit": hazard.unit,
        "person": plan.person,
        "funds": plan.funds,
        "contingency": plan.contingency,
        "deadline_at": local(plan.deadline_ms, zone),
        "submitted_at": local(hazard.submitted_ms, zone),
        "rectified_by": names.person(hazard.rectified_by) if hazard.rectified_by else "",
        "returned": str(hazard.returned or ""),
        "closed_at": local(hazard.closed_ms, zone),
        "state": words.STATES[hazard.state][at],
        "origin": "; ".join(f"{sources.WORDS[name][at]}={text}" for name, text in hazard.origin),
    }
    return [values[column] for column in COLUMNS]


@dataclass(slots=True)
class Row:
    """A row of a file as far as it could be read; recorded only without `problems`."""

    line: int
    site_given: str
    title: str
    site: Site | None = None
    number: str = ""
    found_ms: int = 0
    found_by: str = ""
    source: Source = Source.SELF_CHECK
    place: str = ""
    description: str = ""
    aspect: Aspect | None = None
    category: str = "other"
    grade: Grade | None = None
    clause: str = ""
    control: str = ""
    measures: str = ""
    unit: str = ""
    person: str = ""
    funds: str = ""
    contingency: str = ""
    deadline_ms: int | None = None
    origin: tuple[tuple[str, str], ...] = ()
    problems: list[str] = field(default_factory=list)


def read(table: sheets.Table, roster: Roster, now_ms: int) -> list[Row]:
    """The rows below the titles; empty ones are left out. Raises NoLedger."""
    by_title = {title.casefold(): column for column, both in COLUMNS.items() for title in both}
    places = (
        {by_title[cell.strip().casefold()]: at for at, cell in enumerate(table[0]) if cell.strip().casefold() in by_title} if table else {}
    )
    missing = [" / ".join(COLUMNS[column]) for column in ("site", "title") if column not in places]
    if missing:
        raise NoLedger(f"the first row names no column {', '.join(missing)}")
    sites = tuple(roster.sites.values())
    by_name: dict[str, list[Site]] = {}
    for site in sites:
        by_name.setdefault(site.name, []).append(site)
    found = []
    for line, cells_ in enumerate(table[1:], start=2):
        given = {column: cells_[at].strip() if at < len(cells_) else "" for column, at in places.items()}
        if any(given.values()):
            found.append(_row(line, given, roster, by_name, now_ms))
    return found


def _row(line: int, given: dict[str, str], roster: Roster, by_name: Mapping[str, list[Site]], now_ms: int) -> Row:
    row = Row(line, given["site"], given["title"])
    if not row.title:
        row.problems.append("缺少隐患名称 title is missing")
    named = by_name.get(given["site"], [])
    row.site = roster.sites.get(given["site"]) or (named[0] if len(named) == 1 else None)
    if len(named) > 1 and row.site is None:
        row.problems.append(f"场所重名，请填编号 there are {len(named)} sites named {given['site']}: write its id")
    elif row.site is None:
        row.problems.append(f"场所不存在或无权上报 there is no site {given['site']}")
    for name in ("number", "found_by", "place", "description", "clause", "control", "measures", "unit", "person", "funds", "contingency"):
        setattr(row, name, given.get(name, ""))
    row.category = given.get("category") or "other"
    for name, most in _LONGEST.items():
        if len(getattr(row, name)) > most:
            row.problems.append(f"{COLUMNS[name][0]}过长 {COLUMNS[name][1]} has more than {most} characters")
    row.source = _one_of(row, given, "source", words.SOURCES) or Source.SELF_CHECK
    row.aspect = _one_of(row, given, "aspect", {key: both for key, both in words.ASPECTS.items() if key is not None})
    row.grade = _one_of(row, given, "grade", {key: both for key, both in words.GRADES.items() if key is not None})
    zone = _zone(row.site.timezone if row.site else "UTC")
    row.found_ms = _time(row, given, "found_at", zone) or now_ms
    row.deadline_ms = _time(row, given, "deadline_at", zone)
    if row.found_ms > now_ms:
        row.problems.append("发现时间在将来 found at lies ahead")
    if row.source is Source.ALARM:
        row.problems.append("来源为物联网报警的隐患由报警转入，不能导入 a hazard from an alarm is opened there, not imported")
    else:
        try:
            row.origin = sources.checked(row.source, _origin(given.get("origin", "")))
        except Incomplete as error:
            row.problems.append(f"来源信息不完整 {error}")
    return row


def _origin(text: str) -> dict[str, str]:
    """`机构=甲; 专家=乙` with titles in either language or the fields' own names."""
    by_title = {title: name for name, both in sources.WORDS.items() for title in (*both, name)}
    found = {}
    for part in text.replace("；", ";").split(";"):
        title, equals, value = part.replace("＝", "=").partition("=")
        if equals:
            found[by_title.get(title.strip(), title.strip())] = value.strip()
    return found


def _one_of(row: Row, given: dict[str, str], column: str, both: Mapping[T, tuple[str, str]]) -> T | None:
    text = given.get(column, "").casefold()
    if not text:
        return None
    for key, (zh, en) in both.items():
        if text in (zh, en.casefold(), str(key), zh.removesuffix("隐患"), en.removesuffix(" hazard")):
            return key
    allowed = "、".join(zh for zh, _ in both.values())
    row.problems.append(f"{COLUMNS[column][0]}无法识别 {COLUMNS[column][1]} {given[column][:60]!r} is none of {allowed}")
    return None


def _time(row: Row, given: dict[str, str], column: str, zone: ZoneInfo) -> int | None:
    text = given.get(column, "")
    if not text:
        return None
    for form in _DATED:
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=zone).timestamp() * 1000)
        except ValueError:
            continue
    row.problems.append(f"{COLUMNS[column][0]}无法识别 {COLUMNS[column][1]} {text[:60]!r} is no date such as 2026-11-22 14:00")
    return None


def local(at_ms: int | None, zone: ZoneInfo) -> str:
    return "" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone):%Y-%m-%d %H:%M}"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")
