"""The outbox, contacts, groups and templates, alike on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alarms.contacts import Contact, Endpoint, Group
from alarms.linkage import NotifyWanted
from alarms.queries import DeliveryQuery, Wording
from rules.model import Severity
from sites.records import Conflict, NotFound
from storage import project
from storage.database import writing
from storage.outbox import MOST_CRITICAL, SETTLED_MS, SqlOutbox
from storage.projection import Outcome
from storage.records import Records
from tests.storage.records_samples import NOON, USER, alarm, plant_tree, raised


@pytest.fixture
def house(records: Records) -> Records:
    if not records.all_things("site"):
        plant_tree(records)
    records.save_user(USER, "t", NOON)
    return records


def want(records: Records, count: int = 1, all_critical: bool = False, **more: str) -> None:
    alarms = [alarm(f"a{n:02d}", severity=Severity.CRITICAL if all_critical or n == 3 else Severity.LOW) for n in range(count)]
    given = {"to": "138", "channel": "sms", **more}
    wanted = [
        NotifyWanted(key=f"k{n:02d}", linkage_id="", alarm_id=a.id, alarm_seq=a.seq, at_ms=NOON + n, **given) for n, a in enumerate(alarms)
    ]
    with writing(records.engine) as connection:
        project.apply(connection, [Outcome(position=1, now_ms=NOON, transitions=[raised(a) for a in alarms], notifies=wanted)])


def test_a_flood_is_folded_and_listed(house: Records) -> None:
    want(house, 30)
    outbox = SqlOutbox(house.engine)
    assert outbox.fold("email", NOON, 5) == 0
    assert (outbox.fold("sms", NOON, 5), outbox.fold("sms", NOON, 5)) == (29, 0)
    due = outbox.due(NOON + 100, 50, "sms")
    assert [message.severity for message in due] == [int(Severity.CRITICAL), int(Severity.LOW)]
    digest = due[1].digest
    assert digest is not None
    assert (digest.count, digest.by_severity, digest.from_ms, digest.to_ms) == (29, {int(Severity.LOW): 29}, NOON, NOON + 29)
    assert digest.places == (("商场 厨房", 29),)
    page = house.notifications(DeliveryQuery(state="folded", digest_key=due[1].key, limit=20), frozenset({"mall"}))
    rest = house.notifications(DeliveryQuery(state="folded", cursor=page.next_cursor, limit=20), None)
    assert (len(page.items), len(rest.items), rest.next_cursor) == (20, 9, None)
    assert house.notifications(DeliveryQuery(), frozenset({"plant"})).items == []
    assert house.notification_counts(None) == {"sms": {"folded": 29, "waiting": 2}}


def test_of_a_storm_of_critical_alarms_the_first_go_out_on_their_own_and_the_rest_in_one_digest(house: Records) -> None:
    want(house, 50, all_critical=True)
    outbox = SqlOutbox(house.engine)
    assert (outbox.fold("sms", NOON + 60, 5), outbox.fold("sms", NOON + 60, 5)) == (20, 0)
    due = outbox.due(NOON + 100, 100, "sms")
    single = [message for message in due if message.digest is None]
    assert sorted(message.key for message in single) == [f"k{n:02d}" for n in range(MOST_CRITICAL)]
    (digest,) = [message.digest for message in due if message.digest is not None]
    assert (digest.count, digest.by_severity) == (20, {int(Severity.CRITICAL): 20})


def test_receipts_go_forward_only(house: Records) -> None:
    want(house)
    outbox = SqlOutbox(house.engine)
    outbox.mark_sent("k00", NOON + 1, "m1", "queued")
    assert outbox.unsettled("sms", NOON + 2, 10) == [("m1", 0)]
    assert outbox.unsettled("sms", NOON + 2 + SETTLED_MS, 10) == []
    states = []
    for state in ("sent", "delivered", "sent", "answered", "delivered", "failed"):
        done = outbox.settle("sms", "m1", state, state, NOON + 9, None)
        assert done is not None
        states.append(done.state)
    assert states == ["sent", "delivered", "delivered", "answered", "answered", "answered"]
    assert outbox.settle("voice", "m1", "failed", "", NOON, None) is None
    assert outbox.settle("sms", "", "failed", "", NOON, None) is None


def test_contacts_and_groups_have_versions_and_the_audit_has_no_secret(house: Records) -> None:
    contact = house.save_contact(Contact(user_id="u1", phone="13812345678", chat_url="feishu://secret-key-1"), "t", NOON)
    assert house.contact("u1") == contact
    with pytest.raises(Conflict):
        house.save_contact(replace(contact, version=7), "t", NOON)
    endpoint = Endpoint(id="e", channel="webhook", url="https://x.example/secret-path", secret="secret-sign")
    group = house.save_notify_group(Group(id="g", name="g", site_id="mall", endpoints=(endpoint,)), "t", NOON, is_new=True)
    with pytest.raises(Conflict):
        house.save_notify_group(group, "t", NOON, is_new=True)
    with pytest.raises(NotFound):
        house.save_notify_group(replace(group, id="h"), "t", NOON, is_new=False)
    assert [each.id for each in house.notify_groups(frozenset({"mall"}))] == ["g"]
    assert house.notify_groups(frozenset({"plant"})) == []
    want(house, recipient="group:g", channel="", to="")
    (due,) = SqlOutbox(house.engine).due(NOON, 5, "webhook")
    assert (due.to, due.address, due.secret) == ("group:g#e", "https://x.example/secret-path", "secret-sign")
    house.delete_notify_group("g", "t", NOON)
    (gone,) = SqlOutbox(house.engine).due(NOON, 5, "webhook")
    assert (gone.address, gone.secret) == ("", "")
    assert house.audit_break() is None


def test_templates_of_ones_own_come_and_go(house: Records) -> None:
    kept = house.save_wording(Wording(channel="sms", language="zh", body="{rule}"), "t", NOON)
    assert house.wordings() == [kept]
    with pytest.raises(Conflict):
        house.save_wording(Wording(channel="sms", language="zh", body="{site}"), "t", NOON)
    house.save_wording(replace(kept, body="{site}"), "t", NOON)
    house.delete_wording("sms", "zh", "t", NOON)
    assert house.wordings() == []
