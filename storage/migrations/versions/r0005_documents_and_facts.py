"""Configuration that is read back whole, and what the scan keeps besides alarms and orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_DOCUMENTS = ("calendars", "overrides", "plans", "escalations", "duty_rosters")


def upgrade() -> None:
    for name in _DOCUMENTS:
        op.create_table(
            name,
            sa.Column("id", sa.Text(), primary_key=True),
            sa.Column("site_id", sa.Text(), sa.ForeignKey("sites.id"), nullable=True),
            sa.Column("name", sa.Text(), nullable=False),
            sa.Column("body", sa.Text(), nullable=False),
            sa.Column("version", sa.Integer(), nullable=False),
        )
        op.create_index(f"ix_{name}_site_id", name, ["site_id"])
    op.create_table(
        "facts",
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("ix_facts_kind_changed_ms", "facts", ["kind", "changed_ms"])
    op.create_index("ix_facts_kind_subject", "facts", ["kind", "subject"])


def downgrade() -> None:
    op.drop_table("facts")
    for name in _DOCUMENTS:
        op.drop_table(name)
