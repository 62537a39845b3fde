"""The hazard ledger whole: supervision, extensions, sources, counts; files, links, reminders, causes and saved filters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_hazards_ages": ["state", "found_ms", "id", "deadline_ms", "site_id"],
    "ix_hazards_closed_ms": ["closed_ms"],
    "ix_hazards_remind_ms": ["remind_ms"],
    "ix_hazards_people": ["person", "state", "found_ms", "id", "site_id"],
    "ix_hazards_facets": ["state", "grade", "source", "category", "is_listed", "site_id", "enterprise_id"],
    "ix_hazards_by_enterprise": ["enterprise_id", "site_id", "state", "grade", "deadline_ms"],
}


def _columns() -> list[sa.Column[object]]:
    columns: list[sa.Column[object]] = [
        sa.Column(name, sa.Text()) for name in ("aspect", "risk_point_id", "split_from", "major", "supervision", "shutdown")
    ]
    columns += [sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")) for name in ("clause", "place", "unit", "control")]
    columns += [sa.Column(name, sa.Text(), nullable=False, server_default="[]") for name in ("origin", "chain", "rectifiers", "extensions")]
    numbers = {"clean_h": "72", "submissions": "0", "returned": "0"}
    columns += [sa.Column(name, sa.Integer(), nullable=False, server_default=value) for name, value in numbers.items()]
    columns.append(sa.Column("is_listed", sa.Boolean(), nullable=False, server_default=sa.false()))
    columns.append(sa.Column("remind_ms", sa.BigInteger()))
    return columns


def _texts(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _times(*names: str, null: bool = False) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.BigInteger(), nullable=null) for name in names]


def _numbers(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def upgrade() -> None:
    for column in _columns():
        op.add_column("hazards", column)
    for name, columns in _INDEXES.items():
        op.create_index(name, "hazards", columns)
    # those that stand are looked at once; whoever submitted one is its rectifier
    op.execute(
        sa.text("UPDATE hazards SET remind_ms = 0 WHERE state IN ('reported', 'confirmed', 'rectifying') AND deadline_ms IS NOT NULL")
    )
    op.execute(sa.text("UPDATE hazards SET submissions = 1 WHERE rectified_by IS NOT NULL"))
    op.create_table(
        "hazard_causes",
        *_texts("cause", "fingerprint", "hazard_id"),
        *_times("at_ms"),
        sa.PrimaryKeyConstraint("cause", name="pk_hazard_causes"),
    )
    op.create_index("ix_hazard_causes_at_ms", "hazard_causes", ["at_ms"])
    op.create_table(
        "hazard_reminders",
        *_texts("hazard_id", "stage", "name"),
        *_numbers("level", "messages"),
        *_times("at_ms"),
        sa.PrimaryKeyConstraint("hazard_id", "stage", name="pk_hazard_reminders"),
    )
    op.create_table(
        "hazard_files",
        *_texts("id", "hazard_id", "sha256", "moment", "media_type", "name", "who"),
        *_numbers("bytes", "width", "height"),
        *_times("at_ms"),
        sa.PrimaryKeyConstraint("id", name="pk_hazard_files"),
    )
    op.create_index("ix_hazard_files_hazard_id_at_ms", "hazard_files", ["hazard_id", "at_ms"])
    op.create_index("ix_hazard_files_sha256", "hazard_files", ["sha256"])
    op.create_table(
        "hazard_links",
        *_texts("id", "hazard_id", "name", "made_by"),
        *_times("made_ms", "expires_ms"),
        *_times("revoked_ms", "used_ms", null=True),
        sa.PrimaryKeyConstraint("id", name="pk_hazard_links"),
    )
    op.create_index("ix_hazard_links_hazard_id", "hazard_links", ["hazard_id"])
    op.create_table(
        "hazard_views",
        *_texts("id"),
        sa.Column(
            "user_id", sa.Text(), sa.ForeignKey("users.id", name="fk_hazard_views_user_id_users", ondelete="CASCADE"), nullable=False
        ),
        *_texts("name", "query"),
        *_numbers("version"),
        sa.PrimaryKeyConstraint("id", name="pk_hazard_views"),
    )
    op.create_index("ix_hazard_views_user_id", "hazard_views", ["user_id"])


def downgrade() -> None:
    for name in ("hazard_views", "hazard_links", "hazard_files", "hazard_reminders", "hazard_causes"):
        op.drop_table(name)
    for name in _INDEXES:
        op.drop_index(name, "hazards")
    for column in _columns():
        op.drop_column("hazards", column.name)
