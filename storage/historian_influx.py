"""The historian in InfluxDB: writes by `/api/v2/write` where the URL names an organisation and a bucket, by `/write` on 1.x; reads as
InfluxQL by `/query`, which 1.x, 2.x and 3 Core all answer. It holds nothing itself: position and readings are the server's, and so are
the steps of minutes and hours (`storage.influx_steps`).

Whatever the server cannot do just now is HistorianDown; a line that it refuses for good is counted, said, and not tried for ever.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import numpy as np
import urllib3

from sites.model import point_id
from sites.series import Series
from storage.historian import HistorianDown
from storage.history_steps import Steps, coarser, overlapping, raw, step_for, stepped
from storage.influx_lines import GAP, POSITION, STEPS, carried, database, gap_line, identifier, lines_of, literal, position_line, steps_line
from storage.influx_steps import POLICY, RAW_POLICY, Buckets, Denied, InfluxSteps, Policies
from storage.projection import HistoryBatch, PointName
from storage.retention import HOUR_MS, RAW, Kept, Piece, Retention, finest, pieces

LINES_AT_ONCE = 5_000  # InfluxData's advice for a write
CONNECT_S, ANSWER_S = 2.0, 10.0
LATE_MS = 600_000  # steps of an hour are made this long after its end; readings later still make them again
SEAL_ANSWER_S = 60.0
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
    """`source` tells this service's journal from another's that writes to the same place; `answer_s` is how long the server may take.
    Without `retention` everything is kept raw, as the server says, and no steps are made."""

    def __init__(self, place: InfluxPlace, source: str, answer_s: float = ANSWER_S, retention: Retention | None = None) -> None:
        self._place, self._source, self._answer_s = place, source, answer_s
        self._pool = urllib3.PoolManager(maxsize=4, retries=False, timeout=urllib3.Timeout(connect=CONNECT_S, read=answer_s))
        self._write_2: Callable[[str, bytes], None] | None = None
        self._close_2: Callable[[], None] = lambda: None
        self._retention = retention
        self._steps: InfluxSteps | None = None
        if retention is not None:
            layout = Buckets(place.organisation, place.bucket, self._ask_2) if place.organisation else Policies(place.bucket, self._tell)
            self._steps = InfluxSteps(layout, retention)
        self.refused = 0  # readings that the server will not have
        self._holds = False  # the server has told or been told a position: a database that is not found was there, and is gone

    def position(self) -> int:
        position = self._highest(POSITION, "position")
        self._holds = position > 0
        return position

    def write(self, batch: HistoryBatch, name_of: Callable[[int], PointName]) -> None:
        lines, unknown = lines_of(batch, name_of)
        if unknown:
            self._refuse(unknown, "of points that nobody knows")
        for start in range(0, len(lines), LINES_AT_ONCE):
            self._send(lines[start : start + LINES_AT_ONCE])
        if self._steps is not None:
            self._steps.heard(set((batch.taken_ms // HOUR_MS).tolist()))
        self._note(position_line(self._source, batch))
        self._holds = True

    def series(self, point_id: str, from_ms: int, to_ms: int, most: int) -> Series:
        device_id, _, metric = point_id.rpartition(":")
        steps = self._steps
        kept = Kept() if steps is None else Kept(steps.raw_from_ms, steps.minutes_from_ms, steps.clean_until_ms)
        noted = self._rows(f'SELECT "from_ms", "to_ms" FROM {self._book(GAP)} WHERE "source" = {literal(self._source)}', GAP)
        gaps = overlapping(((int(row[1]), int(row[2])) for row in noted), from_ms, to_ms)
        if finest(from_ms, kept) == RAW:
            where = f'WHERE "device" = {literal(device_id)} AND time >= {from_ms:d}ms AND time < {to_ms:d}ms'
            rows = self._rows(f'SELECT "value" FROM {identifier(metric)} {where} LIMIT {most + 1:d}', metric)
            if len(rows) <= most:
                series = raw(np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.float64))
                series.gaps = gaps
                return series
        step = max(step_for(from_ms, to_ms, most), finest(from_ms, kept))
        parts = [self._piece(device_id, metric, piece, step) for piece in pieces(from_ms, to_ms, step, kept)]
        series = stepped(coarser(parts, step), step)
        series.gaps = gaps
        return series

    def _piece(self, device_id: str, metric: str, piece: Piece, step_ms: int) -> Steps:
        source, figures, start = identifier(metric), 'min("value"), max("value"), sum("value"), count("value")', piece.from_ms
        if piece.form_ms != RAW:
            source = f"{self._policy(piece.form_ms)}.{source}"
            figures = 'min("minimum"), max("maximum"), sum("total"), sum("count")'
            start = piece.from_ms // piece.form_ms * piece.form_ms
        where = f'WHERE "device" = {literal(device_id)} AND time >= {start:d}ms AND time < {piece.to_ms:d}ms'
        rows = self._rows(f"SELECT {figures} FROM {source} {where} GROUP BY time({step_ms:d}ms) fill(none)", metric)
        columns = (np.array([row[column] for row in rows], np.float64) for column in (1, 2, 3, 4))
        return Steps(np.array([row[0] for row in rows], np.int64), *columns)

    def note_gap(self, from_ms: int | None, to_ms: int) -> None:
        from_ms = self._highest(POSITION, "newest_ms") if from_ms is None else from_ms
        self._note(gap_line(self._source, min(from_ms, to_ms), to_ms))

    def seal(self, now_ms: int) -> None:
        """Make the steps of finished hours on the server. What is too old leaves by the server's own retention."""
        if self._steps is not None and self._steps.seal(now_ms, LATE_MS, lambda: self._highest(STEPS, "until_ms"), self._first):
            self._note(steps_line(self._source, self._steps.until_ms or 0))

    def spill(self, folder: Path, from_ms: int, to_ms: int) -> None:
        """Nothing: other processes ask the server themselves."""

    def points(self) -> list[str]:
        """The points (`device:metric`) that have readings. Raises HistorianDown."""
        fields = {"q": 'SHOW TAG VALUES WITH KEY = "device"', "db": self._place.bucket}
        status, answer = self._ask("POST", "/query", fields=fields)
        if status >= 300:
            raise HistorianDown(f"InfluxDB answers {status}: {answer}")
        found = [
            point_id(unquote(row[1]), unquote(series["name"]))
            for result in json.loads(answer)["results"]
            for series in result.get("series", ())
            for row in series["values"]
        ]
        return sorted(found)

    def close(self) -> None:
        self._pool.clear()
        self._close_2()

    # -- writing -------------------------------------------------------------------------------------------------------

    def _note(self, line: str) -> None:
        """Write a line of our own books: where there are steps it is kept as long as those of hours."""
        if self._steps is not None and self._steps.lay():
            self._send([line], POLICY[HOUR_MS])
        else:
            self._send([line])

    def _send(self, lines: list[str], policy: str = "") -> None:
        """Write lines in order; halves what is refused until the bad line stands alone, and drops that."""
        status, answer = self._post("\n".join(lines).encode(), policy)
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
            self._send(lines[: len(lines) // 2], policy)
            self._send(lines[len(lines) // 2 :], policy)

    def _post(self, body: bytes, policy: str) -> tuple[int, str]:
        if self._place.organisation is not None:
            return self._post_2(body, f"{self._place.bucket}/{policy}" if policy else self._place.bucket)
        target = "/write?" + urlencode({"db": self._place.bucket, "precision": "ms"} | ({"rp": policy} if policy else {}))
        status, answer = self._ask("POST", target, body=body)
        if "database not found" in answer:
            self._create()
            if self._holds:
                raise HistorianDown(f"InfluxDB has lost its database {self._place.bucket}: what it had is to be written again")
            status, answer = self._ask("POST", target, body=body)
        if policy and "retention policy not found" in answer and self._steps is not None:
            self._steps.is_laid = False  # the database was dropped and made anew
            self._steps.lay()
            status, answer = self._ask("POST", target, body=body)
        return status, answer

    def _create(self) -> None:
        """Make the 1.x database, its default policy as long as readings are kept raw."""
        query = f"CREATE DATABASE {database(self._place.bucket)}"
        if self._retention is not None:
            days = self._retention.raw_days
            query += f" WITH DURATION {f'{days:d}d' if days else 'INF'} REPLICATION 1 NAME {identifier(RAW_POLICY)}"
        self._ask("POST", "/query", fields={"q": query})

    def _post_2(self, body: bytes, bucket: str) -> tuple[int, str]:
        from influxdb_client.rest import ApiException

        write = self._write_2 = self._write_2 or self._connect_2()
        try:
            write(bucket, body)
        except ApiException as refused:
            hint = ": the server is older than 1.8, name its database as //DATABASE" if refused.status == 404 and self._is_old() else ""
            return int(refused.status or 0), f"{refused.body or refused.reason}"[:500] + hint
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise HistorianDown(f"InfluxDB at {self._place.url}: {error}") from error
        return 204, ""

    def _connect_2(self) -> Callable[[str, bytes], None]:
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
        return lambda bucket, body: door.write(bucket=bucket, record=body, write_precision=milliseconds)

    def _is_old(self) -> bool:
        answer = self._pool.request("GET", f"{self._place.url}/ping")
        return bool(re.match(r"v?(0\.|1\.[0-7]\.)", answer.headers.get("X-Influxdb-Version", "")))

    def _refuse(self, count: int, why: str) -> None:
        self.refused += count
        log.error("InfluxDB refuses %d readings for good (%d so far): %s", count, self.refused, why[:500])

    def _highest(self, book: str, field: str) -> int:
        rows = self._rows(f'SELECT max("{field}") FROM {self._book(book)} WHERE "source" = {literal(self._source)}', book)
        return int(rows[0][1]) if rows else 0

    def _book(self, book: str) -> str:
        """Where a series of our own books is."""
        if self._steps is not None and self._steps.lay():
            return f"{self._policy(HOUR_MS)}.{identifier(book)}"
        return identifier(book)

    def _policy(self, form_ms: int) -> str:
        return f"{database(self._place.bucket)}.{identifier(POLICY[form_ms])}"

    def _first(self) -> int | None:
        """When the oldest reading was taken."""
        rows = self._rows('SELECT first("value") FROM /.*/ WHERE "device" != \'\'', None)
        return min((int(row[0]) for row in rows), default=None)

    # -- asking --------------------------------------------------------------------------------------------------------

    def _tell(self, query: str) -> list[list[Any]]:
        """Rows of a statement that changes or shows policies. Raises Denied."""
        status, answer = self._ask("POST", "/query", fields={"q": query, "db": self._place.bucket}, answer_s=SEAL_ANSWER_S)
        if status in (401, 403):
            raise Denied(answer)
        return self._parsed(status, answer, None)

    def _ask_2(self, method: str, target: str, body: bytes | None, kind: str) -> tuple[int, str]:
        return self._ask(method, target, body, kind=kind, answer_s=SEAL_ANSWER_S)

    def _rows(self, query: str, measurement: str | None) -> list[list[Any]]:
        """Rows of the one series that the query answers (None: of all); none when there is no such series or database yet."""
        status, answer = self._ask("POST", "/query", fields={"q": query, "db": self._place.bucket, "epoch": "ms"})
        return self._parsed(status, answer, measurement)

    def _parsed(self, status: int, answer: str, measurement: str | None) -> list[list[Any]]:
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
        named = None if measurement is None else carried(measurement)
        return [row for series in result.get("series", ()) if named is None or series.get("name") == named for row in series["values"]]

    def _ask(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        fields: dict[str, str] | None = None,
        kind: str = "",
        answer_s: float | None = None,
    ) -> tuple[int, str]:
        place, headers = self._place, {}
        if place.organisation is not None:
            headers["Authorization"] = f"Token {place.token}"
        elif place.token:
            headers |= urllib3.make_headers(basic_auth=place.token)
        if fields is not None:
            kind, body = "application/x-www-form-urlencoded", urlencode(fields).encode()
        if kind:
            headers["Content-Type"] = kind
        timeout = urllib3.Timeout(connect=CONNECT_S, read=answer_s or self._answer_s)
        try:
            answer = self._pool.request(method, place.url + target, body=body, headers=headers, timeout=timeout)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise HistorianDown(f"InfluxDB at {place.url}: {error}") from error
        return answer.status, answer.data.decode(errors="replace")
