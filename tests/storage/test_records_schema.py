"""The migrated database has exactly the shape of `storage.tables`, and the invariants that the database itself holds."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, insert, inspect, text
from sqlalchemy.exc import IntegrityError

from sites.records import Unavailable
from storage import records_hazards, rows, tables
from storage.database import open_engine, reading, writing
from storage.migrate import alembic_config, upgrade, upgrade_engine
from storage.records import Records
from tests.storage.records_samples import ENDED_ALARM, alarm

SHAPE = {
    # the text of every table and index, in the database's own words
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'alembic_version' ORDER BY name",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename != 'alembic_version'"
    " UNION SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname NOT LIKE 'alembic%' ORDER BY 1, 2",
}


def shape(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as connection:
        found = connection.execute(text(SHAPE[engine.dialect.name]))
        return [(name, " ".join(sql.replace('"', "").split())) for name, sql in found]


def test_the_migrated_database_equals_the_metadata(empty_url: str) -> None:
    upgrade(empty_url)
    engine = open_engine(empty_url)
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []
        columns = {
            (table, column["name"], column["nullable"]) for table in tables.metadata.tables for column in inspect(engine).get_columns(table)
        }
    expected = {(name, column.name, bool(column.nullable)) for name, table in tables.metadata.tables.items() for column in table.columns}
    assert columns == expected
    migrated = dict(shape(engine))
    with writing(engine) as connection:
        tables.metadata.drop_all(connection)
        tables.metadata.create_all(connection)
    made = dict(shape(engine))
    assert set(migrated) == set(made)
    if engine.dialect.name == "postgresql":
        assert migrated == made
    else:
        indexes = [name for name in made if name.startswith(("ix_", "uq_"))]
        assert {name: migrated[name] for name in indexes} == {name: made[name] for name in indexes}
    engine.dispose()


SHAPES: dict[str, rows.Shape[Any]] = {
    "districts": rows.DISTRICT, "enterprises": rows.ENTERPRISE, "sites": rows.SITE, "zones": rows.ZONE, "devices": rows.DEVICE,
    "circuits": rows.CIRCUIT, "sessions": rows.SESSION, "inbox_devices": rows.INBOX_DEVICE, "alarms": rows.ALARM, "orders": rows.ORDER,
    "firings": rows.FIRING, "hazards": records_hazards.HAZARD,
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_every_field_of_a_kept_value_has_its_column(name: str) -> None:
    assert set(SHAPES[name].names) <= set(tables.metadata.tables[name].columns.keys())


def test_upgrading_again_changes_nothing_and_down_takes_all_away(empty_url: str) -> None:
    upgrade(empty_url)
    upgrade(empty_url)
    engine = open_engine(empty_url)
    config = alembic_config()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    upgrade_engine(engine)
    assert set(inspect(engine).get_table_names()) == {*tables.metadata.tables, "alembic_version"}
    engine.dispose()


def test_two_that_upgrade_at_once_both_succeed(empty_url: str) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            upgrade(empty_url)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_references_are_enforced_again_after_an_upgrade(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'records.db'}")
    upgrade_engine(engine)
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(insert(tables.sites), {"id": "s", "enterprise_id": "none", "name": "", "timezone": "", "address": "",
                                                  "commanding": False, "version": 1})  # fmt: skip
    engine.dispose()


def test_the_database_holds_one_open_alarm_of_a_rule_and_subject(records: Records) -> None:
    first = alarm("a1", subject="point:x")
    with writing(records.engine) as connection:
        connection.execute(insert(tables.alarms), rows.ALARM.row(first))
        connection.execute(insert(tables.alarms), rows.ALARM.row(alarm(ENDED_ALARM.id, subject="point:x", ended_ms=1)))
    with pytest.raises(IntegrityError), writing(records.engine) as connection:
        connection.execute(insert(tables.alarms), rows.ALARM.row(alarm("a2", subject="point:x")))


def test_a_sqlite_writer_that_waits_too_long_is_unavailable_and_readers_go_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    upgrade(url)
    first, second = open_engine(url), open_engine(url)
    with writing(first) as connection:
        connection.execute(insert(tables.projection), {"name": "x", "position": 1})
        with reading(second) as reader:
            assert reader.execute(text("SELECT count(*) FROM projection")).scalar_one() == 0
            reader.exec_driver_sql("PRAGMA busy_timeout=50")
        with pytest.raises(Unavailable, match="locked"), writing(second):
            pass
    first.dispose()
    second.dispose()
