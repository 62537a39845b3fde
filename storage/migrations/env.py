"""Alembic's environment: runs the revisions on the connection that `storage.migrate` hands over, in batch mode on SQLite.

There is no alembic.ini and no offline mode: `sitewarden db upgrade` is the only way in.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from storage.tables import metadata


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
