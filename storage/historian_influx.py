"""The historian in InfluxDB: writes by `/api/v2/write` where the URL names an organisation and a bucket, by `/write` on 1.x; reads as
InfluxQL by `/query`, which 1.x, 2.x and 3 Core all answer. It holds nothing itself: position and readings are the server's.

Whatever the server cannot do just now is HistorianDown; a line that it refuses for good is counted, said, and not tried for ever.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import numpy as np
import urllib3

from sites.series import Series
from storage.historian import HistorianDown
from storage.history_steps import overlapping, raw, step_for
from storage.influx_lines import GAP, POSITION, carried, database, gap_line, identifier, lines_of, literal, position_line
from storage.projection import HistoryBatch, PointName

LINES_AT_ONCE = 5_000  # InfluxData's advice for a write
CONNECT_S, ANSWER_S = 2.0, 10.0
_REFUSED = (400, 413, 422)  # the lines are wrong, or too many: no time will make them right

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InfluxPlace:
    """Where to write: a 2.x bucket of an organisation (`token`, `organisation`, `bucket`), or a 1.x database (`organisation` None,
    `token` "user:password" or empty)."""

    url: str
    token: str
    organisation: str | None
    bucket: str

    @staticmethod
    def parse(url: str) -> InfluxPlace:
        """From `influxdb[s]://TOKEN@host:8086/ORG/BUCKET` or `influxdb[s]://user:password@host:8086//DATABASE`, each part percent-encoded
        where it holds `/`, `@` or `:`. Raises ValueError, without the secret in it."""
        parts = urlsplit(url)
        wanted = "influxdb://TOKEN@host:8086/ORG/BUCKET or influxdb://user:password@host:8086//DATABASE"
        pieces = parts.path.split("/")
        if parts.scheme not in ("influxdb", "influxdbs") or not parts.hostname or len(pieces) != 3 or not pieces[2]:
            raise ValueError(f"the historian's URL is not of the form {wanted}")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        address = f"{'https' if parts.scheme == 'influxdbs' else 'http'}://{host}:{parts.port or 8086}"
        organisation, bucket = unquote(pieces[1]) or None, unquote(pieces[2])
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if organisation and (password or not user):
            raise ValueError(f"the historian's URL needs one token before the @: {wanted}")
        return InfluxPlace(address, f"{user}:{password}" if user and not organisation else user, organisation, bucket)


class InfluxHistorian:
    """`source` tells this service's journal from another's that writes to the same place; `answer_s` is how long the server may take."""

    def __init__(self, place: InfluxPlace, source: str, answer_s: float = ANSWER_S) -> None:
        self._place, self._source, self._answer_s = place, source, answer_s
        self._pool = urllib3.PoolManager(maxsize=4, retries=False, timeout=urllib3.Timeout(connect=CONNECT_S, read=answer_s))
        self._write_2: Callable[[bytes], None] | None = None
        self._close_2: Callable[[], None] = lambda: None
        self.refused = 0  # readings that the server will not have

    def position(self) -> int:
        return self._highest("position")

    def write(self, batch: HistoryBatch, name_of: Callable[[int], PointName]) -> None:
        lines, unknown = lines_of(batch, name_of)
        if unknown:
            self._refuse(unknown, "of points that nobody knows")
        for start in range(0, len(lines), LINES_AT_ONCE):
            self._send(lines[start : start + LINES_AT_ONCE])
        self._send([position_line(self._source, batch)])

    def series(self, point_id: str, from_ms: int, to_ms: int, most: int) -> Series:
        device_id, _, metric = point_id.rpartition(":")
        where = f'FROM {identifier(metric)} WHERE "device" = {literal(device_id)} AND time >= {from_ms:d}ms AND time < {to_ms:d}ms'
        rows = self._rows(f'SELECT "value" {where} LIMIT {most + 1:d}', metric)
        noted = self._rows(f'SELECT "from_ms", "to_ms" FROM {identifier(GAP)} WHERE "source" = {literal(self._source)}', GAP)
        gaps = overlapping(((int(row[1]), int(row[2])) for row in noted), from_ms, to_ms)
        if len(rows) <= most:
            series = raw(np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.float64))
            series.gaps = gaps
            return series
        step = step_for(from_ms, to_ms, most)
        figures = 'SELECT min("value"), mean("value"), max("value")'
        rows = self._rows(f"{figures} {where} GROUP BY time({step:d}ms) fill(none)", metric)
        low, mean, high = (np.array([row[column] for row in rows], np.float64) for column in (1, 2, 3))
        return Series(np.array([row[0] for row in rows], np.int64), low, mean, high, step, gaps)

    def note_gap(self, from_ms: int | None, to_ms: int) -> None:
        from_ms = self._highest("newest_ms") if from_ms is None else from_ms
        self._send([gap_line(self._source, min(from_ms, to_ms), to_ms)])

    def seal(self, now_ms: int) -> None:
        """Nothing: the server's retention is its own."""

    def close(self) -> None:
        self._pool.clear()
        self._close_2()

    # -- writing -------------------------------------------------------------------------------------------------------

    def _send(self, lines: list[str]) -> None:
        """Write lines in order; halves what is refused until the bad line stands alone, and drops that."""
        status, answer = self._post("\n".join(lines).encode())
        if status < 300:
            return
        partial = re.search(r"partial write.*dropped=(\d+)", answer)
        if partial:
            self._refuse(int(partial[1]), answer)
        elif status not in _REFUSED:
            raise HistorianDown(f"InfluxDB answers {status}: {answer}")
        elif len(lines) == 1:
            self._refuse(1, answer)
        else:
            self._send(lines[: len(lines) // 2])
            self._send(lines[len(lines) // 2 :])

    def _post(self, body: bytes) -> tuple[int, str]:
        if self._place.organisation is not None:
            return self._post_2(body)
        target = "/write?" + urlencode({"db": self._place.bucket, "precision": "ms"})
        status, answer = self._ask("POST", target, body=body)
        if status == 404 and "database not found" in answer:
            self._ask("POST", "/query", fields={"q": f"CREATE DATABASE {database(self._place.bucket)}"})
            status, answer = self._ask("POST", target, body=body)
        return status, answer

    def _post_2(self, body: bytes) -> tuple[int, str]:
        from influxdb_client.rest import ApiException

        write = self._write_2 = self._write_2 or self._connect_2()
        try:
            write(body)
        except ApiException as refused:
            hint = ": the server is older than 1.8, name its database as //DATABASE" if refused.status == 404 and self._is_old() else ""
            return int(refused.status or 0), f"{refused.body or refused.reason}"[:500] + hint
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise HistorianDown(f"InfluxDB at {self._place.url}: {error}") from error
        return 204, ""

    def _connect_2(self) -> Callable[[bytes], None]:
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.client.write_api import SYNCHRONOUS
        from influxdb_client.domain.write_precision import WritePrecision

        place = self._place
        options: Any = {"timeout": int(self._answer_s * 1000), "retries": False, "enable_gzip": True}
        client: Any = InfluxDBClient(url=place.url, token=place.token, org=place.organisation or "", **options)
        door: Any = client.write_api(write_options=SYNCHRONOUS)

        def close() -> None:
            door.close()
            client.close()

        self._close_2 = close
        milliseconds: Any = WritePrecision.MS
        return lambda body: door.write(bucket=place.bucket, record=body, write_precision=milliseconds)

    def _is_old(self) -> bool:
        answer = self._pool.request("GET", f"{self._place.url}/ping")
        return bool(re.match(r"v?(0\.|1\.[0-7]\.)", answer.headers.get("X-Influxdb-Version", "")))

    def _refuse(self, count: int, why: str) -> None:
        self.refused += count
        log.error("InfluxDB refuses %d readings for good (%d so far): %s", count, self.refused, why[:500])

    def _highest(self, field: str) -> int:
        asked = f'SELECT max("{field}") FROM {identifier(POSITION)} WHERE "source" = {literal(self._source)}'
        rows = self._rows(asked, POSITION)
        return int(rows[0][1]) if rows else 0

    # -- asking --------------------------------------------------------------------------------------------------------

    def _rows(self, query: str, measurement: str) -> list[list[Any]]:
        """Rows of the one series that the query answers; none when there is no such series or database yet."""
        status, answer = self._ask("POST", "/query", fields={"q": query, "db": self._place.bucket, "epoch": "ms"})
        if status == 404 and "not found" in answer:
            return []
        if status >= 300:
            raise HistorianDown(f"InfluxDB answers {status}: {answer}")
        try:
            result = json.loads(answer)["results"][0]
        except (ValueError, LookupError, TypeError):
            raise HistorianDown(f"InfluxDB answers what is no result: {answer[:200]}") from None
        if "not found" in result.get("error", ""):
            return []
        if "error" in result:
            raise HistorianDown(f"InfluxDB answers: {result['error']}")
        # a server that only pretends to know InfluxQL answers another series
        return [row for series in result.get("series", ()) if series.get("name") == carried(measurement) for row in series["values"]]

    def _ask(self, method: str, target: str, body: bytes | None = None, fields: dict[str, str] | None = None) -> tuple[int, str]:
        place, headers = self._place, {}
        if place.organisation is not None:
            headers["Authorization"] = f"Token {place.token}"
        elif place.token:
            headers |= urllib3.make_headers(basic_auth=place.token)
        if fields is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(fields).encode()
        try:
            answer = self._pool.request(method, place.url + target, body=body, headers=headers)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise HistorianDown(f"InfluxDB at {place.url}: {error}") from error
        return answer.status, answer.data.decode(errors="replace")
