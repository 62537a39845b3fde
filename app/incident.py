"""An incident as files that stand for themselves: CSV and JSON of everything around it, a page to print, and a manifest with their hashes.

`python -m app.incident FOLDER FORM` reads `material.json` there, as `api.routes.incidents` gathered it, and writes `incident.zip` or
`incident.html` beside it. Run as a process of its own at low priority; it opens nothing else and asks nobody.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import zipfile
from datetime import datetime
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from api.sheets import harmless

Rows = list[dict[str, Any]]
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 760, 180, 60, 22
# part -> heading; each is a list of objects, written as CSV and as a table
PARTS = {
    "alarms": "报警 Alarms",
    "transitions": "经过 Transitions",
    "orders": "指令 Orders",
    "order_steps": "指令经过与验证 Order steps and proof",
    "notices": "通知与送达 Notices and delivery",
    "linkages": "联动（是否执行及原因） Linkages, fired or not, and why",
    "hazards": "隐患 Hazards",
    "hazard_steps": "隐患处置 Hazard steps",
    "audit": "操作审计（哈希链） Audit entries (hash chain)",
}


def table_csv(rows: Rows) -> bytes:
    """UTF-8 with a byte order mark; nested values as JSON."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows([harmless(_text(row.get(name))) for name in names] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def readings_csv(series: Rows) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["point", "unit", "at", "min", "mean", "max"])
    for one in series:
        for at, low, mean, high in zip(one["at"], one["min"], one["mean"], one["max"], strict=True):
            writer.writerow([one["point"], one["unit"], at, *("" if value is None else value for value in (low, mean, high))])
    return out.getvalue().encode("utf-8-sig")


def chart(one: dict[str, Any], marks: list[tuple[str, str]]) -> str:
    """One point's readings as SVG, with its limit and the moments of `marks` (time, word)."""
    times = [_seconds(at) for at in one["at"]]
    known = [(t, v) for t, v in zip(times, one["mean"], strict=True) if v is not None]
    if len(known) < 2:
        return "<p>—</p>"
    limit = one.get("limit")
    values = [v for name in ("min", "mean", "max") for v in one[name] if v is not None] + ([limit] if limit is not None else [])
    begin, end = times[0], times[-1]
    low, high = min(values), max(values)
    span = (high - low) or 1.0

    def x(t: float) -> float:
        return _LEFT + (t - begin) / ((end - begin) or 1.0) * (_WIDTH - _LEFT - 10)

    def y(v: float) -> float:
        return float(_HEIGHT - _BOTTOM - (v - low) / span * (_HEIGHT - _BOTTOM - 14))

    paths, pen = [], "M"
    for t, v in zip(times, one["mean"], strict=True):
        if v is None:
            pen = "M"  # a gap is a gap
        else:
            paths.append(f"{pen}{x(t):.1f} {y(v):.1f}")
            pen = "L"
    parts = [f'<path d="{" ".join(paths)}" fill="none" stroke="#06c" stroke-width="1.5"/>']
    if limit is not None:
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y(limit):.1f}" y2="{y(limit):.1f}" stroke="#c00" stroke-dasharray="4 3"/>'
        )
    for at, word in marks:
        t = _seconds(at)
        if begin <= t <= end:
            parts.append(f'<line x1="{x(t):.1f}" x2="{x(t):.1f}" y1="10" y2="{_HEIGHT - _BOTTOM}" stroke="#999"/>')
            parts.append(f'<text x="{x(t) + 2:.1f}" y="10" font-size="9">{escape(word)}</text>')
    parts += [f'<text x="2" y="{y(v) + 3:.1f}" font-size="10">{v:.4g} {escape(one["unit"])}</text>' for v in dict.fromkeys((low, high))]
    parts += [
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}" font-size="10">{escape(one["at"][0])}</text>',
        f'<text x="{_WIDTH - 10}" y="{_HEIGHT - 6}" font-size="10" text-anchor="end">{escape(one["at"][-1])}</text>',
    ]
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" role="img" aria-label="{escape(one["point"])}">{"".join(parts)}</svg>'


