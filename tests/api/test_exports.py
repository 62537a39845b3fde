"""Exports over HTTP: asked for, watched, fetched; each for whoever asked, of what that person sees; made by a child process."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from api.ports import Busy
from app.exports import KEPT_MS, MOST_WAITING, Exports
from sites.model import point_key
from sites.records import Unavailable
from storage.historian_memory import MemoryHistorian
from storage.projection import HistoryBatch, PointName
from tests.api.conftest import Service
from tests.api.plant import NOON

AT = NOON - 3_600_000
SPAN = {"from_at": "2026-11-22T00:00:00Z", "to_at": "2026-11-23T00:00:00Z"}


@pytest.fixture
def historian(service: Service, tmp_path: Path) -> MemoryHistorian:
    """What the service's exports are made of, with readings of both sites."""
    made = MemoryHistorian()
    for position, device_id in enumerate(("mall-gas", "plant-gas"), 1):
        key = point_key(device_id, "lel")
        name = PointName(key, "s", device_id, "lel", "%LEL")
        taken = AT + 1000 * np.arange(100)
        made.write(HistoryBatch(position, np.full(100, key), taken, np.arange(100) / 4), lambda key, name=name: name)  # type: ignore[misc]
    at = {"SITEWARDEN_DATA_DIR": str(tmp_path), "SITEWARDEN_HISTORIAN_URL": "memory://"}
    service.exports.close()
    service.exports = service.door.exports = Exports(tmp_path / "exports", made, at, service.clock.now_ms)
    return made


def finished(service: Service, login: str, export_id: str) -> Any:
    end = time.monotonic() + 30.0
    while (job := service.call(login, "GET", f"/history/exports/{export_id}"))["state"] in ("waiting", "running"):
        assert time.monotonic() < end, job
        time.sleep(0.05)
    return job


def asked(service: Service, login: str, status: int = 202, **body: Any) -> Any:
    return service.call(login, "POST", "/history/exports", SPAN | body, status=status)


def fetched(service: Service, login: str, export_id: str) -> Any:
    return service.client.get(f"/api/v1/history/exports/{export_id}/file", headers=service.as_(login))


@pytest.mark.usefixtures("historian")
def test_an_export_is_made_in_the_background_and_fetched_as_a_file(service: Service) -> None:
    job = asked(service, "operator", device_id="mall-gas")
    assert (job["state"] in ("waiting", "running"), job["points"] >= 1, job["format"]) == (True, True, "csv")
    done = finished(service, "operator", job["id"])
    assert (done["state"], done["part"], done["readings"], done["problem"]) == ("done", 1.0, 100, None)
    answer = fetched(service, "operator", job["id"])
    assert answer.headers["content-disposition"] == 'attachment; filename="history-2026-11-22.csv"'
    assert len(answer.content) == done["bytes"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["point"], int(row["taken_ms"]), float(row["value"])) for row in rows[:2]] == [
        ("mall-gas:lel", AT, 0.0),
        ("mall-gas:lel", AT + 1000, 0.25),
    ]
    assert rows[0]["unit"] == "%LEL"
    again = asked(service, "operator", points=["mall-gas:lel"], format="parquet")
    assert finished(service, "operator", again["id"])["readings"] == 100
    assert pyarrow.parquet.read_table(io.BytesIO(fetched(service, "operator", again["id"]).content)).num_rows == 100
    assert [each["id"] for each in service.call("operator", "GET", "/history/exports")["items"]] == [again["id"], job["id"]]
    service.call("operator", "DELETE", f"/history/exports/{job['id']}", status=204)
    service.call("operator", "GET", f"/history/exports/{job['id']}", status=404)
    assert fetched(service, "operator", job["id"]).status_code == 404


