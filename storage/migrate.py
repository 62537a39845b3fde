"""Bringing the records' database to the newest revision, without alembic.ini. Safe to call at every start and by two at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event

from storage.database import open_engine, reading, writing

_LOCK = 0x5157_4D49  # advisory lock of PostgreSQL while one upgrades


def upgrade(url: str, revision: str = "head") -> None:
    """Upgrade the database at `url`. Raises sites.records.Unavailable when it cannot be reached."""
    engine = open_engine(url)
    try:
        upgrade_engine(engine, revision)
    finally:
        engine.dispose()


def upgrade_engine(engine: Engine, revision: str = "head") -> None:
    """Upgrade the database of this engine, in one transaction. Raises Unavailable."""
    config = alembic_config()
    with _referring_freely(engine), writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        if connection.dialect.name == "sqlite":
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            assert not broken, f"the upgrade left references to nothing: {broken[:5]}"


def revision_of(engine: Engine) -> str:
    """The present revision; empty when there is none yet. Raises Unavailable."""
    with reading(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


@contextmanager
def _referring_freely(engine: Engine) -> Iterator[None]:
    """SQLite rebuilds a table to alter it: meanwhile its references must not be enforced, which is switched outside transactions."""
    if engine.dialect.name != "sqlite":
        yield
        return

    def unenforced(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys=OFF")

    engine.dispose()
    event.listen(engine, "connect", unenforced)
    try:
        yield
    finally:
        event.remove(engine, "connect", unenforced)
        engine.dispose()


def newest_revision() -> str | None:
    """The revision that `upgrade` brings a database to."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def alembic_config() -> Config:
    """Alembic's configuration, from this folder."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
