"""The records' databases of the tests: a fresh one for each test, SQLite and PostgreSQL alike."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from storage.migrate import upgrade
from storage.records import Records
from tests.servers import Server, postgres

_numbers = count(1)
BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.wire)]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with postgres() as server:
        yield server


def ask_postgres(server: Server, statement: str) -> None:
    with psycopg.connect(host="127.0.0.1", port=server.port, user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(statement.encode())


def empty_postgres(server: Server, template: str = "template0") -> str:
    """URL of a new database."""
    name = f"records_{next(_numbers)}"
    ask_postgres(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    return f"{server.url.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "migrated.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_database(postgres_server: Server) -> str:
    ask_postgres(postgres_server, "CREATE DATABASE migrated TEMPLATE template0")
    upgrade(f"{postgres_server.url.rpartition('/')[0]}/migrated")
    return "migrated"


@pytest.fixture(params=BOTH)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.db'}"
    return empty_postgres(request.getfixturevalue("postgres_server"))


@pytest.fixture(params=BOTH)
def records_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database at the newest revision, with nothing in it."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "records.db")
        return f"sqlite:///{tmp_path / 'records.db'}"
    return empty_postgres(request.getfixturevalue("postgres_server"), request.getfixturevalue("migrated_database"))


@pytest.fixture
def records(records_url: str) -> Iterator[Records]:
    kept = Records.open(records_url)
    yield kept
    kept.close()
