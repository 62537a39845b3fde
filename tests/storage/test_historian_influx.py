"""The InfluxDB historian's own ground: its URLs, both ways of writing, and a server that is away, slow, empty, strict or lying."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

import numpy as np
import pytest
import urllib3

from sites.model import point_key
from storage.historian import HistorianDown
from storage.historian_influx import InfluxHistorian, InfluxPlace
from storage.influx_lines import flux_text
from storage.influx_steps import Buckets, Denied
from storage.projection import HistoryBatch, PointName
from storage.retention import HOUR_MS, Retention
from tests import servers

AT = 1_790_000_000_000


THIS_HOUR = time.time_ns() // 1_000_000 // HOUR_MS * HOUR_MS  # InfluxDB's retention counts from its own clock


def batch(position: int, *values: float, at: int = AT) -> HistoryBatch:
    count = len(values)
    return HistoryBatch(
        position, np.full(count, point_key("d1", "temperature")), at + 1000 * np.arange(count), np.array(values, np.float64)
    )


def name_of(key: int) -> PointName:
    return PointName(key, "s 1", "d1", "temperature", "°C")


def read(historian: InfluxHistorian) -> list[float]:
    return list(historian.series("d1:temperature", AT, AT + 10_000_000, 100_000).mean)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("influxdb://tok==@h:8086/org/bucket", InfluxPlace("http://h:8086", "tok==", "org", "bucket")),
        ("influxdbs://t%2Fk@h/my%20org/a%2Fb", InfluxPlace("https://h:8086", "t/k", "my org", "a/b")),
        ("influxdb://me:p%40ss@h:1234//site data", InfluxPlace("http://h:1234", "me:p@ss", None, "site data")),
        ("influxdb://h//db", InfluxPlace("http://h:8086", "", None, "db")),
        ("influxdb://[::1]:99//db", InfluxPlace("http://[::1]:99", "", None, "db")),
    ],
)
def test_a_url_names_a_place(url: str, place: InfluxPlace) -> None:
    assert InfluxPlace.parse(url) == place


@pytest.mark.parametrize(
    "url", ["influxdb://secret@h/db", "influxdb://secret@/o/b", "influxdb://u:secret@h/o/b", "http://secret@h/o/b", "influxdb://secret@h//"]
)
def test_a_bad_url_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(ValueError, match="influxdb") as caught:
        InfluxPlace.parse(url)
    assert "secret" not in str(caught.value)


def at_1(server: servers.Server, source: str = "one", answer_s: float = 10.0) -> InfluxHistorian:
    return InfluxHistorian(InfluxPlace.parse(f"influxdb://127.0.0.1:{server.port}//sitewarden"), source, answer_s)


def tell(server: servers.Server, query: str) -> None:
    assert urllib3.request("POST", f"{server.url}/query?" + urlencode({"q": query})).status == 200


@pytest.mark.wire
def test_a_server_that_goes_and_comes_back_is_down_meanwhile() -> None:
    with servers.influxdb() as server, closing(at_1(server)) as historian:
        historian.write(batch(3, 1.0, 2.0), name_of)
        server.stop()
        for act in (historian.position, lambda: historian.write(batch(4, 3.0), name_of), lambda: read(historian)):
            with pytest.raises(HistorianDown, match="127"):
                act()
        server.start()
        assert historian.position() == 3
        assert read(historian) == [1.0, 2.0]


@pytest.mark.wire
def test_a_deaf_server_is_down_soon() -> None:
    with servers.influxdb() as server, closing(at_1(server, answer_s=0.3)) as historian:
        historian.write(batch(1, 1.0), name_of)
        server.freeze()
        with pytest.raises(HistorianDown):
            historian.write(batch(2, 2.0), name_of)
        server.thaw()
        historian.write(batch(2, 2.0), name_of)
        assert historian.position() == 2


@pytest.mark.wire
def test_a_dropped_database_is_made_again_and_says_that_it_is_empty() -> None:
    with servers.influxdb() as server, closing(at_1(server)) as historian:
        historian.write(batch(3, 1.0), name_of)
        tell(server, "DROP DATABASE sitewarden")
        assert historian.position() == 0
        assert read(historian) == []
        historian.write(batch(1, 5.0), name_of)
        assert historian.position() == 1
        assert read(historian) == [5.0]


@pytest.mark.wire
def test_a_database_dropped_between_two_writes_is_down_once_so_that_it_is_asked_where_it_is() -> None:
    with servers.influxdb() as server, closing(at_1(server)) as historian:
        historian.write(batch(3, 1.0), name_of)
        tell(server, "DROP DATABASE sitewarden")
        with pytest.raises(HistorianDown, match="lost its database"):
            historian.write(batch(4, 2.0), name_of)
        assert historian.position() == 0
        historian.write(batch(3, 1.0), name_of)
        assert read(historian) == [1.0]


@pytest.mark.wire
def test_two_services_in_one_database_keep_their_own_positions() -> None:
    with servers.influxdb() as server, closing(at_1(server, "one")) as one, closing(at_1(server, "two, or 'three'")) as two:
        one.write(batch(30, 1.0), name_of)
        two.write(batch(2, 2.0, at=AT + 5000), name_of)
        assert (one.position(), two.position()) == (30, 2)


@pytest.mark.wire
def test_a_line_that_the_server_will_never_take_is_counted_and_the_rest_kept(caplog: pytest.LogCaptureFixture) -> None:
    with servers.influxdb() as server, closing(at_1(server)) as historian:
        historian.write(batch(1, 1.0), name_of)
        body = b"humidity,device=d1 value=1i 1790000000000"
        urllib3.request("POST", f"{server.url}/write?db=sitewarden&precision=ms", body=body)
        humidity = point_key("d1", "humidity")
        names = {humidity: "humidity", point_key("d1", "temperature"): "temperature"}
        keys = np.array([humidity, point_key("d1", "temperature")])
        mixed = HistoryBatch(2, keys, np.array([AT, AT + 1000]), np.array([50.0, 2.0]))
        historian.write(mixed, lambda key: PointName(key, "s1" if key == humidity else "s 1", "d1", names[key], ""))
        assert historian.refused == 1
        assert historian.position() == 2
        assert read(historian) == [1.0, 2.0]
    assert "refuses 1 readings" in caplog.text


@pytest.mark.wire
def test_a_user_and_password_are_sent_and_wrong_ones_are_said() -> None:
    with servers.influxdb(auth=True) as server:
        tell(server, "CREATE USER me WITH PASSWORD 'p@ss' WITH ALL PRIVILEGES")
        with closing(InfluxHistorian(InfluxPlace.parse(f"influxdb://me:p%40ss@127.0.0.1:{server.port}//db"), "x")) as historian:
            historian.write(batch(1, 1.0), name_of)
            assert read(historian) == [1.0]
        with closing(InfluxHistorian(InfluxPlace.parse(f"influxdb://me:wrong@127.0.0.1:{server.port}//db"), "x")) as historian:
            with pytest.raises(HistorianDown, match="401") as caught:
                historian.write(batch(2, 1.0), name_of)
            assert "wrong" not in str(caught.value)
            with pytest.raises(HistorianDown, match="401"):
                historian.position()


@pytest.mark.wire
def test_a_2x_url_at_an_old_server_says_what_to_write_instead() -> None:
    with servers.influxdb() as server:
        place = InfluxPlace.parse(f"influxdb://token@127.0.0.1:{server.port}/org/bucket")
        with closing(InfluxHistorian(place, "x")) as historian, pytest.raises(HistorianDown, match="//DATABASE"):
            historian.write(batch(1, 1.0), name_of)


@pytest.mark.wire
def test_readings_travel_through_the_2x_door_with_their_names() -> None:
    names = [("d 1", "temperature"), ("断,=路", 'it\'s "x"'), ("new\nline\\", "#m"), ("100 %", "a b,c=d")]
    keys = [point_key(*name) for name in names]
    by_key = dict(zip(keys, names, strict=True))
    rng = np.random.default_rng(1)
    many = HistoryBatch(77, np.tile(np.array(keys), 3000), AT + np.arange(12_000), rng.random(12_000))
    with servers.victoria_metrics() as server:
        place = InfluxPlace.parse(f"influxdb://token@127.0.0.1:{server.port}/org/bucket")
        with closing(InfluxHistorian(place, "main")) as historian:
            assert historian.position() == 0
            for _ in range(2):
                historian.write(many, lambda key: PointName(key, "s=1", *by_key[key], "%"))
            server.stop()
            with pytest.raises(HistorianDown):
                historian.write(many, lambda key: PointName(key, "s=1", *by_key[key], "%"))
            server.start()
        urllib3.request("GET", f"{server.url}/internal/force_flush")
        exported = urllib3.request("GET", f"{server.url}/api/v1/export", fields={"match[]": '{__name__!=""}', "reduce_mem_usage": "1"})
    kept: dict[tuple[str, str], dict[int, float]] = {}
    for line in exported.data.decode().splitlines():
        series = json.loads(line)
        metric = series["metric"]
        where = (metric.get("device", metric.get("source")), metric["__name__"])
        kept.setdefault(where, {}).update(zip(series["timestamps"], series["values"], strict=True))
    assert kept.pop(("main", "sitewarden_position_position")) == {AT // 86_400_000 * 86_400_000: 77}
    assert kept.pop(("main", "sitewarden_position_newest_ms")) == {AT // 86_400_000 * 86_400_000: AT + 11_999}
    carried = [("d 1", "temperature"), ("断,=路", 'it\'s "x"'), ("new%0Aline%5C", "%23m"), ("100 %25", "a b,c=d")]
    assert sorted(kept) == sorted((device, f"{metric}_value") for device, metric in carried)
    for key, (device, metric) in zip(keys, carried, strict=True):
        mine = many.keys == key
        wanted = dict(zip(many.taken_ms[mine].tolist(), many.values[mine].tolist(), strict=True))
        got = kept[(device, f"{metric}_value")]
        assert got.keys() == wanted.keys()
        assert [got[at] for at in wanted] == pytest.approx(list(wanted.values()), rel=1e-12)


@contextmanager
def answering(answer: Callable[[str, bytes], tuple[int, bytes]]) -> Iterator[int]:
    """A web server of the test's own that answers (path, body) with (status, body): what no real server does on demand."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, text = answer(self.path, body)
            with suppress(BrokenPipeError):  # the historian did not wait
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [500, 502, 503, 429, 401, 403, 301])
@pytest.mark.parametrize("path", ["//db", "/org/bucket"])
def test_an_answer_that_time_may_change_is_down(status: int, path: str) -> None:
    with answering(lambda *_: (status, b"not now")) as port:
        user = "token@" if path == "/org/bucket" else ""
        with closing(InfluxHistorian(InfluxPlace.parse(f"influxdb://{user}127.0.0.1:{port}{path}"), "x")) as historian:
            with pytest.raises(HistorianDown, match=str(status)):
                historian.write(batch(1, 1.0), name_of)
            with pytest.raises(HistorianDown, match=str(status)):
                historian.position()