def page(material: dict[str, Any]) -> str:
    """Everything on one page, Chinese beside English, times in the site's own zone."""
    zone = ZoneInfo(material["timezone"])

    def cell(value: Any) -> str:
        text = _text(value)
        if len(text) == 24 and text.endswith("Z") and text[10] == "T":
            text = datetime.fromisoformat(text).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        return escape(text)

    sections = []
    for part, heading in PARTS.items():
        rows: Rows = material[part]
        names = list(dict.fromkeys(name for row in rows for name in row))
        body = "".join("<tr>" + "".join(f"<td>{cell(row.get(name))}</td>" for name in names) + "</tr>" for row in rows)
        heads = "".join(f"<th>{escape(name)}</th>" for name in names)
        sections.append(f"<h2>{heading} ({len(rows)})</h2>" + (f"<table><tr>{heads}</tr>{body}</table>" if rows else "<p>无 none</p>"))
        if part == "alarms":
            marks = [(t["at"], t["signal"]) for t in material["transitions"]]
            charts = (f"<h3>{escape(one['name'])} · {escape(one['point'])}</h3>{chart(one, marks)}" for one in material["readings"])
            sections.append("<h2>前后读数 Readings around it</h2>" + "".join(charts))
            rules = "".join(f"<pre>{escape(json.dumps(rule, ensure_ascii=False, indent=1))}</pre>" for rule in material["rules"])
            sections.append(f"<h2>当时的规则 The rule as it was</h2>{rules or '<p>无 none</p>'}")
    head = material["audit_head"]
    title = f"事件档案 Incident file · {material['title']}"
    return (
        f"<!doctype html><html lang='zh-CN'><meta charset='utf-8'><title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1><p>{cell(material['from'])} — {cell(material['to'])} ({escape(material['timezone'])}) · "
        f"{cell(material['made_at'])} · {escape(_text(material['made_by']))}</p>"
        + "".join(f"<p>⚠ {escape(word)}</p>" for word in material["missing"])
        + "".join(sections)
        + f"<h2>审计链头 Head of the audit chain</h2><p class='hash'>{head['last_id']} {escape(head['hash'])}</p></html>"
    )


def files(material: dict[str, Any]) -> dict[str, bytes]:
    """All files of the folder but the manifest."""
    found = {"incident.html": page(material).encode()}
    for part in PARTS:
        found[f"{part}.csv"] = table_csv(material[part])
        found[f"{part}.json"] = _json(material[part])
    found["readings.csv"] = readings_csv(material["readings"])
    found["rules.json"] = _json(material["rules"])
    found["audit_head.json"] = _json(material["audit_head"])
    about = {name: material[name] for name in ("title", "from", "to", "timezone", "made_at", "made_by", "missing")}
    found["about.json"] = _json(about)
    return found


def manifest(found: dict[str, bytes]) -> bytes:
    """SHA-256 and size of every file."""
    return _json([{"file": name, "bytes": len(body), "sha256": sha256(body).hexdigest()} for name, body in sorted(found.items())])


def main(folder: Path, form: str) -> int:
    os.nice(10)
    material = json.loads((folder / "material.json").read_bytes())
    if form == "html":
        (folder / "incident.html").write_text(page(material), encoding="utf-8")
        return 0
    found = files(material)
    with zipfile.ZipFile(folder / "incident.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in {**found, "manifest.json": manifest(found)}.items():
            archive.writestr(f"incident/{name}", body)
    return 0


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def _text(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


_STYLE = (
    "body{font:11px/1.45 'Noto Sans CJK SC',sans-serif;margin:14mm;color:#000}h1{font-size:19px}h2{font-size:14px;margin:14px 0 4px}"
    "h3{font-size:12px;margin:6px 0 2px}table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;padding:2px 4px;"
    "text-align:left;vertical-align:top;word-break:break-word}"
    "pre{white-space:pre-wrap;border:1px solid #ccc;padding:4px}.hash{font:9px monospace}"
    "@media print{body{margin:6mm}tr,svg{break-inside:avoid}}"
)

if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
