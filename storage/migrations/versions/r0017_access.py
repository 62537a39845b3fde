"""Access: keys of machines, one-time links, attempts over restarts, what is known of a session and of a person's life here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_EMPTY = sa.text("''")


def upgrade() -> None:
    op.add_column("users", sa.Column("must_change", sa.Boolean(), nullable=False, server_default=sa.false()))
    for name in ("last_login_ms", "deleted_ms"):
        op.add_column("users", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("sessions", sa.Column("seen_ms", sa.BigInteger(), nullable=False, server_default="0"))
    for name in ("address", "agent"):
        op.add_column("sessions", sa.Column(name, sa.Text(), nullable=False, server_default=_EMPTY))
    op.create_table(
        "api_keys",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "name", "prefix", "key_hash", "acts", "places", "made_by", "note")),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("expires_ms", "revoked_ms", "used_ms")),
        sa.Column("rate_per_minute", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    op.create_table(
        "one_time_links",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column(
            "user_id", sa.Text(), sa.ForeignKey("users.id", name="fk_one_time_links_user_id_users", ondelete="CASCADE"), nullable=False
        ),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("purpose", "made_by")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("made_ms", "expires_ms")),
        sa.PrimaryKeyConstraint("token_hash", name="pk_one_time_links"),
    )
    op.create_index("ix_one_time_links_user_id", "one_time_links", ["user_id"])
    op.create_table(
        "attempts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("locked_ms", "last_ms")),
        sa.PrimaryKeyConstraint("key", name="pk_attempts"),
    )
    op.create_index("ix_audit_who_id", "audit", ["who", "id"])


def downgrade() -> None:
    op.drop_index("ix_audit_who_id", "audit")
    for name in ("attempts", "one_time_links", "api_keys"):
        op.drop_table(name)
    for name in ("agent", "address", "seen_ms"):
        op.drop_column("sessions", name)
    for name in ("deleted_ms", "last_login_ms", "must_change"):
        op.drop_column("users", name)