@pytest.mark.parametrize("text", [b"", b"<html>", b"[]", b'{"results":[]}', b'{"results":[{"error":"timeout"}]}', b'{"error":"x"}'])
def test_an_answer_that_is_no_result_is_down(text: bytes) -> None:
    with (
        answering(lambda *_: (200, text)) as port,
        closing(InfluxHistorian(InfluxPlace.parse(f"influxdb://127.0.0.1:{port}//db"), "x")) as historian,
    ):
        with pytest.raises(HistorianDown):
            historian.position()
        with pytest.raises(HistorianDown):
            read(historian)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_one_refused_line_among_many_is_found_by_halving(status: int) -> None:
    taken: list[str] = []

    def answer(path: str, body: bytes) -> tuple[int, bytes]:
        lines = body.decode().split("\n")
        if any("13.0" in line for line in lines):
            return status, b"unable to parse"
        taken.extend(lines)
        return 204, b""

    with answering(answer) as port, closing(InfluxHistorian(InfluxPlace.parse(f"influxdb://127.0.0.1:{port}//db"), "x")) as historian:
        historian.write(batch(1, *[float(value) for value in range(64)]), name_of)
        assert historian.refused == 1
    assert len(taken) == 64  # 63 readings and the position, which comes last
    assert taken[-1].startswith("sitewarden_position")


