"""Opening the records' database: SQLite in WAL with BEGIN IMMEDIATE for writers, or PostgreSQL by psycopg 3 with short timeouts.

It knows no table. `reading` and `writing` are the only ways in; whatever says that the database is away becomes `Unavailable`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sites.records import Unavailable

CONNECT_TIMEOUT_S = 2
STATEMENT_TIMEOUT_MS = 10_000
_WRITES = "sitewarden_writes"
_ROWS_A_STATEMENT = 500


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg://...`. Connects to nothing yet. Raises ValueError for another URL."""
    backend = make_url(url).get_backend_name()
    if backend == "sqlite":
        engine = create_engine(url, connect_args={"timeout": 5.0, "check_same_thread": False}, pool_size=8, max_overflow=16)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if backend != "postgresql":
        raise ValueError(f"records URL names {backend}: sqlite:///path or postgresql+psycopg://user@host/database are allowed")
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=16,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_use_lifo=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={STATEMENT_TIMEOUT_MS // 2}",
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 2,
            "tcp_user_timeout": STATEMENT_TIMEOUT_MS,
        },
    )


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # a writer takes the lock at once: an upgrade in the middle of a transaction could not wait for another writer
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads. Raises Unavailable."""
    with availability(), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes, committed at the end. Raises Unavailable."""
    with availability(), engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


@contextmanager
def availability() -> Iterator[None]:
    """Turns every sign that the database is away or overwhelmed into Unavailable."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise Unavailable(_first_line(error)) from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise Unavailable(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return f"the records cannot be reached: {str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__}"


def put(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], newer_by: str | None = None, keep: Iterable[str] = ()
) -> None:
    """Insert rows or replace those with the same primary key (at most one row a key). `newer_by`: replace only where this column does
    not fall; `keep`: columns that a replacement leaves."""
    kept = {column.name for column in table.primary_key} | set(keep)
    statement = _insert(connection, table)
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in kept}
    where = None if newer_by is None else statement.excluded[newer_by] >= table.columns[newer_by]
    statement = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed, where=where)
    _execute(connection, statement, rows)


def add_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows whose primary key is not there yet."""
    _execute(connection, _insert(connection, table).on_conflict_do_nothing(index_elements=list(table.primary_key)), rows)


def _insert(connection: Connection, table: Table) -> Any:
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def _execute(connection: Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        connection.execute(statement, [dict(row) for row in rows[start : start + _ROWS_A_STATEMENT]])
