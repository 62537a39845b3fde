"""The sheets that are printed and signed: rectification notice (整改通知单), acceptance sheet (复查验收单); Chinese or English.

Plain HTML that prints by itself; everything that people wrote is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Literal

from api.hazard_columns import Names, local
from hazards import words
from hazards.model import Hazard, HazardStep

_TITLES = {"notice": ("隐患整改通知单", "Rectification notice"), "acceptance": ("隐患复查验收单", "Acceptance sheet")}
_MOMENTS = {"before": ("整改前", "before"), "after": ("整改后", "after")}
_STYLE = """
body { font: 14px/1.5 "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; max-width: 180mm; margin: 10mm auto; color: #000; }
h1 { text-align: center; font-size: 22px; margin: 0 0 4mm; } .no { text-align: right; margin: 0 0 2mm; }
table { width: 100%; border-collapse: collapse; } th, td { border: 1px solid #000; padding: 2mm; text-align: left; vertical-align: top; }
th { width: 32mm; font-weight: 600; } td { white-space: pre-wrap; overflow-wrap: anywhere; }
figure { display: inline-block; margin: 2mm; } img { max-width: 75mm; max-height: 60mm; } figcaption { text-align: center; }
.signs { display: flex; gap: 10mm; margin-top: 12mm; } .signs div { flex: 1; border-top: 1px solid #000; padding-top: 1mm; }
@media print { body { margin: 0 auto; } }
"""


def render(
    sheet: Literal["notice", "acceptance"],
    hazard: Hazard,
    steps: Sequence[HazardStep],
    photos: Sequence[tuple[str, str]],
    names: Names,
    now_ms: int,
    language: str,
) -> str:
    """`photos`: (moment, address beside the sheet)."""
    at = 0 if language == "zh" else 1
    rows = _facts(hazard, names, at) + (_plan(hazard, names, at) if sheet == "notice" else _review(hazard, steps, names, at))
    figures = "".join(
        f'<figure><img src="{escape(address)}" alt=""><figcaption>{_MOMENTS[moment][at]}</figcaption></figure>'
        for moment, address in photos
    )
    signs = (
        (("签发人", "被检查单位签收"), ("issued by", "received by"))
        if sheet == "notice"
        else (("整改人", "复查人"), ("rectified by", "reviewed by"))
    )
    date = ("日期", "date")[at]
    printed = f"{('打印时间', 'printed')[at]} {local(now_ms, names.zone_of(hazard))}"
    return (
        f'<!doctype html><html lang="{"zh" if at == 0 else "en"}"><head><meta charset="utf-8"><title>{escape(hazard.number)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{_TITLES[sheet][at]}</h1><p class='no'>{escape(hazard.number)}</p><table>"
        + "".join(f"<tr><th>{escape(title)}</th><td>{escape(text) or '&nbsp;'}</td></tr>" for title, text in rows)
        + f"</table>{figures}<div class='signs'>"
        + "".join(f"<div>{sign} / {date}</div>" for sign in signs[at])
        + f"</div><p>{printed}</p></body></html>"
    )


def _facts(hazard: Hazard, names: Names, at: int) -> list[tuple[str, str]]:
    zone = names.zone_of(hazard)
    titles = (
        ("企业", "场所", "部位", "发现时间", "来源", "等级", "分类", "隐患", "描述", "判定依据", "临时管控措施"),
        ("Enterprise", "Site", "Place", "Found at", "Source", "Grade", "Category", "Hazard", "Description", "Basis", "Temporary control"),
    )[at]
    values = (
        names.enterprise(hazard), names.site(hazard), names.place(hazard), local(hazard.found_ms, zone), words.SOURCES[hazard.source][at],
        words.GRADES[hazard.grade][at], hazard.category, hazard.title, hazard.description, hazard.clause, hazard.control,
    )  # fmt: skip
    return list(zip(titles, values, strict=True))


def _plan(hazard: Hazard, names: Names, at: int) -> list[tuple[str, str]]:
    plan, zone = hazard.rectification, names.zone_of(hazard)
    titles = (
        ("责任单位", "责任人", "整改措施", "整改资金", "整改时限", "应急预案"),
        ("Responsible unit", "Person", "Measures", "Funds", "Deadline", "Contingency"),
    )[at]
    values = (hazard.unit, plan.person, plan.measures, plan.funds, local(plan.deadline_ms, zone), plan.contingency)
    rows = list(zip(titles, values, strict=True))
    listed = hazard.supervision
    if listed is not None:
        text = f"{listed.body} {listed.list_number}, {local(listed.deadline_ms, zone)}, {listed.contact}"
        rows.append((("挂牌督办", "Listed by")[at], text))
    return rows


def _review(hazard: Hazard, steps: Sequence[HazardStep], names: Names, at: int) -> list[tuple[str, str]]:
    zone = names.zone_of(hazard)
    told = [
        f"{local(step.at_ms, zone)} {words.ACTS[step.act][at]} {names.person(step.who) if step.who else ''} {step.note}".strip()
        for step in steps
        if step.act.value in ("rectify", "submit", "fix", "return", "accept", "grant")
    ]
    titles = (
        ("整改时限", "实际完成", "整改人", "经过", "结论", "销号时间"),
        ("Deadline", "Finished at", "Rectified by", "Course", "Result", "Closed at"),
    )[at]
    values = (
        local(hazard.rectification.deadline_ms, zone), local(hazard.submitted_ms, zone),
        names.person(hazard.rectified_by) if hazard.rectified_by else "", "\n".join(told), words.STATES[hazard.state][at],
        local(hazard.closed_ms, zone),
    )  # fmt: skip
    return list(zip(titles, values, strict=True))