@pytest.mark.parametrize("path", ["//db", "/org/bucket"])
def test_a_slow_answer_is_not_waited_for(path: str) -> None:
    def answer(path: str, body: bytes) -> tuple[int, bytes]:
        time.sleep(0.6)
        return 204, b""

    with answering(answer) as port:
        place = InfluxPlace.parse(f"influxdb://{'token@' if path == '/org/bucket' else ''}127.0.0.1:{port}{path}")
        with closing(InfluxHistorian(place, "x", answer_s=0.2)) as historian, pytest.raises(HistorianDown, match="timed out"):
            historian.write(batch(1, 1.0), name_of)


# -- steps and retention -------------------------------------------------------------------------------------------------

KEPT = Retention(raw_days=2, minute_days=9, hour_days=0)


def rows_of(server: servers.Server, query: str) -> list[list[Any]]:
    asked = urlencode({"q": query, "db": "sitewarden", "epoch": "ms"})
    result = json.loads(urllib3.request("POST", f"{server.url}/query?{asked}").data)["results"][0]
    assert "error" not in result, result
    return [row for series in result.get("series", ()) for row in series["values"]]


def policies(server: servers.Server) -> dict[str, tuple[str, bool]]:
    return {row[0]: (row[1], row[4]) for row in rows_of(server, "SHOW RETENTION POLICIES ON sitewarden")}


