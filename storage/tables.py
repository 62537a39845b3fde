"""The records' tables (SQLAlchemy Core), one metadata with one naming convention; the same on SQLite and PostgreSQL.

Times are BIGINT milliseconds UTC. Whatever is queried, filtered or sorted is a column with an index; what is only read back whole is
JSON text. Only `storage.records*` and the projector write them; `storage/migrations` brings a database to this shape.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.engine import Dialect

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def storable(words: str) -> str:
    """Text that both databases take: NUL and half surrogate pairs, which a device or a person may send, become U+FFFD."""
    if words.isascii():
        return words if "\0" not in words else words.replace("\0", "\ufffd")
    return words.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Words(TypeDecorator[str]):
    """TEXT that never refuses a string; enumerations are stored as their value."""

    impl = Text
    cache_ok = True

    @property
    def python_type(self) -> type[str]:
        return str

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(str(value))


def _words(*names: str, null: bool = False) -> list[Column[Any]]:
    return [Column(name, Words, nullable=null) for name in names]


def _ms(*names: str, null: bool = False) -> list[Column[Any]]:
    return [Column(name, BigInteger, nullable=null) for name in names]


def _numbers(*names: str) -> list[Column[Any]]:
    return [Column(name, Double, nullable=True) for name in names]


def _flags(*names: str) -> list[Column[Any]]:
    return [Column(name, Boolean, nullable=False) for name in names]


def _id(name: str = "id") -> Column[Any]:
    return Column(name, Words, primary_key=True)


def _version() -> Column[Any]:
    return Column("version", Integer, nullable=False)


def _refers(name: str, target: str, null: bool = False, ondelete: str | None = None) -> Column[Any]:
    return Column(name, Words, ForeignKey(f"{target}.id", ondelete=ondelete), nullable=null, index=True)


# -- configuration: who and what is watched ----------------------------------------------------------------------------

districts = Table("districts", metadata, _id(), _refers("parent_id", "districts", null=True), *_words("name"), _version())

enterprises = Table(
    "enterprises", metadata, _id(), _refers("district_id", "districts"), *_words("name", "credit_code", "industry"), _version()
)

sites = Table(
    "sites",
    metadata,
    _id(),
    _refers("enterprise_id", "enterprises"),
    *_words("name", "timezone", "address"),
    *_flags("commanding"),
    _version(),
)

zones = Table(
    "zones",
    metadata,
    _id(),
    _refers("site_id", "sites"),
    _refers("parent_id", "zones", null=True),
    *_words("name", "floor"),
    _version(),
)

devices = Table(
    "devices",
    metadata,
    _id(),
    _refers("site_id", "sites"),
    _refers("zone_id", "zones"),
    *_words("name", "kind", "codec", "address", "link"),
    _refers("gateway_id", "devices", null=True),
    *_numbers("interval_s"),
    *_ms("calibrated_until_ms", "service_until_ms", null=True),
    _version(),
    UniqueConstraint("codec", "address"),
    Index(None, "kind"),
)

# a point outlives its device: its key is never reused
points = Table("points", metadata, _id("device_id"), _id("metric"), *_words("unit"), *_ms("first_ms"))

circuits = Table(
    "circuits",
    metadata,
    _id(),
    _refers("site_id", "sites"),
    _refers("zone_id", "zones"),
    _refers("device_id", "devices"),
    *_words("name", "channel", "circuit_class", "tenant", "panel"),
    *_words("poles"),  # JSON list
    Column("rated_a", Double, nullable=False),
    *_ms("permit_until_ms", null=True),
    *_words("trial", null=True),  # JSON of sites.model.Trial
    Column("is_motor", Boolean, nullable=False, server_default=false()),
    _version(),
    UniqueConstraint("device_id", "channel"),
    Index(None, "circuit_class"),
)

rules = Table(
    "rules",
    metadata,
    _id(),
    *_words("name", "name_en", "kind", "metric"),
    *_flags("enabled"),
    *_words("body"),  # JSON of rules.model.Rule
    _version(),
)
rule_versions = Table(
    "rule_versions",
    metadata,
    _id("rule_id"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    *_words("who", "body"),
    *_ms("at_ms"),
)
# a version as it was written, with its comments, where it was edited as text
rule_texts = Table(
    "rule_texts", metadata, _id("rule_id"), Column("version", Integer, primary_key=True, autoincrement=False), *_words("text")
)
# which sites a rule or linkage is confined to; no row: all
rule_sites = Table("rule_sites", metadata, _id("rule_id"), _id("site_id"), Index(None, "site_id"))

linkages = Table(
    "linkages",
    metadata,
    _id(),
    *_words("name", "name_en"),
    *_flags("enabled"),
    *_words("body"),  # JSON of alarms.linkage.Linkage
    _version(),
)
linkage_sites = Table("linkage_sites", metadata, _id("linkage_id"), _id("site_id"), Index(None, "site_id"))

# the version of a removal: a thing made again under the same id goes on from it
removals = Table("removals", metadata, _id("kind"), _id("thing_id"), _version(), *_ms("at_ms"))


def _documents(name: str) -> Table:
    """A kind of configuration that is read back whole: JSON beside what is searched by. `site_id` null: it concerns all sites."""
    return Table(
        name,
        metadata,
        _id(),
        _refers("site_id", "sites", null=True),
        *_words("name"),
        *_words("body"),
        _version(),
    )


calendars = _documents("calendars")
overrides = _documents("overrides")
plans = _documents("plans")
escalations = _documents("escalations")
duty_rosters = _documents("duty_rosters")
presence_schedules = _documents("presence_schedules")
quiet_times = _documents("quiet_times")

# -- what the scan keeps besides alarms and orders -----------------------------------------------------------------------

facts = Table(
    "facts",
    metadata,
    _id("kind"),
    _id(),
    *_words("site_id", "state", "subject"),
    Column("from_ms", BigInteger, nullable=False),
    *_ms("until_ms", null=True),
    *_ms("changed_ms"),
    *_flags("is_over"),
    Column("seq", Integer, nullable=False),
    *_words("body"),
    Index(None, "kind", "changed_ms"),
    Index(None, "kind", "subject"),
)

# -- people ------------------------------------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    _id(),
    *_words("login", "name", "email", "password_hash"),
    *_flags("disabled"),
    _version(),
    Column("must_change", Boolean, nullable=False, server_default=false()),
    *_ms("last_login_ms", "deleted_ms", null=True),
    UniqueConstraint("login"),
)
grants = Table(
    "grants",
    metadata,
    Column("user_id", Words, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    *_words("role", "node_kind"),
    *_words("node_id", null=True),
)
sessions = Table(
    "sessions",
    metadata,
    _id("token_hash"),
    _refers("user_id", "users", ondelete="CASCADE"),
    *_words("csrf"),
    *_ms("created_ms", "expires_ms", "proved_ms"),
    Column("seen_ms", BigInteger, nullable=False, server_default="0"),
    Column("address", Words, nullable=False, server_default=text("''")),
    Column("agent", Words, nullable=False, server_default=text("''")),
    Index(None, "expires_ms"),
)
api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    *_words("name", "prefix", "key_hash", "acts", "places", "made_by", "note"),  # acts, places: JSON
    *_ms("made_ms"),
    *_ms("expires_ms", "revoked_ms", "used_ms", null=True),
    Column("rate_per_minute", Integer, nullable=False),
)
one_time_links = Table(
    "one_time_links",
    metadata,
    _id("token_hash"),
    _refers("user_id", "users", ondelete="CASCADE"),
    *_words("purpose", "made_by"),
    *_ms("made_ms", "expires_ms"),
)
attempts = Table(
    "attempts",
    metadata,
    _id("key"),
    Column("failures", Integer, nullable=False),
    *_ms("locked_ms", "last_ms"),
)
idempotency = Table(
    "idempotency",
    metadata,
    _id("user_id"),
    _id("key"),
    Column("answer", LargeBinary, nullable=False),
    *_ms("at_ms"),
    Index(None, "at_ms"),
)

# -- alarms and orders: projections of the journal ---------------------------------------------------------------------

alarms = Table(
    "alarms",
    metadata,
    _id(),
    *_words("rule_id", "rule_name", "rule_name_en", "kind", "subject"),
    Column("rule_version", Integer, nullable=False),
    *_words("point_id", null=True),
    *_words("site_id", "site_name", "zone_id", "zone_name", "device_id", "device_name", "metric", "unit"),
    Column("severity", SmallInteger, nullable=False),
    Column("level", Integer, nullable=False),
    *_numbers("limit", "value", "peak_value"),
    *_words("condition", "attention"),
    *_flags("is_latched", "needs_reset", "is_late", "is_test", "is_unrecorded"),
    *_ms("raised_ms", "arrived_ms", "changed_ms"),
    *_ms("cleared_ms", "acknowledged_ms", "ended_ms", null=True),
    *_words("acknowledged_by", "assignee", "verdict", "hazard_id", null=True),
    *_words("suppression", null=True),  # JSON of alarms.model.Suppression
    *(Column(name, Words, nullable=False, server_default="[]") for name in ("suppressions", "progress")),  # JSON lists
    Column("asked_ms", BigInteger, nullable=False, server_default="0"),
    Column("realarms", Integer, nullable=False, server_default="0"),
    Column("is_chattering", Boolean, nullable=False, server_default=false()),
    Column("count", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("tag_id", BigInteger, nullable=True),  # its `alarm_tags`
    Index(None, "raised_ms", "id", "tag_id"),
    Index(None, "tag_id", "raised_ms", "id"),
    Index(None, "site_id", "arrived_ms"),
    Index(None, "point_id"),
    Index(
        "uq_alarms_one_open",
        "rule_id",
        "subject",
        unique=True,
        sqlite_where=text("ended_ms IS NULL"),
        postgresql_where=text("ended_ms IS NULL"),
    ),
)
# what alarms are searched by: where and by which rule (one row for all alarms with the same names), and what became of them (one row for
# all that say the same, with their number). Lists and counts are decided on these few rows; `storage.alarm_tags` keeps them
alarm_places = Table(
    "alarm_places",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    *_words("site_id", "zone_id", "device_id", "rule_id", "kind", "text"),
    Index(None, "site_id"),
    Index(None, "device_id"),
)
alarm_tags = Table(
    "alarm_tags",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("place_id", BigInteger, nullable=False),
    *_words("verdict", "assignee"),
    Column("severity", SmallInteger, nullable=False),
    Column("ack_band", SmallInteger, nullable=False),
    *_flags("is_test", "is_suppressed", "is_ended"),
    Column("alarms", BigInteger, nullable=False),
    *_ms("last_ms"),  # the newest that was ever raised
    # all of it in the order of places: a sum over many of them reads nothing else
    Index(
        "ix_alarm_tags_whole",
        *("place_id", "alarms", "last_ms", "severity", "verdict", "is_ended", "is_test", "is_suppressed", "ack_band", "assignee", "id"),
    ),
)
# what people wrote, folded for the search
alarm_notes = Table(
    "alarm_notes",
    metadata,
    _id("alarm_id"),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    *_words("note"),
    *_ms("raised_ms"),
    Index(None, "raised_ms"),
)
# each time that an alarm came, asked again, or would have: what the figures of ISA-18.2 count
activations = Table(
    "activations",
    metadata,
    _id("alarm_id"),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    *_ms("at_ms"),
    *_words("signal", "site_id", "zone_id", "device_id", "rule_id", "subject", "kind"),
    Column("severity", SmallInteger, nullable=False),
    *_flags("is_suppressed", "is_test"),
    Index(None, "site_id", "at_ms"),
    Index(None, "at_ms"),
)
# how devices were heard: the state from a moment on
presences = Table(
    "presences",
    metadata,
    _id("device_id"),
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),
    *_words("site_id", "state"),
    Index(None, "site_id", "at_ms"),
)
alarm_views = Table(
    "alarm_views",
    metadata,
    _id(),
    _refers("user_id", "users", ondelete="CASCADE"),
    *_words("name", "query"),  # query: JSON of the list's parameters
    _version(),
)
transitions = Table(
    "transitions",
    metadata,
    _id("alarm_id"),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    *_words("signal", "note", "before"),
    *(Column(name, Words, nullable=False, server_default=text("''")) for name in ("note_zh", "step", "whom", "phone")),
    *_words("who", null=True),
    *_numbers("value"),
    *_ms("at_ms"),
    *_words("alarm"),  # JSON of the alarm after it
    Index(None, "at_ms"),
    Index(None, "signal", "at_ms"),
)
orders = Table(
    "orders",
    metadata,
    _id(),
    *_words("site_id", "zone_id", "circuit_id", "circuit_name", "device_id", "channel", "action", "cause", "reason"),
    *_words("alarm_id", "who", "second", null=True),
    *_words("state", "state_code", "state_reason", "state_reason_zh"),
    *_ms("requested_ms", "expires_ms", "changed_ms"),
    *_ms("sent_ms", "confirmed_ms", "proved_ms", "deadline_ms", null=True),
    Column("attempts", Integer, nullable=False),
    *_words("before", "after"),  # JSON of power.model.Measured
    Column("seq", Integer, nullable=False),
    Index(None, "requested_ms", "id"),
    Index(None, "site_id", "requested_ms", "id"),
    Index(None, "circuit_id", "requested_ms", "id"),
    Index(None, "alarm_id"),
    Index(None, "state"),
)
order_steps = Table(
    "order_steps",
    metadata,
    _id("order_id"),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    *_words("before", "reason"),
    *_ms("at_ms"),
    *_words("order"),  # JSON of the order after it
)
firings = Table(
    "firings",
    metadata,
    _id("linkage_id"),
    _id("alarm_id"),
    Column("alarm_seq", Integer, primary_key=True, autoincrement=False),
    *_ms("at_ms"),
    *_flags("fired"),
    *_words("code", "reason", "reason_zh"),
    Index(None, "alarm_id"),
)
outbox = Table(
    "outbox",
    metadata,
    _id("key"),
    *_words("linkage_id", "alarm_id", "to", "state", "last_error"),
    Column("alarm_seq", Integer, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    *_ms("created_ms", "next_try_ms"),
    *_ms("sent_ms", null=True),
    *_words("channel", "recipient", "cause", "name", "site_id"),
    *_words("said", "digest_key", "receipt_id"),  # what the far end said; the digest that it went into; the gateway's own id
    Column("round", Integer, nullable=False),  # how often the far end reported that it failed
    Column("folded", Integer, nullable=False),  # of a digest: how many messages it holds
    *_ms("delivered_ms", null=True),
    Index(None, "state", "next_try_ms"),
    Index(None, "alarm_id"),
    Index(None, "channel", "state", "next_try_ms"),
    Index(None, "created_ms", "key"),
    Index(None, "digest_key"),
    Index(None, "receipt_id"),
)
# how people are reached: telephone numbers and secrets, which stand nowhere else
contacts = Table(
    "contacts",
    metadata,
    Column("user_id", Words, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    *_words("body"),  # JSON of alarms.contacts.Contact
    _version(),
)
notify_groups = _documents("notify_groups")
notify_templates = Table("notify_templates", metadata, _id("channel"), _id("language"), *_words("subject", "body"), _version())
inbox_devices = Table(
    "inbox_devices",
    metadata,
    _id(),
    *_words("codec", "address", "topic", "suggested_kind", "suggested_name"),
    Column("payload", LargeBinary, nullable=False),
    *_words("site_id", null=True),
    *_ms("first_ms", "last_ms"),
    *_ms("dismissed_ms", null=True),
    Column("count", Integer, nullable=False),
    UniqueConstraint("codec", "address"),
    Index(None, "first_ms", "id"),
)
projection = Table("projection", metadata, _id("name"), *_ms("position"))
# what the projector could not write although the database was there: kept to be looked at, never in the way of the rest
unprojected = Table(
    "unprojected",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    *_words("error", "body"),
)

# -- hazards -----------------------------------------------------------------------------------------------------------

hazards = Table(
    "hazards",
    metadata,
    _id(),
    *_words("number", "enterprise_id", "site_id"),
    *_words("zone_id", "device_id", "point_id", "grade", "rectified_by", "merged_into", null=True),
    *_words("source", "category", "title", "description", "state", "found_by"),
    *_ms("found_ms"),
    *_words("person", "measures", "funds", "contingency"),
    *_ms("deadline_ms", "submitted_ms", "closed_ms", null=True),
    Column("recurrences", Integer, nullable=False),
    *_words("order_ids"),  # JSON list
    _version(),
    *_words("aspect", "risk_point_id", "split_from", null=True),
    *(Column(name, Words, nullable=False, server_default=text("''")) for name in ("clause", "place", "unit", "control")),
    # JSON of hazards.model
    *(Column(name, Words, nullable=False, server_default="[]") for name in ("origin", "chain", "rectifiers", "extensions")),
    *_words("major", "supervision", "shutdown", null=True),
    Column("clean_h", Integer, nullable=False, server_default="72"),
    *(Column(name, Integer, nullable=False, server_default="0") for name in ("submissions", "returned")),
    Column("is_listed", Boolean, nullable=False, server_default=false()),  # derived: on the supervising body's list
    Column("remind_ms", BigInteger, nullable=True),  # derived: when its deadline is looked at next
    UniqueConstraint("number"),
    Index(None, "found_ms", "id"),
    Index(None, "site_id", "found_ms", "id"),
    Index(None, "enterprise_id", "found_ms", "id"),
    Index("ix_hazards_ages", "state", "found_ms", "id", "deadline_ms", "site_id"),
    Index(None, "state", "deadline_ms"),
    Index(None, "closed_ms"),
    Index(None, "remind_ms"),
    Index("ix_hazards_people", "person", "state", "found_ms", "id", "site_id"),
    Index("ix_hazards_facets", "state", "grade", "source", "category", "is_listed", "site_id", "enterprise_id"),
    Index("ix_hazards_by_enterprise", "enterprise_id", "site_id", "state", "grade", "deadline_ms"),
    Index(None, "point_id"),
)
# which request made a hazard: asked again after a crash, it gives the same one
hazard_causes = Table("hazard_causes", metadata, _id("cause"), *_words("fingerprint", "hazard_id"), *_ms("at_ms"), Index(None, "at_ms"))
# stages of a deadline that were told: hazards.deadlines
hazard_reminders = Table(
    "hazard_reminders",
    metadata,
    _id("hazard_id"),
    _id("stage"),
    *_words("name"),
    *(Column(name, Integer, nullable=False) for name in ("level", "messages")),
    *_ms("at_ms"),
)
# photos and files; their content lies in the data directory under its hash
hazard_files = Table(
    "hazard_files",
    metadata,
    _id(),
    *_words("hazard_id", "sha256", "moment", "media_type", "name", "who"),
    *(Column(name, Integer, nullable=False) for name in ("bytes", "width", "height")),
    *_ms("at_ms"),
    Index(None, "hazard_id", "at_ms"),
    Index(None, "sha256"),
)
# links by which a rectifier without an account sees one hazard and submits it
hazard_links = Table(
    "hazard_links",
    metadata,
    _id(),
    *_words("hazard_id", "name", "made_by"),
    *_ms("made_ms", "expires_ms"),
    *_ms("revoked_ms", "used_ms", null=True),
    Index(None, "hazard_id"),
)
hazard_views = Table(
    "hazard_views",
    metadata,
    _id(),
    _refers("user_id", "users", ondelete="CASCADE"),
    *_words("name", "query"),  # query: JSON of the list's parameters
    _version(),
)
hazard_steps = Table(
    "hazard_steps",
    metadata,
    _id("hazard_id"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    *_words("act", "before", "after", "note"),
    *_words("who", null=True),
    *_ms("at_ms"),
)
hazard_alarms = Table(
    "hazard_alarms",
    metadata,
    _id("hazard_id"),
    _id("alarm_id"),
    Column("place", Integer, nullable=False),
    Index(None, "alarm_id"),
)
hazard_numbers = Table("hazard_numbers", metadata, _id("prefix"), Column("last", Integer, nullable=False))
# hazards wanted by linkages: written with the position, decided in a transaction of their own
hazard_wants = Table(
    "hazard_wants",
    metadata,
    _id("key"),
    *_words("alarm_id", "reason"),
    *_words("linkage_id", "hazard_id", null=True),
    *_ms("at_ms"),
    *_flags("is_decided"),
    Index(None, "is_decided", "at_ms"),
)

# -- audit: an append-only hash chain ----------------------------------------------------------------------------------

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    *_ms("at_ms"),
    *_words("what", "kind", "thing_id"),
    *_words("who", "before", "after", null=True),  # before, after: canonical JSON
    *_words("prev_hash", "hash"),
    Index(None, "kind", "thing_id", "id"),
    Index(None, "who", "id"),
    Index(None, "at_ms"),
)
audit_head = Table(
    "audit_head",
    metadata,
    Column("only", SmallInteger, primary_key=True, autoincrement=False),
    Column("last_id", BigInteger, nullable=False),
    *_words("hash"),
)
