"""An alarm's whole life: all that suppresses it, since when it asks, its response steps; a transition's step, whom and telephone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_LISTS = ("suppressions", "progress")
_NUMBERS = {"asked_ms": sa.BigInteger(), "realarms": sa.Integer()}
_TRANSITIONS = ("note_zh", "step", "whom", "phone")


def upgrade() -> None:
    for name in _LISTS:
        op.add_column("alarms", sa.Column(name, sa.Text(), nullable=False, server_default="[]"))
    for name, kind in _NUMBERS.items():
        op.add_column("alarms", sa.Column(name, kind, nullable=False, server_default="0"))
    op.execute(sa.text("UPDATE alarms SET asked_ms = arrived_ms WHERE ended_ms IS NULL"))
    for name in _TRANSITIONS:
        op.add_column("transitions", sa.Column(name, sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    for name in reversed(_TRANSITIONS):
        op.drop_column("transitions", name)
    for name in reversed((*_LISTS, *_NUMBERS)):
        op.drop_column("alarms", name)