def keeping(server: servers.Server, retention: Retention = KEPT) -> InfluxHistorian:
    return InfluxHistorian(InfluxPlace.parse(f"influxdb://127.0.0.1:{server.port}//sitewarden"), "one", retention=retention)


@pytest.mark.wire
def test_policies_are_made_with_the_database_and_follow_the_settings() -> None:
    with servers.influxdb() as server:
        with closing(keeping(server)) as historian:
            historian.write(batch(1, 1.0, at=THIS_HOUR), name_of)
            assert policies(server) == {
                "sitewarden_raw": ("48h0m0s", True),
                "sitewarden_1m": ("216h0m0s", False),
                "sitewarden_1h": ("0s", False),
            }
        with closing(keeping(server, Retention(3, 0, 0))) as historian:
            historian.seal(THIS_HOUR)
            assert policies(server) == {"sitewarden_raw": ("72h0m0s", True), "sitewarden_1m": ("0s", False), "sitewarden_1h": ("0s", False)}
            assert historian.position() == 1


@pytest.mark.wire
def test_a_database_of_somebody_else_keeps_its_own_default_policy() -> None:
    with servers.influxdb() as server:
        tell(server, "CREATE DATABASE sitewarden")
        with closing(keeping(server)) as historian:
            historian.write(batch(1, 1.0, at=THIS_HOUR), name_of)
            historian.seal(THIS_HOUR)
            assert policies(server)["autogen"] == ("0s", True)
            assert set(policies(server)) == {"autogen", "sitewarden_1m", "sitewarden_1h"}
            assert len(historian.series("d1:temperature", 0, THIS_HOUR + 1000, 10).taken_ms) == 1


