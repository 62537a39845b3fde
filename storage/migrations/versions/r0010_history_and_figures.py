"""Tags and notes for the search, activations for the figures, presences for the cover, saved views, schedules of presence checks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None

_AT_ONCE = 2_000
_REPLACED: tuple[tuple[str, ...], ...] = (
    ("raised_ms",),
    ("site_id", "raised_ms"),
    ("zone_id", "raised_ms"),
    ("device_id", "raised_ms"),
    ("severity", "raised_ms"),
)
_MADE: tuple[tuple[str, ...], ...] = (("raised_ms", "id", "tag_id"), ("tag_id", "raised_ms", "id"), ("site_id", "arrived_ms"))


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "presence_schedules",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("site_id", sa.Text(), sa.ForeignKey("sites.id"), nullable=True),
        *_text("name", "body"),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_index("ix_presence_schedules_site_id", "presence_schedules", ["site_id"])
    op.create_table(
        "alarm_places",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        *_text("site_id", "zone_id", "device_id", "rule_id", "kind", "text"),
    )
    op.create_index("ix_alarm_places_site_id", "alarm_places", ["site_id"])
    op.create_index("ix_alarm_places_device_id", "alarm_places", ["device_id"])
    op.create_table(
        "alarm_tags",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        *_text("verdict", "assignee"),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("ack_band", sa.SmallInteger(), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("is_suppressed", sa.Boolean(), nullable=False),
        sa.Column("is_ended", sa.Boolean(), nullable=False),
        sa.Column("alarms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index(
        "ix_alarm_tags_whole",
        "alarm_tags",
        ["place_id", "alarms", "last_ms", "severity", "verdict", "is_ended", "is_test", "is_suppressed", "ack_band", "assignee", "id"],
    )
    op.create_table(
        "alarm_notes",
        sa.Column("alarm_id", sa.Text(), primary_key=True),
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        *_text("note"),
        sa.Column("raised_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_alarm_notes_raised_ms", "alarm_notes", ["raised_ms"])
    op.create_table(
        "activations",
        sa.Column("alarm_id", sa.Text(), primary_key=True),
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        *_text("signal", "site_id", "zone_id", "device_id", "rule_id", "subject", "kind"),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("is_suppressed", sa.Boolean(), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_activations_site_id_at_ms", "activations", ["site_id", "at_ms"])
    op.create_index("ix_activations_at_ms", "activations", ["at_ms"])
    op.create_table(
        "presences",
        sa.Column("device_id", sa.Text(), primary_key=True),
        sa.Column("at_ms", sa.BigInteger(), primary_key=True, autoincrement=False),
        *_text("site_id", "state"),
    )
    op.create_index("ix_presences_site_id_at_ms", "presences", ["site_id", "at_ms"])
    op.create_table(
        "alarm_views",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("user_id", sa.Text(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        *_text("name", "query"),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_index("ix_alarm_views_user_id", "alarm_views", ["user_id"])
    op.create_index("ix_transitions_signal_at_ms", "transitions", ["signal", "at_ms"])
    for columns in _REPLACED:
        op.drop_index(f"ix_alarms_{'_'.join(columns)}_id", "alarms")
    op.add_column("alarms", sa.Column("tag_id", sa.BigInteger(), nullable=True))
    _fill()
    op.create_index("ix_alarms_raised_ms_id_tag_id", "alarms", ["raised_ms", "id", "tag_id"])
    op.create_index("ix_alarms_tag_id_raised_ms_id", "alarms", ["tag_id", "raised_ms", "id"])
    op.create_index("ix_alarms_site_id_arrived_ms", "alarms", ["site_id", "arrived_ms"])


def _fill() -> None:
    """Tags, notes and activations of the alarms that are kept already."""
    from alarms.model import Alarm
    from storage import alarm_tags, rows

    connection = op.get_bind()
    known = sa.Table("alarms", sa.MetaData(), autoload_with=connection)
    names = [name for name in rows.ALARM.names if name in known.c]
    shape, after = rows.Shape(Alarm, rows.ALARM.special, out=tuple(set(rows.ALARM.names) - set(names))), ""
    while found := connection.execute(sa.select(known).where(known.c.id > after).order_by(known.c.id).limit(_AT_ONCE)).mappings().all():
        after = found[-1]["id"]
        tag_ids = alarm_tags.apply(connection, [shape.thing(row) for row in found], is_first=True)
        for alarm_id, tag_id in tag_ids.items():
            connection.execute(sa.update(known).where(known.c.id == alarm_id).values(tag_id=tag_id))
    transitions, key = sa.Table("transitions", sa.MetaData(), autoload_with=connection), ("", 0)
    place = sa.tuple_(transitions.c.alarm_id, transitions.c.seq)
    ordered = sa.select(transitions).order_by(transitions.c.alarm_id, transitions.c.seq).limit(_AT_ONCE)
    while found := connection.execute(ordered.where(place > sa.tuple_(*key))).mappings().all():
        key = (found[-1]["alarm_id"], found[-1]["seq"])
        alarm_tags.follow(connection, [rows.transition_of(row) for row in found])


def downgrade() -> None:
    for columns in _MADE:
        op.drop_index(f"ix_alarms_{'_'.join(columns)}", "alarms")
    op.drop_column("alarms", "tag_id")
    for columns in _REPLACED:
        op.create_index(f"ix_alarms_{'_'.join(columns)}_id", "alarms", [*columns, "id"])
    op.drop_index("ix_transitions_signal_at_ms", "transitions")
    for name in ("alarm_views", "presences", "activations", "alarm_notes", "alarm_tags", "alarm_places", "presence_schedules"):
        op.drop_table(name)
