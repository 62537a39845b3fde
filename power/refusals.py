"""A reasoned no, or a reasoned end: a stable code for machines and a sentence in both languages that a person can act upon.

The interlocks' sentences stand in `power.protection` where they are decided; here are those that say why an order stands where it
stands. Words only, no decisions.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why something is not done, and what would be allowed."""

    code: str
    text_en: str
    text_zh: str


def refusal(code: str, text_en: str, text_zh: str) -> Refusal:
    return Refusal(code=code, text_en=text_en, text_zh=text_zh)


PROVED_OFF = refusal("proved", "measured: every pole is dead", "实测：各极均已断电")
PROVED_ON = refusal("proved", "measured: closed and energised", "实测：已合闸且带电")
UNPROVED_OFF = refusal(
    "unproved", "the switch says open, but nothing measured changed: treat as live until tested", "开关已分闸但无测量佐证：验电前视为带电"
)
UNPROVED_ON = refusal("unproved", "not both closed and energised by measurement", "合闸与带电未能同时由测量证实")
STILL_DRAWS = refusal(
    "still_draws",
    "the switch says off but current still flows: welded contact or wrong mapping; open the upstream switch",
    "开关报告已断电但仍有电流：触点熔焊或回路对应错误，请断开上级开关",
)
NOT_PROVED = refusal("not_proved", "not measured off in time: treat as live", "规定时间内未测得断电：视为带电")
NOT_ENERGISED = refusal("not_proved", "not measured on in time", "规定时间内未测得送电")
NOT_HEARD = refusal("not_heard", "cannot be proved: no reading since it was sent", "无法验证：指令发出后没有新的读数")
NOT_HEARING = refusal(
    "not_hearing", "cannot be proved: not hearing (the broker is out of reach or the inbox lags)", "无法验证：通信中断或积压，收不到读数"
)
EXPIRED = refusal("expired", "not sent before its expiry, so never sent", "有效期内未能发出，已作废")
LOST_TRACK = refusal(
    "uncertain",
    "it may or may not have left and is not sent again: look on site and decide",
    "不确定是否已执行，不会重发：请现场核实后决定",
)
SENT_UNSURE = refusal("uncertain", "it may have left before its expiry; only measurement can tell now", "可能已在有效期内发出，以实测为准")
SEND_AGAIN = refusal("uncertain", "it may not have left: the same cut is sent once more", "可能未发出：重发同一断电指令")
RETRY = refusal("retry", "no reply yet: the same cut is sent once more", "未收到回执：重发同一断电指令")
SUPERSEDED = refusal("superseded", "a cut of the same circuit took its place", "同一回路的断电指令已取代该指令")
CIRCUIT_GONE = refusal(
    "circuit_gone", "the circuit was removed, or mapped to another switch, since the order was made", "下令后该回路已被移除或改接到其他开关"
)
ALREADY_OFF = refusal("already_off", "the circuit is off already, by measurement", "实测该回路已断电")
SIMULATED = "zone_in_test"  # the code of `in_test`


def in_test(until: str) -> Refusal:
    return refusal(
        SIMULATED,
        f"in proof test until {until}: simulated, nothing is sent; end the test to switch for real",
        f"检测试验中（至 {until}）：仅模拟，不发送指令；如需真实操作请先结束试验",
    )


ORDERS_FULL = refusal("orders_full", "too many orders are open: a person must act on site", "未完成指令过多：请人工现场处置")


def not_sent(reason: str) -> Refusal:
    return refusal("not_sent", f"not sent: {reason}", f"未发出：{reason}")


def rejected(reason: str) -> Refusal:
    return refusal("rejected", f"the device refused: {reason or 'no reason given'}", f"设备拒绝：{reason or '未说明原因'}")


def faulted(reason: str) -> Refusal:
    return refusal("device_failed", f"the device could not do it: {reason or 'no reason given'}", f"设备执行失败：{reason or '未说明原因'}")