@pytest.mark.wire
def test_charts_go_on_from_steps_where_the_readings_have_left() -> None:
    start = THIS_HOUR - 30 * HOUR_MS
    at = start + np.arange(0, 30 * HOUR_MS, 10_000)
    values = np.random.default_rng(6).normal(20.0, 5.0, len(at))
    readings = HistoryBatch(1, np.full(len(at), point_key("d1", "temperature")), at, values)
    with servers.influxdb() as server, closing(keeping(server)) as historian:
        historian.write(readings, name_of)
        historian.seal(THIS_HOUR + HOUR_MS)
        assert rows_of(server, 'SELECT sum("count") FROM sitewarden_1m.temperature') == [[0, len(at)]]
        assert rows_of(server, 'SELECT sum("count") FROM sitewarden_1h.temperature') == [[0, len(at)]]
        whole = historian.series("d1:temperature", start, THIS_HOUR, 100_000)
        assert (whole.step_ms, len(whole.taken_ms)) == (0, len(at))
        historian.seal(THIS_HOUR + 5 * 24 * HOUR_MS)  # the readings are older than what is kept raw
        series = historian.series("d1:temperature", start + 90_000, start + HOUR_MS, 2000)
        assert (series.step_ms, series.taken_ms.tolist()) == (60_000, (start + 60_000 * np.arange(1, 60)).tolist())
        for row, begin in enumerate(series.taken_ms.tolist()):
            expected = values[(at >= begin) & (at < begin + 60_000)]
            assert (series.minimum[row], series.maximum[row]) == (expected.min(), expected.max())
            assert series.mean[row] == pytest.approx(expected.mean(), rel=1e-12)
        historian.seal(THIS_HOUR + 15 * 24 * HOUR_MS)
        series = historian.series("d1:temperature", start, start + 6 * HOUR_MS, 2000)
        assert (series.step_ms, series.taken_ms.tolist()) == (HOUR_MS, (start + HOUR_MS * np.arange(6)).tolist())
        assert series.mean.tolist() == pytest.approx(values[: 6 * 360].reshape(6, 360).mean(axis=1).tolist(), rel=1e-12)


@pytest.mark.wire
def test_a_reading_that_comes_after_its_hours_steps_makes_them_again_also_over_a_restart() -> None:
    start = THIS_HOUR - 5 * HOUR_MS
    with servers.influxdb() as server:
        with closing(keeping(server)) as historian:
            historian.write(batch(1, *([5.0] * 1800), at=start), name_of)
            historian.seal(THIS_HOUR + HOUR_MS)
            historian.write(batch(2, 1000.0, at=start + 500), name_of)
            assert historian.series("d1:temperature", start, THIS_HOUR, 5).maximum[0] == 1000.0
            historian.seal(THIS_HOUR + HOUR_MS)
            assert rows_of(server, 'SELECT max("maximum") FROM sitewarden_1h.temperature')[0][1] == 1000.0
            historian.write(batch(3, 2000.0, at=start + 600), name_of)
        with closing(keeping(server)) as historian:
            historian.seal(THIS_HOUR + HOUR_MS)
            assert rows_of(server, 'SELECT max("maximum") FROM sitewarden_1m.temperature')[0][1] == 2000.0
            assert historian.series("d1:temperature", start, THIS_HOUR, 5).maximum[0] == 2000.0


@pytest.mark.wire
def test_a_dropped_database_gets_its_policies_again() -> None:
    with servers.influxdb() as server, closing(keeping(server)) as historian:
        historian.write(batch(1, 1.0, at=THIS_HOUR), name_of)
        tell(server, "DROP DATABASE sitewarden")
        assert historian.position() == 0
        historian.write(batch(2, 5.0, at=THIS_HOUR), name_of)
        assert historian.position() == 2
        assert set(policies(server)) == {"sitewarden_raw", "sitewarden_1m", "sitewarden_1h"}
        assert historian.refused == 0


@pytest.mark.wire
def test_a_reading_older_than_what_is_kept_raw_is_refused_and_the_position_goes_on() -> None:
    with servers.influxdb() as server, closing(keeping(server)) as historian:
        historian.write(batch(7, 1.0, 2.0, at=THIS_HOUR - 20 * 24 * HOUR_MS), name_of)
        assert (historian.position(), historian.refused) == (7, 2)


