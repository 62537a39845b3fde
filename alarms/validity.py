"""Dates after which a detector is no longer to be trusted: the end of its calibration and of its service life.

A function of the devices' dates and the time, asked by the scan whenever one of them is due; it keeps nothing. A reminder stands from
30 days before the date until another date is entered, so that there is time to have it calibrated or replaced.
"""

from __future__ import annotations

from collections.abc import Iterable

from alarms.service_alarms import ServiceClear, ServiceRaise
from sites.model import Device

REMIND_MS = 30 * 86_400_000


def reminders(devices: Iterable[Device], now_ms: int) -> tuple[list[ServiceRaise | ServiceClear], int | None]:
    """(wishes for the book, when this is to be asked again: None when no date lies ahead). Repeated wishes change nothing."""
    wishes: list[ServiceRaise | ServiceClear] = []
    ahead: list[int] = []
    for device in devices:
        for code, until_ms in (("calibration_due", device.calibrated_until_ms), ("service_life_due", device.service_until_ms)):
            subject = f"device:{device.id}"
            if until_ms is None or now_ms < until_ms - REMIND_MS:
                wishes.append(ServiceClear(code=code, subject=subject, note="the date was changed"))
                if until_ms is not None:
                    ahead.append(until_ms - REMIND_MS)
            else:
                wishes.append(ServiceRaise(code=code, subject=subject, device_id=device.id))
    return wishes, min(ahead, default=None)
