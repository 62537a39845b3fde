"""Which historian a URL means. Opens nothing that may be away: a historian that is down says so when it is used."""

from __future__ import annotations

from pathlib import Path

from storage.historian import Historian
from storage.historian_duckdb import DuckDbHistorian
from storage.historian_influx import InfluxHistorian, InfluxPlace
from storage.historian_memory import MemoryHistorian
from storage.retention import Retention


def open_historian(url: str, data_dir: Path, source: str = "main", retention: Retention | None = None) -> Historian:
    """`duckdb:///{data_dir}/history.duckdb` (sealed days in the folder `history` of the data directory), `influxdb[s]://...`, or
    `memory://`. `{data_dir}` in the URL is filled in; `source` names this service's journal in a shared InfluxDB; without `retention` an
    InfluxDB keeps what it keeps. Raises ValueError for another URL, without secrets in its message."""
    scheme, _, rest = url.partition("://")
    if scheme == "memory":
        return MemoryHistorian(retention)
    if scheme == "duckdb" and rest.startswith("/"):
        return DuckDbHistorian(Path(rest[1:].replace("{data_dir}", str(data_dir))), data_dir / "history", retention=retention)
    if scheme in ("influxdb", "influxdbs"):
        return InfluxHistorian(InfluxPlace.parse(url), source, retention=retention)
    raise ValueError(f"no historian is known for {scheme}://: duckdb:///FILE, influxdb://, influxdbs:// or memory://")