@pytest.mark.usefixtures("historian")
def test_an_export_is_nobody_elses_and_holds_nothing_from_outside(service: Service) -> None:
    job = asked(service, "root", site_id="mall")
    for path in ("", "/file"):
        service.call("operator", "GET", f"/history/exports/{job['id']}{path}", status=404)
    service.call("operator", "DELETE", f"/history/exports/{job['id']}", status=404)
    assert service.call("operator", "GET", "/history/exports")["items"] == []
    finished(service, "root", job["id"])
    points = {row["point"] for row in csv.DictReader(io.StringIO(fetched(service, "root", job["id"]).text))}
    assert points == {"mall-gas:lel"}
    asked(service, "operator", 404, site_id="plant")
    asked(service, "operator", 404, points=["mall-gas:lel", "plant-gas:lel"])
    asked(service, "operator", 404, device_id="plant-gas")


def test_what_cannot_be_meant_is_refused(service: Service) -> None:
    asked(service, "operator", 422)
    asked(service, "operator", 422, device_id="mall-gas", from_at=SPAN["to_at"])
    asked(service, "operator", 422, device_id="mall-gas", format="xlsx")
    asked(service, "operator", 404, device_id="nothing")


def test_a_historian_that_is_away_fails_the_export_and_says_so(service: Service, historian: MemoryHistorian) -> None:
    historian.down_reason = "influx.internal refuses"
    job = finished(service, "operator", asked(service, "operator", device_id="mall-gas")["id"])
    assert (job["state"], "historian" in job["problem"], "internal" in job["problem"]) == ("failed", True, False)
    assert fetched(service, "operator", job["id"]).status_code == 409


@pytest.fixture
def exports(tmp_path: Path, clock: list[int]) -> Any:
    class Slow:
        def spill(self, folder: Path, from_ms: int, to_ms: int) -> None:
            time.sleep(0.2)
            raise Unavailable("never")

    made = Exports(tmp_path / "exports", Slow(), {}, lambda: clock[0])
    yield made
    made.close()


@pytest.fixture
def clock() -> list[int]:
    return [NOON]


def test_too_many_that_wait_are_busy(exports: Exports) -> None:
    for _ in range(MOST_WAITING):
        exports.ask(["a:b"], 0, 1, "csv", "u")
    with pytest.raises(Busy):
        exports.ask(["a:b"], 0, 1, "csv", "u")


def test_one_that_waits_is_cancelled_and_an_old_one_forgotten(exports: Exports, clock: list[int]) -> None:
    first, second = (exports.ask(["a:b"], 0, 1, "csv", "u") for _ in range(2))
    exports.cancel(second.id)
    assert [job.id for job in exports.of("u")] == [first.id]
    end = time.monotonic() + 10.0
    while (job := exports.one(first.id)) is not None and job.state != "failed":
        assert time.monotonic() < end
        time.sleep(0.02)
    clock[0] += KEPT_MS + 1
    assert exports.of("u") == []


def test_a_running_one_is_stopped(service: Service, historian: MemoryHistorian, tmp_path: Path) -> None:
    job = asked(service, "operator", device_id="mall-gas")
    service.call("operator", "DELETE", f"/history/exports/{job['id']}", status=204)
    again = asked(service, "operator", device_id="mall-gas")
    assert finished(service, "operator", again["id"])["state"] == "done"
    end = time.monotonic() + 10.0
    while [each.name for each in (tmp_path / "exports").iterdir()] != [again["id"]]:
        assert time.monotonic() < end, list((tmp_path / "exports").iterdir())
        time.sleep(0.02)
    assert [each.name for each in (tmp_path / "exports" / again["id"]).iterdir()] == ["history.csv"]


def test_a_child_that_fails_is_said(build: Callable[..., Service], tmp_path: Path) -> None:
    service = build()
    service.exports.close()
    at = {"SITEWARDEN_HISTORIAN_URL": "influxdb://127.0.0.1:9//db"}
    service.exports = service.door.exports = Exports(tmp_path / "exports", MemoryHistorian(), at, service.clock.now_ms)
    job = finished(service, "operator", asked(service, "operator", device_id="mall-gas")["id"])
    assert (job["state"], "127.0.0.1" in job["problem"]) == ("failed", False)
