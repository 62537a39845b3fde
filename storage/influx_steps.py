"""Steps of a minute and of an hour in InfluxDB: where they are kept and for how long, and making them on the server, hour by hour.

On 1.x they are retention policies of the database, on 2.x buckets named `BUCKET/POLICY`, which InfluxQL finds under the same names. The
server makes them of its own readings (`SELECT ... INTO`, or Flux), again where late readings came; it overwrites, so twice is once.
What holds other people's readings is left as it is: a default policy or a bucket that was not made here keeps its own duration.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlencode

from storage.historian import HistorianDown
from storage.influx_lines import database, flux_text, identifier
from storage.retention import HOUR_MS, MINUTE_MS, Retention

RAW_POLICY = "sitewarden_raw"
POLICY = {MINUTE_MS: "sitewarden_1m", HOUR_MS: "sitewarden_1h"}
HOURS_AT_ONCE = 48  # of one sealing, so that live readings wait a little only
AGAIN_HOURS = 48  # after a start: which of them had late readings is not known any more
_EVERY = {MINUTE_MS: "1m", HOUR_MS: "1h"}
_FIGURES = {"minimum": "min", "maximum": "max", "total": "sum", "count": "count"}
_DAY_S = 86_400

log = logging.getLogger("sitewarden.history")


class Denied(Exception):
    """The server lets this user write readings, and does not let it make a policy or a bucket."""


class Layout(Protocol):
    """One of the two dialects. All raise HistorianDown."""

    def lay(self, retention: Retention) -> int:
        """Make what is missing, correct durations. Returns for how many ms the server keeps raw readings; 0: for ever. Raises Denied."""
        ...

    def make(self, form_ms: int, from_ms: int, to_ms: int) -> None:
        """Make the steps of [from_ms, to_ms) of the readings there."""
        ...


class Policies:
    """1.x: `rows(query)` answers the rows of a statement, raising Denied where it may not be asked."""

    def __init__(self, name: str, rows: Callable[[str], list[list[Any]]]) -> None:
        self._database, self._rows = database(name), rows

    def lay(self, retention: Retention) -> int:
        found = {row[0]: (_milliseconds(row[1]), bool(row[4])) for row in self._rows(f"SHOW RETENTION POLICIES ON {self._database}")}
        days = {POLICY[MINUTE_MS]: retention.minute_days, POLICY[HOUR_MS]: retention.hour_days}
        if RAW_POLICY in found:
            days[RAW_POLICY] = retention.raw_days
        for policy, kept_days in days.items():
            words = f"RETENTION POLICY {identifier(policy)} ON {self._database} DURATION {_duration(kept_days)}"
            if policy not in found:
                self._rows(f"CREATE {words} REPLICATION 1")
            elif found[policy][0] != kept_days * _DAY_S * 1000:
                self._rows(f"ALTER {words}")
        default = next((name for name, (_, is_default) in found.items() if is_default), "")
        if default == RAW_POLICY:
            return retention.raw_days * _DAY_S * 1000
        log.info("raw readings are kept as the database's own default policy %s says", default)
        return found[default][0] if default else 0

    def make(self, form_ms: int, from_ms: int, to_ms: int) -> None:
        figures = ", ".join(f'{function}("value") AS "{name}"' for name, function in _FIGURES.items())
        self._rows(
            f"SELECT {figures} INTO {self._database}.{identifier(POLICY[form_ms])}.:MEASUREMENT FROM /.*/ WHERE \"device\" != ''"
            f" AND time >= {from_ms:d}ms AND time < {to_ms:d}ms GROUP BY time({_EVERY[form_ms]}), * fill(none)"
        )


class Buckets:
    """2.x, by its documentation: `ask(method, target, body, content type)` answers status and text."""

    def __init__(self, organisation: str, bucket: str, ask: Callable[[str, str, bytes | None, str], tuple[int, str]]) -> None:
        self._organisation, self._bucket, self._ask = organisation, bucket, ask

    def lay(self, retention: Retention) -> int:
        whole = self._find(self._bucket)
        if whole is None:
            return 0
        for form, days in ((MINUTE_MS, retention.minute_days), (HOUR_MS, retention.hour_days)):
            name, rules = f"{self._bucket}/{POLICY[form]}", [{"type": "expire", "everySeconds": days * _DAY_S}] if days else []
            found = self._find(name)
            if found is None:
                self._tell("POST", "/api/v2/buckets", {"orgID": whole["orgID"], "name": name, "retentionRules": rules})
            elif _seconds(found) != days * _DAY_S:
                self._tell("PATCH", f"/api/v2/buckets/{found['id']}", {"retentionRules": rules})
        return _seconds(whole) * 1000

    def make(self, form_ms: int, from_ms: int, to_ms: int) -> None:
        target = f"{self._bucket}/{POLICY[form_ms]}"
        for name, function in _FIGURES.items():
            # what `to` wrote it also answers, which nobody wants to read
            flux = (
                f"from(bucket: {flux_text(self._bucket)}) |> range(start: {_time(from_ms)}, stop: {_time(to_ms)})"
                ' |> filter(fn: (r) => r._field == "value" and exists r.device)'
                f' |> aggregateWindow(every: {_EVERY[form_ms]}, fn: {function}, timeSrc: "_start", createEmpty: false)'
                f' |> set(key: "_field", value: "{name}")'
                f" |> to(bucket: {flux_text(target)}, org: {flux_text(self._organisation)}) |> filter(fn: (r) => false)"
            )
            self._told("POST", "/api/v2/query?" + urlencode({"org": self._organisation}), flux.encode(), "application/vnd.flux")

    def _find(self, name: str) -> dict[str, Any] | None:
        status, text = self._ask("GET", "/api/v2/buckets?" + urlencode({"org": self._organisation, "name": name}), None, "")
        if status == 404:
            return None
        found = _parsed(status, text).get("buckets", [])
        return next((bucket for bucket in found if bucket.get("name") == name), None)

    def _tell(self, method: str, target: str, body: dict[str, Any]) -> None:
        self._told(method, target, json.dumps(body).encode(), "application/json")

    def _told(self, method: str, target: str, body: bytes, kind: str) -> None:
        status, text = self._ask(method, target, body, kind)
        if status in (401, 403):
            raise Denied(text)
        if status >= 300:
            raise HistorianDown(f"InfluxDB answers {status}: {text[:500]}")


class InfluxSteps:
    """What is made already, and what must be made again. Written by the historian writer's thread, read by charts."""

    def __init__(self, layout: Layout, retention: Retention) -> None:
        self._layout, self._retention = layout, retention
        self._late_hours: set[int] = set()
        self._is_denied = False
        self.is_laid = False
        self.raw_kept_ms = 0
        self.raw_from_ms = 0
        self.minutes_from_ms = 0
        self.until_ms: int | None = None  # steps were made up to here; None: not asked yet

    def lay(self) -> bool:
        """Whether the policies are there; makes them. False for good where that is not allowed. Raises HistorianDown."""
        if not self.is_laid and not self._is_denied:
            try:
                self.raw_kept_ms = self._layout.lay(self._retention)
                self.is_laid = True
            except Denied as error:
                self._is_denied = True
                log.warning("history is kept raw only, the server allows no steps of a minute and of an hour: %s", error)
        return self.is_laid

    def heard(self, hours: set[int]) -> None:
        """Readings of these hours (since the epoch) were written."""
        if self.until_ms is not None:
            self._late_hours |= {hour for hour in hours if hour * HOUR_MS < (self.until_ms or 0)}

    @property
    def clean_until_ms(self) -> int:
        """Steps before this hold every reading."""
        return min([self.until_ms or 0, *(hour * HOUR_MS for hour in tuple(self._late_hours))])

    def seal(self, now_ms: int, late_ms: int, ask_until: Callable[[], int], ask_first: Callable[[], int | None]) -> bool:
        """Make the steps of hours that ended `late_ms` ago and of those with late readings; returns whether `until_ms` has moved.
        `ask_until`: how far an earlier process came; `ask_first`: when the oldest reading was taken. Raises HistorianDown."""
        self.is_laid = False  # durations may have been changed, the server may have been replaced
        if not self.lay():
            return False
        _, minutes_from, _ = self._retention.cuts(now_ms)
        self.raw_from_ms = max(0, now_ms - self.raw_kept_ms) // (_DAY_S * 1000) * _DAY_S * 1000 if self.raw_kept_ms else 0
        self.minutes_from_ms = minutes_from
        if self.until_ms is None:
            until = ask_until()
            self._late_hours |= set(range(until // HOUR_MS - AGAIN_HOURS, until // HOUR_MS)) if until else set()
            self.until_ms = until
        before = self.until_ms
        end = (now_ms - late_ms) // HOUR_MS
        start = self.until_ms // HOUR_MS
        if not start:
            first = ask_first()
            start = end if first is None else first // HOUR_MS
        for hour in [*sorted(self._late_hours)[:HOURS_AT_ONCE], *range(start, min(end, start + HOURS_AT_ONCE))]:
            if (hour + 1) * HOUR_MS > self.raw_from_ms:
                for form in (HOUR_MS, MINUTE_MS):
                    self._layout.make(form, hour * HOUR_MS, (hour + 1) * HOUR_MS)
            self._late_hours.discard(hour)
            self.until_ms = max(self.until_ms, (hour + 1) * HOUR_MS)
        return self.until_ms != before


def _duration(days: int) -> str:
    return f"{days:d}d" if days else "INF"


def _milliseconds(text: str) -> int:
    """`720h0m0s` of SHOW RETENTION POLICIES; 0 is for ever."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", text)) * 1000


def _seconds(bucket: dict[str, Any]) -> int:
    return next((int(rule["everySeconds"]) for rule in bucket.get("retentionRules") or () if rule.get("type") == "expire"), 0)


def _parsed(status: int, text: str) -> dict[str, Any]:
    if status in (401, 403):
        raise Denied(text)
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if status >= 300 or not isinstance(found, dict):
        raise HistorianDown(f"InfluxDB answers {status}: {text[:500]}")
    return found


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
