"""Dates of detectors' calibration and service life; unknown devices that were dismissed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("devices", sa.Column("calibrated_until_ms", sa.BigInteger(), nullable=True))
    op.add_column("devices", sa.Column("service_until_ms", sa.BigInteger(), nullable=True))
    op.add_column("inbox_devices", sa.Column("dismissed_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("inbox_devices", "dismissed_ms")
    op.drop_column("devices", "service_until_ms")
    op.drop_column("devices", "calibrated_until_ms")
