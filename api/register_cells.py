"""The columns of the register and the cells of one row: each asked for by its column, each wrong one told of with what is allowed.

Words of both languages are taken for columns, kinds and types; a column that the file does not have keeps what is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from api.days import moment_ms, until_ms
from sites.model import DEVICE_KINDS

# the columns in their order, with their Chinese words
COLUMNS: dict[str, str] = {
    "type": "类型",
    "id": "编号",
    "site_id": "场所",
    "zone_id": "区域",
    "name": "名称",
    "kind": "设备类型",
    "codec": "协议",
    "address": "地址",
    "gateway_id": "网关编号",
    "interval_s": "上报间隔秒",
    "link": "链路",
    "calibrated_until": "检定有效期至",
    "service_until": "使用年限至",
    "device_id": "断路器编号",
    "channel": "通道",
    "tenant": "商户",
    "panel": "配电箱",
    "rated_a": "额定电流",
    "poles": "相",
    "permit_until": "不断电许可至",
}
HEADERS = {word.lower(): name for name, chinese in COLUMNS.items() for word in (name, chinese)}
TYPE_WORDS = {"device": "device", "设备": "device", "circuit": "circuit", "回路": "circuit"}
_KINDS_ZH = (
    "感烟探测器",
    "感温探测器",
    "燃气探测器",
    "一氧化碳探测器",
    "电气火灾监控",
    "水系统",
    "智能断路器",
    "手动报警按钮",
    "网关",
    "执行机构",
    "其他",
)
KIND_WORDS = {kind: kind for kind in DEVICE_KINDS} | dict(zip(_KINDS_ZH, DEVICE_KINDS, strict=True))
_POLE = re.compile(r"[a-z0-9]{1,8}\Z")


@dataclass(frozen=True, slots=True)
class BadCell:
    """What is wrong with one cell. `row` is as seen in a spreadsheet."""

    row: int
    column: str
    given: str
    allowed: str
    allowed_zh: str


@dataclass(slots=True)
class Cells:
    """One row. Every question about a wrong cell notes it in `bad` and goes on with something harmless."""

    row: int
    texts: Mapping[str, str]
    bad: list[BadCell] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """The text, or None where the file has no such column."""
        return self.texts.get(name)

    def refuse(self, name: str, given: str, allowed: str, allowed_zh: str) -> None:
        self.bad.append(BadCell(self.row, name, given[:200], allowed, allowed_zh))

    def words(self, name: str, default: str | None, *, kept: str | None = None, most: int) -> str:
        """Text. `default` for an empty cell (None: it must not be empty), `kept` where there is no such column."""
        text = self.texts.get(name)
        if text is None and kept is not None:
            return kept
        if not text:
            if default is None:
                self.refuse(name, "", "it must not be empty", "必填")
            return default or ""
        if len(text) > most:
            self.refuse(name, text, f"at most {most} characters", f"最多 {most} 个字符")
        return text

    def choice(self, name: str, words: Mapping[str, str], default: str | None, kept: str | None = None) -> str:
        """One of these words (in any case), as what it stands for."""
        text = self.texts.get(name)
        if text is None and kept is not None:
            return kept
        if not text and default is not None:
            return default
        found = words.get(text or "") or words.get((text or "").lower())
        if found is None:
            known = ", ".join(dict.fromkeys(words.values()))
            known_zh = "、".join(word for word in words if not word.isascii()) or known
            self.refuse(name, text or "", f"one of {known}", f"可填：{known_zh}")
        return found or ""

    def number(self, name: str, kept: float | None, above: float, most: float, blank: float | None = None) -> float | None:
        """A number above `above`; `blank` for an empty cell."""
        text = self.texts.get(name)
        if text is None:
            return kept
        if not text:
            return blank
        try:
            value = float(text.replace(",", "") if re.match(r"\d{1,3}(,\d{3})+(\.\d+)?\Z", text) else text)
        except ValueError:
            value = math.nan
        if not above < value <= most:
            self.refuse(name, text, f"a number above {above:g}, at most {most:.10g}", f"大于 {above:g}、不超过 {most:.10g} 的数")
            return blank
        return value

    def day(self, name: str, kept: int | None, zone: str) -> int | None:
        """A date, as the moment at which its day is over."""
        text = self.texts.get(name)
        if not text:
            return kept if text is None else None
        try:
            return until_ms(text, zone)
        except ValueError:
            self.refuse(name, text, "a date such as 2027-06-30", "日期，如 2027-06-30")
            return None

    def moment(self, name: str, kept: int | None, zone: str) -> int | None:
        """A moment, in the site's own time where it has no offset."""
        text = self.texts.get(name)
        if not text:
            return kept if text is None else None
        try:
            return moment_ms(text, zone)
        except ValueError:
            self.refuse(name, text, "a time such as 2026-12-31 22:00", "时间，如 2026-12-31 22:00")
            return None

    def poles(self, name: str, kept: tuple[str, ...]) -> tuple[str, ...]:
        """Suffixes of poles that are metered apart."""
        text = self.texts.get(name)
        if text is None:
            return kept
        found = tuple(re.split(r"[\s;,/]+", text.lower())) if text else ()
        if len(found) > 4 or not all(_POLE.match(pole) for pole in found) or len(set(found)) < len(found):
            self.refuse(name, text, "at most four different suffixes, such as l1 l2 l3", "最多四个不同的后缀，如 l1 l2 l3")
            return ()
        return found