@pytest.mark.wire
def test_a_user_who_may_only_write_keeps_readings_raw_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with servers.influxdb(auth=True) as server:
        tell(server, "CREATE USER root WITH PASSWORD 'r' WITH ALL PRIVILEGES")
        for query in ("CREATE DATABASE db", "CREATE USER me WITH PASSWORD 'm'", "GRANT ALL ON db TO me"):
            assert urllib3.request("POST", f"{server.url}/query?" + urlencode({"q": query, "u": "root", "p": "r"})).status == 200
        place = InfluxPlace.parse(f"influxdb://me:m@127.0.0.1:{server.port}//db")
        with closing(InfluxHistorian(place, "x", retention=KEPT)) as historian:
            historian.write(batch(1, 1.0, at=THIS_HOUR), name_of)
            historian.seal(THIS_HOUR + HOUR_MS)
            historian.note_gap(THIS_HOUR, THIS_HOUR + 10)
            assert historian.position() == 1
            series = historian.series("d1:temperature", THIS_HOUR, THIS_HOUR + 1000, 10)
            assert (series.mean.tolist(), series.gaps) == ([1.0], [(THIS_HOUR, THIS_HOUR + 10)])
    assert caplog.text.count("history is kept raw only") == 1


def test_buckets_of_2x_are_asked_for_and_filled_as_its_documentation_says() -> None:
    heard: list[tuple[str, str]] = []
    buckets: dict[str, dict[str, Any]] = {
        "site data": {"id": "b0", "orgID": "o1", "name": "site data", "retentionRules": [{"type": "expire", "everySeconds": 172_800}]},
        "site data/sitewarden_1m": {"id": "b1", "orgID": "o1", "name": "site data/sitewarden_1m", "retentionRules": []},
    }

    def ask(method: str, target: str, body: bytes | None, kind: str) -> tuple[int, str]:
        heard.append((f"{method} {target}", (body or b"").decode()))
        if method == "GET":
            name = parse_qs(target.partition("?")[2])["name"][0]
            return (200, json.dumps({"buckets": [buckets[name]]})) if name in buckets else (404, '{"code": "not found"}')
        return 201, "{}"

    layout = Buckets("my org", "site data", ask)
    assert layout.lay(KEPT) == 172_800_000
    assert [(line, json.loads(body)) for line, body in heard if not line.startswith("GET")] == [
        ("PATCH /api/v2/buckets/b1", {"retentionRules": [{"type": "expire", "everySeconds": 9 * 86_400}]}),
        ("POST /api/v2/buckets", {"orgID": "o1", "name": "site data/sitewarden_1h", "retentionRules": []}),
    ]
    heard.clear()
    layout.make(60_000, 1_790_000_000_000 // HOUR_MS * HOUR_MS, 1_790_000_000_000 // HOUR_MS * HOUR_MS + HOUR_MS)
    assert [line for line, _ in heard] == ["POST /api/v2/query?org=my+org"] * 4
    assert heard[0][1] == (
        'from(bucket: "site data") |> range(start: 2026-09-21T14:00:00Z, stop: 2026-09-21T15:00:00Z)'
        ' |> filter(fn: (r) => r._field == "value" and exists r.device)'
        ' |> aggregateWindow(every: 1m, fn: min, timeSrc: "_start", createEmpty: false) |> set(key: "_field", value: "minimum")'
        ' |> to(bucket: "site data/sitewarden_1m", org: "my org") |> filter(fn: (r) => false)'
    )
    assert [re.findall(r"fn: (min|max|sum|count),.*value: .(\w+)", flux) for _, flux in heard] == [
        [("min", "minimum")], [("max", "maximum")], [("sum", "total")], [("count", "count")]
    ]  # fmt: skip


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_of_2x_that_may_make_no_bucket_is_denied(status: int) -> None:
    def ask(method: str, target: str, body: bytes | None, kind: str) -> tuple[int, str]:
        found = {"id": "b0", "orgID": "o1", "name": "b", "retentionRules": []}
        return (200, json.dumps({"buckets": [found]})) if target.endswith("name=b") else (status if body else 404, "no")

    with pytest.raises(Denied):
        Buckets("o", "b", ask).lay(KEPT)


@pytest.mark.parametrize(("text", "literal"), [("a b", '"a b"'), ('a"b\\', '"a\\"b\\\\"'), ("${x}", '"\\${x}"')])
def test_a_text_in_flux_stays_a_text(text: str, literal: str) -> None:
    assert flux_text(text) == literal
