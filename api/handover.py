"""The draft of a shift hand-over, computed at any moment from the scan's view and the records; and its page to print.

It shows, and decides nothing. What the outgoing shift signs is this draft as canonical JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from alarms.model import Alarm, Attention, Condition
from api.door import Door
from api.shapes.alarms import SEVERITY_NAMES
from api.shapes.facts import fact_shape
from api.shapes.shift import HandOverDraft, HandOverShape, Listed
from api.shapes.times import iso, iso_or_none
from hazards.queries import HazardQuery
from power.model import OrderState
from rules.model import Severity
from sites.records import Unavailable

MOST = 200
_UNPROVED = frozenset(
    {OrderState.SENT, OrderState.CONFIRMED, OrderState.UNPROVED, OrderState.FAILED, OrderState.UNKNOWN, OrderState.REJECTED}
)
_SEVERITY_ZH = {"critical": "紧急", "high": "重要", "low": "次要", "info": "提示"}


def draft(door: Door, site_id: str) -> HandOverDraft:
    """What there is to hand over at a site now."""
    board, now_ms = door.board, door.clock.now_ms()
    site = board.roster.sites[site_id]
    alarms = sorted((a for a in tuple(board.alarms.values()) if a.site_id == site_id), key=lambda a: (-a.severity, a.raised_ms, a.id))
    facts = [fact for fact in tuple(board.facts.values()) if fact.site_id == site_id]
    overdue: list[dict[str, Any]] = []
    owed = [a for a in alarms if a.verdict is None and a.severity >= Severity.HIGH]
    complete = True
    try:
        query = HazardQuery(state="overdue", site=site_id, now_ms=now_ms, limit=MOST)
        for hazard in door.records.hazards(query, frozenset({site_id})).items:
            overdue.append(
                {"id": hazard.id, "number": hazard.number, "title": hazard.title, "state": str(hazard.state),
                 "deadline_at": iso_or_none(hazard.rectification.deadline_ms)}
            )  # fmt: skip
    except Unavailable:
        complete = False

    def of(*kinds: str) -> Listed:
        found = sorted((fact for fact in facts if fact.kind in kinds), key=lambda fact: (fact.until_ms or 0, fact.id))
        return _listed(found, lambda fact: dict(fact_shape(fact)))

    orders = [o for o in tuple(board.orders.values()) if o.site_id == site_id and o.state in _UNPROVED]
    return {
        "site_id": site_id,
        "site_name": site.name,
        "at": iso(now_ms),
        "standing": _listed([a for a in alarms if a.attention is not Attention.SUPPRESSED], lambda a: _line(a, now_ms)),
        "verdicts_owed": _listed(owed, lambda a: _line(a, now_ms)),
        "suppressed": _listed([a for a in alarms if a.attention is Attention.SUPPRESSED], lambda a: _line(a, now_ms)),
        "bypassed": of("shelf", "out_of_service"),
        "proof_tests": of("proof_test"),
        "unproved_orders": _listed(
            sorted(orders, key=lambda o: (o.requested_ms, o.id)),
            lambda o: {
                "id": o.id,
                "circuit": o.circuit_name,
                "action": o.action.value,
                "state": o.state.value,
                "requested_at": iso(o.requested_ms),
            },
        ),
        "overdue_hazards": {"total": len(overdue), "items": overdue},
        "presence_checks": of("presence_check"),
        "degraded": dict(board.health().degraded),
        "records_available": complete,
    }


def _listed(things: Iterable[Any], line: Callable[[Any], dict[str, Any]]) -> Listed:
    found = list(things)
    return {"total": len(found), "items": [line(thing) for thing in found[:MOST]]}


def _line(alarm: Alarm, now_ms: int) -> dict[str, Any]:
    return {
        "id": alarm.id,
        "rule": alarm.rule_name,
        "rule_en": alarm.rule_name_en,
        "severity": SEVERITY_NAMES[alarm.severity],
        "zone": alarm.zone_name,
        "device": alarm.device_name,
        "condition": alarm.condition.value,
        "attention": alarm.attention.value,
        "is_active": alarm.condition is Condition.ACTIVE,
        "raised_at": iso(alarm.raised_ms),
        "age_s": max(0, now_ms - alarm.raised_ms) // 1000,
        "assignee": alarm.assignee,
        "suppression": alarm.suppression.reason if alarm.suppression else None,
        "suppression_zh": alarm.suppression.reason_zh if alarm.suppression else None,
    }


def page(handover: HandOverShape, at_local: Callable[[str], str]) -> str:
    """A hand-over to print, Chinese beside English. `at_local` gives a time of ISO 8601 in the site's own zone."""
    content = handover["content"]

    def cell(value: Any) -> str:
        return escape("" if value is None else str(value))

    def table(title: str, part: str, columns: list[tuple[str, Callable[[dict[str, Any]], Any]]]) -> str:
        listed = content.get(part, {"total": 0, "items": []})
        rows = "".join("<tr>" + "".join(f"<td>{cell(get(item))}</td>" for _, get in columns) + "</tr>" for item in listed["items"])
        more = listed["total"] - len(listed["items"])
        heads = "".join(f"<th>{escape(head)}</th>" for head, _ in columns)
        body = f"<table><tr>{heads}</tr>{rows}</table>" if rows else "<p>无 none</p>"
        return f"<h2>{escape(title)} ({listed['total']})</h2>{body}" + (f"<p>+ {more}</p>" if more > 0 else "")

    def alarm_rows(title: str, part: str) -> str:
        return table(
            title,
            part,
            [
                ("级别 Severity", lambda a: f"{_SEVERITY_ZH.get(a['severity'], '')} {a['severity']}"),
                ("报警 Alarm", lambda a: f"{a['rule']} {a['rule_en']}"),
                ("区域 Zone", lambda a: a["zone"]),
                ("设备 Device", lambda a: a["device"]),
                ("状态 State", lambda a: f"{a['condition']} / {a['attention']}"),
                ("发生 Since", lambda a: at_local(a["raised_at"])),
                ("抑制 Suppressed by", lambda a: a["suppression_zh"] or a["suppression"]),
            ],
        )

    def until(fact: dict[str, Any]) -> str:
        return at_local(fact["until"]) if fact["until"] else ""

    def what(fact: dict[str, Any]) -> str:
        body = fact["body"]
        return str(body.get("target_name") or body.get("rule_name") or body.get("device_name") or fact["subject"])

    facts: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
        ("种类 Kind", lambda f: f["kind"]),
        ("对象 What", what),
        ("原因 Reason", lambda f: f["body"].get("reason")),
        ("截止 Until", until),
    ]
    parts = [
        alarm_rows("未恢复及未接警报警 Standing alarms", "standing"),
        alarm_rows("待核实 Verdicts owed", "verdicts_owed"),
        alarm_rows("被抑制报警 Suppressed alarms", "suppressed"),
        table("搁置与屏蔽 Shelved and out of service", "bypassed", facts),
        table("测试中 Proof tests", "proof_tests", facts),
        table(
            "未验证断电指令 Orders not proved",
            "unproved_orders",
            [
                ("回路 Circuit", lambda o: o["circuit"]),
                ("指令 Action", lambda o: o["action"]),
                ("状态 State", lambda o: o["state"]),
                ("时间 Asked", lambda o: at_local(o["requested_at"])),
            ],
        ),
        table(
            "逾期隐患 Overdue hazards",
            "overdue_hazards",
            [
                ("编号 Number", lambda h: h["number"]),
                ("隐患 Hazard", lambda h: h["title"]),
                ("状态 State", lambda h: h["state"]),
                ("期限 Deadline", lambda h: at_local(h["deadline_at"]) if h["deadline_at"] else ""),
            ],
        ),
    ]

    def signature(role: str, person: Any, at: str | None, note: str) -> str:
        name = person["name"] if person else "—"
        return f"<p><b>{role}</b> {cell(name)} {at_local(at) if at else ''} {cell(note)}</p>"

    return (
        f"<!doctype html><html lang='zh-CN'><meta charset='utf-8'><title>交接班记录 Shift hand-over {escape(handover['id'])}</title>"
        f"<style>{STYLE}</style><h1>交接班记录 Shift hand-over</h1>"
        f"<p>{cell(content.get('site_name'))} · {at_local(handover['outgoing_at'])}</p>"
        + "".join(parts)
        + signature("交班 Outgoing", handover["outgoing"], handover["outgoing_at"], handover["outgoing_note"])
        + signature("接班 Incoming", handover["incoming"], handover["incoming_at"], handover["incoming_note"])
        + f"<p class='hash'>{cell(handover['prev_hash'])}<br>{cell(handover['hash'])}<br>{cell(handover['taken_hash'])}</p></html>"
    )


STYLE = (
    "body{font:12px/1.5 'Noto Sans CJK SC',sans-serif;margin:16mm;color:#000}h1{font-size:20px}h2{font-size:14px;margin:12px 0 4px}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;padding:2px 6px;text-align:left;vertical-align:top}"
    ".hash{font:9px monospace;word-break:break-all}@media print{body{margin:8mm}tr{break-inside:avoid}}"
)
