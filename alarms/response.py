"""What people do about an alarm after taking it, step by step (接警处置), and the script of a call to the fire service (119).

After GB 25201 and GB 25506: confirm by the fastest means; when it is true call 119 with address, place, what burns, how much, name and
telephone, and tell who is responsible. The order of the steps is a table; nothing here keeps an alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

from alarms.model import Alarm, Attention


@dataclass(frozen=True, slots=True)
class Step:
    """`needs`: the step that comes before; `taken`: somebody must have taken the alarm first."""

    name: str
    name_zh: str
    needs: str = ""
    taken: bool = True


# fmt: off
STEPS: dict[str, Step] = {
    "dispatched": Step("dispatched", "已派人"),
    "arrived":    Step("arrived", "已到场", needs="dispatched"),
    "verified":   Step("verified", "已核实"),  # on site, or by camera or telephone: nobody need have gone
    "called_119": Step("called the fire service", "已拨打119", taken=False),  # nobody is kept from that
}
# fmt: on


def step_refused(step: str, alarm: Alarm) -> str | None:
    """Why this step cannot be now; None: it can. A step may be done again (another person is sent)."""
    row = STEPS[step]
    if row.taken and alarm.attention is Attention.UNACKNOWLEDGED and not alarm.progress:
        return f"alarm {alarm.id}: {row.name} comes after it is acknowledged; acknowledge it first"
    if row.needs and row.needs not in alarm.progress:
        return f"alarm {alarm.id}: {row.name} comes after {STEPS[row.needs].name}, with the name of whoever was sent"
    return None


_BURNS = {
    "smoke": ("smoke detector in alarm", "感烟探测器报警"),
    "heat": ("heat detector in alarm", "感温探测器报警"),
    "manual_call": ("manual call point pressed", "手动报警按钮按下"),
    "gas": ("gas leak", "燃气泄漏"),
    "electrical": ("electrical fire", "电气火灾"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallScript:
    """What is read out on the telephone, line by line, as (label, text); texts that nobody has entered are empty and say so on screen."""

    lines: tuple[tuple[str, str], ...]
    lines_zh: tuple[tuple[str, str], ...]


def call_script(
    alarm: Alarm, *, site_name: str, address: str, zone_name: str, floor: str, others: int, caller: str, phone: str
) -> CallScript:
    """Prefilled from the site and the alarm. `others`: further detectors in alarm in the zone; `caller`, `phone`: who telephones."""
    burns, burns_zh = _BURNS.get(alarm.kind, (alarm.rule_name_en or alarm.rule_name, alarm.rule_name))
    value = "" if alarm.value is None or not alarm.unit else f", {alarm.value:g} {alarm.unit}"
    size = f"{others + 1} detectors in alarm in the zone" if others else "one detector in alarm so far"
    size_zh = f"该区域 {others + 1} 个探测器报警" if others else "目前 1 个探测器报警"
    place = ", ".join(part for part in (f"floor {floor}" if floor else "", zone_name, alarm.device_name) if part)
    place_zh = "，".join(part for part in (f"{floor} 层" if floor and floor.lstrip("-").isdigit() else floor, zone_name) if part)
    return CallScript(
        lines=(
            ("Unit", site_name),
            ("Address", address),
            ("Where", place),
            ("What", burns + value),
            ("Size", size),
            ("Your name", caller),
            ("Your telephone", phone),
            ("Then", "stay on the line until the fire service hangs up; send someone to the street to show the way"),
        ),
        lines_zh=(
            ("单位名称", site_name),
            ("地址", address),
            ("着火部位", f"{place_zh}（{alarm.device_name}）"),
            ("着火物质", burns_zh + value),
            ("火势大小", size_zh),
            ("报警人姓名", caller),
            ("联系电话", phone),
            ("随后", "等对方挂断后再挂机，并派人到路口接应消防车"),
        ),
    )
