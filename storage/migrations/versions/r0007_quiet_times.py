"""Quiet times: recurring hours in which mild alarms call nobody."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quiet_times",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("site_id", sa.Text(), sa.ForeignKey("sites.id"), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_index("ix_quiet_times_site_id", "quiet_times", ["site_id"])


def downgrade() -> None:
    op.drop_table("quiet_times")
