"""Escalation and notification by the whole service: killed between steps, started again, every due step told once by real gateways."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import servers
from tests.app import kitchen
from tests.app.process import ServiceProcess, asked, eventually
from tests.faults.world import tell
from tests.notify.gateway_server import GatewayServer, gateway_server

pytestmark = [pytest.mark.wire, pytest.mark.slow]
PHONES = {"operator": "+8613800000001", "manager": "+8613800000002"}


def prepare(who: dict[str, httpx.Client], **steps: Any) -> None:
    """Contacts, and a policy with steps that a test can wait for."""
    manager = who["manager"]
    for role in PHONES:
        me = asked(who[role], "GET", "/me")["user"]["id"]
        asked(who[role], "PUT", f"/notifications/contacts/{me}", phone=PHONES[role], consents=["sms", "voice"])
    for shipped in ("escalate-fire", "escalate-gas", "escalate-electrical"):
        assert asked(manager, "GET", f"/escalations/{shipped}")["enabled"]
    asked(manager, "POST", "/escalations", id="kitchen", name="kitchen", site_id=kitchen.SITE, kinds=["gas"], **steps)


def alarm_of(client: httpx.Client) -> dict[str, Any]:
    found = [a for a in asked(client, "GET", "/alarms")["items"] if a["kind"] == "gas"]
    return asked(client, "GET", f"/alarms/{found[0]['id']}") if found else {}


def calls(gateway: GatewayServer) -> Counter[tuple[str, str]]:
    """How often each message (idempotency key) went to each number."""
    return Counter((each.json["to"], each.json["id"]) for each in gateway.asked if each.method == "POST")


def test_killed_between_steps_it_goes_on_and_tells_each_due_step_once(tmp_path: Path) -> None:
    with servers.mosquitto() as mosquitto, gateway_server(numbers_ids=True) as gateway:
        service = ServiceProcess(tmp_path, mqtt_url=mosquitto.url, sms_url=gateway.url, snapshot_s=1.0)
        kitchen.administrator(service)
        with service:
            who = kitchen.people(service)
            kitchen.furnish(who)
            steps = [
                {"after_s": after_s, "whom": [whom], "channels": ["sms"]}
                for after_s, whom in ((3, "role:operator"), (7, "role:manager"), (9, "role:operator"), (34, "role:manager"))
            ]
            prepare(who, unacknowledged=steps, unverified=[{"after_s": 36, "whom": ["role:manager"], "channels": ["sms"]}])
            tell(mosquitto.url, ("gas-1", {"lel": 60.0}))
            eventually(lambda: len(calls(gateway)) == 1, "the first step is told")
            service.kill()
            time.sleep(8.0)  # two steps fall due while nobody is there
            service.start()
            eventually(lambda: len(calls(gateway)) == 3, "what fell due meanwhile is told")
            service.kill()  # between two steps, right after a message
            service.start()
            operator, manager = (service.sign_in(role, kitchen.PASSWORD) for role in ("operator", "manager"))
            eventually(lambda: len(calls(gateway)) == 4, "the last step is told", 40.0)
            alarm = alarm_of(operator)
            standing = alarm["escalation"]
            assert (standing["state"], standing["next_at"], len(standing["told"])) == ("unacknowledged", None, 4)
            asked(operator, "POST", f"/alarms/{alarm['id']}/acknowledge", note="on my way")
            eventually(lambda: len(calls(gateway)) == 5, "the second ladder tells the manager", 30.0)
            asked(manager, "POST", f"/alarms/{alarm['id']}/verdict", verdict="true")
            over = eventually(lambda: (a := alarm_of(operator))["escalation"]["state"] == "over" and a, "the verdict ends it")
            time.sleep(2.0)
            told = calls(gateway)
            assert sorted(Counter(number for number, _ in told).items()) == [(PHONES["operator"], 2), (PHONES["manager"], 3)]
            assert set(told.values()) == {1}, "nothing is told twice"
            assert [d["state"] for d in over["deliveries"] if d["channel"] == "sms"] == ["sent"] * 5
            assert {d["to"] for d in over["deliveries"]} == {"+86****0001", "+86****0002"}


def test_a_key_pressed_in_the_call_acknowledges_and_ends_the_ladder(tmp_path: Path) -> None:
    with servers.mosquitto() as mosquitto, gateway_server(numbers_ids=True) as gateway:
        service = ServiceProcess(
            tmp_path, mqtt_url=mosquitto.url, voice_url=gateway.url, voice_secret="of the gateway", voice_acknowledge_digits="1"
        )
        kitchen.administrator(service)
        with service:
            who = kitchen.people(service)
            kitchen.furnish(who)
            step = {"whom": ["role:operator"], "channels": ["voice"]}
            prepare(who, unacknowledged=[{**step, "after_s": 1}, {**step, "after_s": 600}])
            tell(mosquitto.url, ("gas-1", {"lel": 60.0}))
            eventually(lambda: calls(gateway), "the operator is called")
            eventually(lambda: [d for d in alarm_of(who["operator"])["deliveries"] if d["state"] == "sent"], "it is marked as sent")
            with httpx.Client(base_url=f"{service.url}/api/v1") as far_end:
                path, receipt = "/notifications/receipts/voice", {"id": "m1", "state": "completed", "digits": "1"}
                assert far_end.post(path, json=receipt).status_code == 403
                assert far_end.post(path, json=receipt, headers={"Authorization": "Bearer wrong"}).status_code == 403
                answer = far_end.post(path, json=receipt, headers={"Authorization": "Bearer of the gateway"})
                assert answer.json() == {"known": 1, "acknowledged": 1}
                again = far_end.post(path, json=receipt, headers={"Authorization": "Bearer of the gateway"})
                assert again.json() == {"known": 1, "acknowledged": 0}
            alarm = alarm_of(who["operator"])
            assert (alarm["attention"], alarm["acknowledged_by"]["name"]) == ("acknowledged", "the operator")
            assert (alarm["escalation"]["state"], alarm["deliveries"][0]["state"]) == ("over", "answered")


def test_a_dead_channel_delays_no_other_and_the_doctor_names_it(tmp_path: Path) -> None:
    with servers.mosquitto() as mosquitto, servers.smtp_server() as mail, gateway_server(numbers_ids=True) as voice:
        service = ServiceProcess(
            tmp_path, mqtt_url=mosquitto.url, smtp_url=mail.url, sms_url=f"http://127.0.0.1:{servers.free_port()}", voice_url=voice.url
        )
        kitchen.administrator(service)
        with service:
            who = kitchen.people(service)
            kitchen.furnish(who)
            group = {"phones": ["+8613800000009"], "emails": ["duty@example.org"], "site_id": kitchen.SITE}
            asked(who["manager"], "POST", "/notifications/groups", id="night", name="night", **group)
            prepare(who, unacknowledged=[{"after_s": 1, "whom": ["group:night"]}])
            tell(mosquitto.url, ("gas-1", {"lel": 60.0}))
            eventually(lambda: mail.messages and calls(voice), "e-mail and call go out")
            assert mail.messages[0]["To"] == "duty@example.org"

            def states() -> dict[str, str]:
                return {d["channel"]: d["state"] for d in alarm_of(who["operator"])["deliveries"]}

            eventually(lambda: states() == {"email": "sent", "voice": "sent", "sms": "waiting"}, "the dead gateway's message waits")
            (waiting,) = asked(who["operator"], "GET", "/notifications?channel=sms&state=waiting")["items"]
            assert "refused" in waiting["last_error"]
            answer = asked(who["manager"], "POST", "/notifications/test", to="13800000000", channel="sms")
            assert answer["items"][0]["ok"] is False
            assert "refused" in answer["items"][0]["said"]
