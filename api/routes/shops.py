"""What a shop does by its link, without an account: ask to stay on after closing, and confirm in the morning that someone is there.

Everything is bounded by the link's own shop, and counted: by link, by address and by telephone.
"""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi import Path as PathParameter

from api.door import At, Door, in_thread
from api.problems import Problem, invalid
from api.shapes.power_work import ShopAnswer, ShopCode, ShopCodeAsk, ShopPresenceAsk, ShopSeen, ShopStayOnAsk
from api.shapes.times import iso, iso_or_none
from api.shop_links import Shop, challenge, must_meet, shop_of
from power.morning_model import ConfirmPresence
from power.stay_on import AskStayOn
from sites.facts import Fact
from sites.model import Circuit

router = APIRouter(tags=["shops"])
_HOUR_MS = 3_600_000


def _shop(token: Annotated[str, PathParameter(max_length=600)], request: Request, door: At) -> Shop:
    """The shop of a link, for somebody who does not ask too often."""
    now_ms = door.clock.now_ms()
    address = request.client.host if request.client else "unknown"
    door.shop_limits.must(f"address:{address}", 120, 60_000, now_ms)
    shop = shop_of(door.secret, token, now_ms)
    if shop.site_id not in door.board.roster.sites:
        raise Problem(404, "not-found", "Not found", "the site of this link is no longer there 场所已不存在")
    return shop


At_ = Annotated[Shop, Depends(_shop)]


@router.get("/shop/{token}")
def shop(shop: At_, door: At) -> ShopSeen:
    """The shop's own circuits and requests, and whether it may be energised now."""
    waiting = {fact.body.circuit_id for fact in _waiting(door, shop)}
    return {
        "tenant": shop.tenant,
        "site_name": door.board.roster.sites[shop.site_id].name,
        "circuits": [
            {"id": circuit.id, "name": circuit.name, "is_on": _is_on(door, circuit), "can_energise": circuit.id in waiting}
            for circuit in _circuits(door, shop)
        ],
        "requests": [
            {"state": fact.state, "until": iso(fact.body.until_ms)}
            for fact in _facts(door, "stay_on", shop)
            if fact.body.tenant == shop.tenant
        ],
        "can_energise": bool(waiting),
        "sms": _can_sms(door),
    }


@router.post("/shop/{token}/code", status_code=202)
async def code(ask: ShopCodeAsk, shop: At_, door: At) -> ShopCode:
    """Six digits by SMS, which prove the telephone with the request."""
    now_ms = door.clock.now_ms()
    if not _can_sms(door):
        raise Problem(409, "no-sms", "No SMS", "this service sends no SMS: ask without a code 未配置短信，可直接提交")
    door.shop_limits.must(f"code:{shop.site_id}:{shop.tenant}", 6, _HOUR_MS, now_ms)
    door.shop_limits.must(f"code:{ask.phone}", 3, _HOUR_MS, now_ms)
    made, digits, until_ms = challenge(door.secret, shop, ask.phone, now_ms)
    said = await in_thread(door.notices.say, "sms", ask.phone, f"延时用电验证码 {digits}，10分钟内有效。Code to stay on: {digits}")
    if not said.ok:
        raise Problem(503, "sms-not-sent", "Not sent", "the SMS could not be sent: try again, or go to the desk 短信发送失败")
    return {"challenge": made, "until": iso(until_ms)}


@router.post("/shop/{token}/stay-on", status_code=201)
async def stay_on(ask: ShopStayOnAsk, shop: At_, door: At) -> ShopAnswer:
    """Ask to stay on. A person of the mall approves it; until then nothing is held. Where SMS are sent, the code is needed."""
    now_ms = door.clock.now_ms()
    door.shop_limits.must(f"ask:{shop.site_id}:{shop.tenant}", 10, _HOUR_MS, now_ms)
    channel = "qr"
    if _can_sms(door):
        must_meet(door.secret, shop, ask.phone, ask.challenge, ask.code, now_ms)
        channel = "sms"
    wish = AskStayOn(
        key=secrets.token_hex(12),
        site_id=shop.site_id,
        tenant=shop.tenant,
        from_ms=now_ms,
        until_ms=ask.until,
        reason=ask.reason,
        asked_by=ask.asked_by,
        phone=ask.phone,
        channel=channel,
    )
    answer = await door.desk.ask(wish)
    body = next(fact.body for fact in answer.facts if fact.kind == "stay_on")
    return {"state": body.state, "until": iso(body.until_ms)}


@router.post("/shop/{token}/confirm", status_code=202)
async def confirm(ask: ShopPresenceAsk, shop: At_, door: At) -> ShopAnswer:
    """Someone is in the shop: what last night's plan opened here is energised, circuit by circuit."""
    door.shop_limits.must(f"confirm:{shop.site_id}:{shop.tenant}", 20, _HOUR_MS, door.clock.now_ms())
    waiting = _waiting(door, shop)
    if not waiting:
        raise invalid("nothing of this shop waits to be energised; ask the mall's manager 暂无可送电的回路，请联系物业", "/person")
    morning_id = waiting[0].body.morning_id
    wish = ConfirmPresence(morning_id=morning_id, who=None, person=ask.person, how="qr", tenant=shop.tenant)
    answer = await door.desk.ask(wish)
    morning = next(fact.body for fact in reversed(answer.facts) if fact.kind == "morning")
    return {"state": "confirmed", "until": iso_or_none(morning.until_ms)}


def _circuits(door: Door, shop: Shop) -> list[Circuit]:
    found = [c for c in tuple(door.board.roster.circuits.values()) if (c.site_id, c.tenant) == (shop.site_id, shop.tenant)]
    return sorted(found, key=lambda circuit: (circuit.name, circuit.id))


def _is_on(door: Door, circuit: Circuit) -> bool | None:
    closed = door.board.measured(circuit.id).closed
    return None if closed is None else closed != 0


def _facts(door: Door, kind: str, shop: Shop) -> list[Fact]:
    return [fact for fact in tuple(door.board.facts.values()) if fact.kind == kind and fact.site_id == shop.site_id]


def _waiting(door: Door, shop: Shop) -> list[Fact]:
    return [fact for fact in _facts(door, "morning_part", shop) if fact.state == "waiting" and fact.body.tenant == shop.tenant]


def _can_sms(door: Door) -> bool:
    return any(each.name == "sms" and each.problem is None for each in door.notices.channels())
