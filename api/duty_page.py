"""The duty record as a page to print (A4), in Chinese or English, complete in itself: no script, no font or picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Literal

from api.shapes.duty import DutyRecordShape, DutyStep

Language = Literal["zh", "en"]

_STYLE = (
    "body{font:11pt/1.5 'Noto Sans CJK SC','Microsoft YaHei',sans-serif;margin:12mm;color:#000}h1{font-size:16pt;text-align:center}"
    "h2{font-size:12pt;margin:6mm 0 2mm}table{border-collapse:collapse;width:100%}th,td{border:1px solid #000;padding:1mm 2mm;"
    "text-align:left;vertical-align:top}th{background:#eee}tr{page-break-inside:avoid}.sign td{height:14mm}@page{size:A4;margin:10mm}"
)
_WORDS: dict[str, dict[Language, str]] = {
    "title": {"zh": "消防控制室值班记录", "en": "Control room duty record"},
    "people": {"zh": "值班人员", "en": "On duty"},
    "status": {"zh": "设备运行状况（每 2 小时）", "en": "Equipment every 2 hours"},
    "alarms": {"zh": "报警及处置", "en": "Alarms and response"},
    "others": {"zh": "屏蔽、试验、查岗、交接班、自检", "en": "Out of service, tests, checks, hand-overs"},
    "none": {"zh": "无", "en": "none"},
    "short": {"zh": "记录过多，未全部列出", "en": "there is more than is listed here"},
    "sign": {"zh": "签字", "en": "Signatures"},
}
_HEADS: dict[str, dict[Language, tuple[str, ...]]] = {
    "status": {
        "zh": ("时间", "火警/燃气", "故障", "其他报警", "屏蔽", "试验", "状况"),
        "en": ("Time", "Fire, gas", "Faults", "Other alarms", "Out of service", "In test", "State"),
    },
    "alarms": {
        "zh": ("时间", "部位", "报警", "接警", "处置经过", "结论"),
        "en": ("Time", "Place", "Alarm", "Taken", "What was done", "Verdict"),
    },
    "others": {"zh": ("时间", "事项", "人员"), "en": ("Time", "What", "Who")},
    "sign": {"zh": ("交班人", "接班人", "消防安全管理人"), "en": ("Outgoing", "Incoming", "Fire safety manager")},
}
_VERDICTS: dict[str, dict[Language, str]] = {
    "true": {"zh": "真实火警", "en": "true"},
    "false": {"zh": "误报", "en": "false"},
    "test": {"zh": "试验", "en": "test"},
    "fault": {"zh": "故障", "en": "fault"},
    "nuisance": {"zh": "干扰", "en": "nuisance"},
}


def duty_page(record: DutyRecordShape, language: Language) -> str:
    """HTML. Every text is escaped."""
    title = _WORDS["title"][language]
    people = "、".join(person["name"] for person in record["people"]) or _WORDS["none"][language]
    status = (
        (
            line["local_time"],
            *(str(number) for number in (line["fire"], line["faults"], line["others"], line["out_of_service"], line["in_test"])),
            _state(line["fire"], line["faults"], language),
        )
        for line in record["status"]
    )
    alarms = (
        (
            line["local_time"],
            line["place"],
            (line["name"] if language == "zh" else line["name_en"]) + _tags(line["is_test"], line["is_suppressed"], language),
            _taken(line["acknowledged_s"], line["acknowledged_by"]["name"] if line["acknowledged_by"] else "", language),
            "\n".join(_step(step, language) for step in line["steps"]),
            _VERDICTS[line["verdict"]][language] if line["verdict"] else "",
        )
        for line in record["alarms"]
    )
    others = (
        (line["local_time"], line["text_zh"] if language == "zh" else line["text"], line["who"]["name"] if line["who"] else "")
        for line in record["others"]
    )
    short = "" if record["is_whole"] else f"<p>{_WORDS['short'][language]}</p>"
    heads = "".join(f"<th>{escape(head)}</th>" for head in _HEADS["sign"][language])
    return (
        f'<!doctype html><html lang="{"zh-CN" if language == "zh" else "en"}"><head><meta charset="utf-8">'
        f"<title>{title} {escape(record['site_name'])} {record['date']}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{title}</h1><p>{escape(record['site_name'])} · {record['date']} · {escape(record['timezone'])}</p>"
        f"<p>{_WORDS['people'][language]}: {escape(people)}</p>"
        + _table("status", status, language)
        + _table("alarms", alarms, language)
        + _table("others", others, language)
        + short
        + f'<h2>{_WORDS["sign"][language]}</h2><table class="sign"><tr>{heads}</tr><tr>{"<td></td>" * 3}</tr></table></body></html>'
    )


def _table(name: str, lines: Iterable[tuple[str, ...]], language: Language) -> str:
    head = "".join(f"<th>{escape(word)}</th>" for word in _HEADS[name][language])
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in line)}</tr>" for line in lines)
    empty = f'<tr><td colspan="{len(_HEADS[name][language])}">{_WORDS["none"][language]}</td></tr>'
    return f"<h2>{_WORDS[name][language]}</h2><table><tr>{head}</tr>{body or empty}</table>"


def _text(cell: str) -> str:
    return escape(cell).replace("\n", "<br>")


def _state(fire: int, faults: int, language: Language) -> str:
    if fire:
        return {"zh": "火警", "en": "fire alarm"}[language]
    return {"zh": "故障", "en": "fault"}[language] if faults else {"zh": "正常", "en": "normal"}[language]


def _tags(is_test: bool, is_suppressed: bool, language: Language) -> str:
    if is_test:
        return {"zh": "（试验）", "en": " (test)"}[language]
    return {"zh": "（屏蔽/抑制）", "en": " (suppressed)"}[language] if is_suppressed else ""


def _taken(seconds: float | None, who: str, language: Language) -> str:
    if seconds is None:
        return {"zh": "未接警", "en": "not taken"}[language]
    return f"{who} {seconds:.0f} {'秒' if language == 'zh' else 's'}"


def _step(step: DutyStep, language: Language) -> str:
    who = step["who"]["name"] if step["who"] else ""
    words = [step["name_zh"] if language == "zh" else step["name"], who, step["whom"], step["phone"], step["note"]]
    return f"{step['local_time']} {' '.join(word for word in words if word)}"
