"""The list of all that keeps alarms from calling now, made from the scan's view: what people decided, and what inhibits by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import cast

from alarms.model import Alarm
from alarms.suppression import INHIBITED, KIND_NAMES, OUT_OF_SERVICE, PROOF_TEST, SCHEDULED, SHELVED, standing_on
from api.access import Reach
from api.shapes.alarms import Name, SuppressionKind
from api.shapes.suppressions import SuppressionItem, SuppressionList
from api.shapes.times import iso_or_none
from sites.facts import Fact

FACT_KINDS = {"shelf": SHELVED, "out_of_service": OUT_OF_SERVICE, "proof_test": PROOF_TEST, "quiet_time": SCHEDULED}
MOST_NAMED = 100
_STATES = {
    "asked": (" (waits for a second person's approval)", "（待他人批准）"),
    "planned": (" (planned)", "（计划中）"),
}


def suppression_list(
    alarms: Mapping[str, Alarm], facts: Iterable[Fact], reach: Reach, name: Name, site: str | None, kind: str | None
) -> SuppressionList:
    """Of the sites that the person sees."""
    seen = [alarm for alarm in tuple(alarms.values()) if reach.may("see", alarm.site_id) and site in (None, alarm.site_id)]
    held: dict[str, list[Alarm]] = {}
    calls_nobody = 0
    for alarm in seen:
        causes = standing_on(alarm)
        calls_nobody += bool(causes)
        for why in causes:
            held.setdefault(why.source_id or why.alarm_id or "", []).append(alarm)
    items = [
        _item_of_fact(fact, held.get(fact.id, []), name)
        for fact in facts
        if fact.kind in FACT_KINDS and reach.may("see", fact.site_id) and site in (None, fact.site_id)
    ]
    for cause_id, behind in held.items():
        cause = alarms.get(cause_id)
        if cause is not None:
            items.append(_item_of_cause(cause, behind))
    items = [item for item in items if kind in (None, item["kind"])]
    items.sort(key=lambda item: (item["until"] or "9", item["id"]))
    return {"items": items, "counts": dict(Counter(item["kind"] for item in items)), "alarms": calls_nobody}


def _item_of_fact(fact: Fact, alarms: list[Alarm], name: Name) -> SuppressionItem:
    body, kind = fact.body, FACT_KINDS[fact.kind]
    if kind == SCHEDULED:
        return _item_of_schedule(fact, alarms)
    target_name = f"{body.rule_name_en or body.rule_name} · {body.device_name or body.zone_name}" if kind == SHELVED else body.target_name
    target_name_zh = f"{body.rule_name} · {body.device_name or body.zone_name}" if kind == SHELVED else body.target_name
    by = name(body.who)
    who = by["name"] if by else body.who
    until = iso_or_none(fact.until_ms) or ""
    word, word_zh = KIND_NAMES[kind]
    more, more_zh = _STATES.get(fact.state, ("", ""))
    once, once_zh = (", or until it is over", "，或至本次报警恢复") if kind == SHELVED and body.is_one_shot else ("", "")
    return {
        "kind": cast(SuppressionKind, kind),
        "id": fact.id,
        "state": fact.state,
        "site_id": fact.site_id,
        "target": f"{body.rule_id}@{body.subject}" if kind == SHELVED else body.target,
        "target_name": target_name,
        "reason": body.reason,
        "reason_zh": body.reason,
        "from": iso_or_none(fact.from_ms),
        "until": iso_or_none(fact.until_ms),
        "by": by,
        "alarm_ids": [alarm.id for alarm in alarms[:MOST_NAMED]],
        "alarms": len(alarms),
        "sentence": f"{target_name}: {word}{more} until {until}{once}, by {who}: {body.reason}",
        "sentence_zh": f"{target_name_zh}：{word_zh}{more_zh}，至 {until}{once_zh}，{who}，原因：{body.reason}",
    }


def _item_of_schedule(fact: Fact, alarms: list[Alarm]) -> SuppressionItem:
    body, until, kinds = fact.body, iso_or_none(fact.until_ms) or "", ", ".join(fact.body.kinds)
    return {
        "kind": cast(SuppressionKind, SCHEDULED),
        "id": fact.id,
        "state": fact.state,
        "site_id": fact.site_id,
        "target": fact.subject,
        "target_name": body.name,
        "reason": body.reason,
        "reason_zh": body.reason,
        "from": iso_or_none(fact.from_ms or None),
        "until": until or None,
        "by": None,
        "alarm_ids": [alarm.id for alarm in alarms[:MOST_NAMED]],
        "alarms": len(alarms),
        "sentence": f"{body.name}: quiet time for {kinds} up to P3 until {until}: {body.reason}",
        "sentence_zh": f"{body.name}：{kinds} 类 P3 及以下报警计划静默，至 {until}，原因：{body.reason}",
    }


def _item_of_cause(cause: Alarm, behind: list[Alarm]) -> SuppressionItem:
    return {
        "kind": cast(SuppressionKind, INHIBITED),
        "id": cause.id,
        "state": "standing",
        "site_id": cause.site_id,
        "target": cause.subject,
        "target_name": cause.device_name,
        "reason": f"its gateway {cause.device_name} is not heard",
        "reason_zh": f"上级网关 {cause.device_name} 失联",
        "from": iso_or_none(cause.arrived_ms),
        "until": None,
        "by": None,
        "alarm_ids": [alarm.id for alarm in behind[:MOST_NAMED]],
        "alarms": len(behind),
        "sentence": f"{len(behind)} devices behind gateway {cause.device_name}, which is not heard, call nobody until it is back",
        "sentence_zh": f"网关 {cause.device_name} 失联，其下 {len(behind)} 台设备的离线报警被抑制，恢复后自动解除",
    }
