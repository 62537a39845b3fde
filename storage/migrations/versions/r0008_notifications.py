"""Messages by several channels: how people are reached, groups, templates, and what became of each message."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TEXTS = {"channel": "email", "recipient": "", "cause": "", "name": "", "site_id": "", "said": "", "digest_key": "", "receipt_id": ""}
_NUMBERS = {"round": 0, "folded": 0}
_WERE = {
    "key": sa.Text(),
    "linkage_id": sa.Text(),
    "alarm_id": sa.Text(),
    "to": sa.Text(),
    "state": sa.Text(),
    "last_error": sa.Text(),
    "alarm_seq": sa.Integer(),
    "severity": sa.SmallInteger(),
    "attempts": sa.Integer(),
    "created_ms": sa.BigInteger(),
    "next_try_ms": sa.BigInteger(),
    "sent_ms": sa.BigInteger(),
}
_OLD_INDEXES = {"ix_outbox_alarm_id": ["alarm_id"], "ix_outbox_state_next_try_ms": ["state", "next_try_ms"]}


def _columns(names: dict[str, sa.types.TypeEngine[object]]) -> list[sa.Column[object]]:
    return [sa.Column(name, kind, nullable=name in ("sent_ms", "delivered_ms")) for name, kind in names.items()]


def _rebuild(columns: dict[str, Any], more: dict[str, str | int]) -> None:
    """SQLite changes no column: the table is made anew, its rows carried over; `more` are what the new columns begin with."""
    for name in _OLD_INDEXES:
        op.drop_index(name, "outbox")
    op.rename_table("outbox", "outbox_before")
    op.create_table("outbox", *_columns(columns), sa.PrimaryKeyConstraint("key", name="pk_outbox"))
    kept = ", ".join(f'"{name}"' for name in _WERE)
    names = kept + "".join(f', "{name}"' for name in more)
    values = kept + "".join(f", '{value}'" if isinstance(value, str) else f", {value}" for value in more.values())
    op.execute(sa.text(f"INSERT INTO outbox ({names}) SELECT {values} FROM outbox_before"))
    op.drop_table("outbox_before")
    for name, indexed in _OLD_INDEXES.items():
        op.create_index(name, "outbox", indexed)


def upgrade() -> None:
    added: dict[str, Any] = {**{name: sa.Text() for name in _TEXTS}, **{name: sa.Integer() for name in _NUMBERS}}
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(dict[str, Any](_WERE) | added | {"delivered_ms": sa.BigInteger()}, {**_TEXTS, **_NUMBERS})
    else:
        for name, value in {**_TEXTS, **_NUMBERS}.items():
            op.add_column("outbox", sa.Column(name, added[name], nullable=False, server_default=str(value)))
            op.alter_column("outbox", name, server_default=None)
        op.add_column("outbox", sa.Column("delivered_ms", sa.BigInteger(), nullable=True))
    op.execute(sa.text("UPDATE outbox SET site_id = COALESCE((SELECT a.site_id FROM alarms a WHERE a.id = outbox.alarm_id), '')"))
    op.create_index("ix_outbox_channel_state_next_try_ms", "outbox", ["channel", "state", "next_try_ms"])
    op.create_index("ix_outbox_created_ms_key", "outbox", ["created_ms", "key"])
    op.create_index("ix_outbox_digest_key", "outbox", ["digest_key"])
    op.create_index("ix_outbox_receipt_id", "outbox", ["receipt_id"])
    op.create_table(
        "contacts",
        sa.Column("user_id", sa.Text(), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_table(
        "notify_groups",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("site_id", sa.Text(), sa.ForeignKey("sites.id"), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_index("ix_notify_groups_site_id", "notify_groups", ["site_id"])
    op.create_table(
        "notify_templates",
        sa.Column("channel", sa.Text(), primary_key=True),
        sa.Column("language", sa.Text(), primary_key=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    for name in ("notify_templates", "notify_groups", "contacts"):
        op.drop_table(name)
    for name in ("receipt_id", "digest_key", "created_ms_key", "channel_state_next_try_ms"):
        op.drop_index(f"ix_outbox_{name}", "outbox")
    for name in (*_TEXTS, *_NUMBERS, "delivered_ms"):
        op.drop_column("outbox", name)
