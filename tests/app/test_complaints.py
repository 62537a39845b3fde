"""What the service complains of about itself: patience before it says so, and before it takes it back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from alarms.service_alarms import SERVICE_ALARMS, ServiceClear, ServiceRaise
from app.complaints import Complaints, Finding, Overruns, Patience, disk
from rules.model import Severity

GIB = 1 << 30


def said(patience: Patience, *seen: tuple[float, bool | None]) -> list[tuple[float, type]]:
    """(second, kind of wish) of each change of mind, looked at every given second."""
    wishes = [(second, patience.weigh(Finding("records_behind", bad), round(second * 1000))) for second, bad in seen]
    return [(second, type(wish)) for second, wish in wishes if wish is not None]


def every_5_s(*spans: tuple[int, bool | None]) -> list[tuple[float, bool | None]]:
    seen: list[tuple[float, bool | None]] = []
    for seconds, bad in spans:
        start = seen[-1][0] + 5 if seen else 0.0
        seen += [(start + n, bad) for n in range(0, seconds, 5)]
    return seen


def test_only_what_lasts_is_complained_of_and_only_what_lasts_is_taken_back() -> None:
    seen = every_5_s((60, True), (60, False), (30, True))
    assert said(Patience(), *seen) == [(30.0, ServiceRaise)], "well for 55 s only"
    seen = every_5_s((60, True), (70, False))
    assert said(Patience(), *seen) == [(30.0, ServiceRaise), (120.0, ServiceClear)]


def test_what_comes_and_goes_is_never_complained_of() -> None:
    assert said(Patience(), *every_5_s(*((25, True), (5, False)) * 10)) == []


def test_between_the_limits_what_was_said_stays() -> None:
    assert said(Patience(), *every_5_s((40, True), (200, None), (65, False))) == [(30.0, ServiceRaise), (300.0, ServiceClear)]


def test_after_a_start_it_says_how_things_are() -> None:
    assert said(Patience(), *every_5_s((65, False))) == [(60.0, ServiceClear)], "an alarm of before the restart ends"


def test_a_greater_severity_is_said_at_once() -> None:
    patience = Patience(raise_ms=0)
    wishes = [
        patience.weigh(Finding("disk_low", True, severity=severity), at_ms)
        for at_ms, severity in ((0, Severity.HIGH), (1, Severity.HIGH), (2, Severity.CRITICAL), (3, Severity.HIGH))
    ]
    assert [wish.severity if isinstance(wish, ServiceRaise) else None for wish in wishes] == [Severity.HIGH, None, Severity.CRITICAL, None]


@pytest.mark.parametrize(
    ("free", "total", "bad", "severity"),
    [
        (50 * GIB, 100 * GIB, False, None),
        (4 * GIB, 100 * GIB, True, Severity.HIGH),
        (6 * GIB, 100 * GIB, None, None),
        (GIB // 2, 100 * GIB, True, Severity.CRITICAL),
        (3 * GIB, 4 * GIB, False, None),
        (GIB // 10, 4 * GIB, True, Severity.CRITICAL),
    ],
)
def test_when_a_disk_is_low(free: int, total: int, bad: bool | None, severity: Severity | None) -> None:
    finding = disk(free, total)
    assert (finding.bad, finding.severity) == (bad, severity)


def test_a_scan_is_overrun_by_its_share_of_slow_ones_within_a_minute() -> None:
    overruns = Overruns()
    assert overruns.look(0, 0, 0, False).bad is False
    assert overruns.look(30_000, 100, 30, False).bad is True
    assert overruns.look(60_000, 400, 40, False).bad is None, "10 per cent of the last minute's: neither"
    assert overruns.look(95_000, 900, 41, False).bad is False
    assert overruns.look(96_000, 901, 41, True).bad is True, "a lagging inbox is enough"


def test_each_complaint_has_its_alarm_and_reaches_the_scan(tmp_path) -> None:  # type: ignore[no-untyped-def]
    put: list[object] = []
    parts = SimpleNamespace(
        journal=SimpleNamespace(position=9_000),
        projector=SimpleNamespace(position=1_000, is_away=False),
        history=SimpleNamespace(position=9_000, degraded_reason="InfluxDB: connection refused"),
        opening=SimpleNamespace(problem=None),
        scan=SimpleNamespace(figures=SimpleNamespace(scans=1, overruns=0)),
        warden=SimpleNamespace(deaf={"inbox"}),
    )
    complaints = Complaints(parts, put.append, tmp_path)
    for at_ms in (0, 30_000):
        complaints.look(at_ms)
    raised = {wish.code: wish for wish in put if isinstance(wish, ServiceRaise)}
    assert set(raised) >= {"records_behind", "historian_backlog", "scan_overrun"}
    assert set(raised) <= set(SERVICE_ALARMS)
    assert (raised["records_behind"].value, raised["historian_backlog"].note) == (8_000.0, "InfluxDB: connection refused")
