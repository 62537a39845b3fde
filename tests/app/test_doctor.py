"""`sitewarden doctor` against real brokers: what it must warn of before commanding is switched on."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.doctor import broker_verdict, examine
from app.settings import SettingsError, load
from tests.notify.gateway_server import gateway_server
from tests.servers import find_binary, free_port, mosquitto, smtp_server

pytestmark = pytest.mark.wire


def report(capsys: pytest.CaptureFixture[str], tmp_path: Path, url: str) -> tuple[int, str]:
    status = examine(load(mqtt_url=url, data_dir=tmp_path, historian_url="memory://"))
    return status, capsys.readouterr().out


def test_an_open_broker_is_bad_because_anybody_can_give_orders_and_pretend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mosquitto() as broker:
        status, said = report(capsys, tmp_path, broker.url)
    assert status == 1
    for what in ("commands", "replies", "another device's telemetry"):
        assert f"an anonymous client can publish {what}" in said


def test_the_in_flight_window_is_measured_and_with_mqtt_5_it_is_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mosquitto("max_inflight_messages 20") as broker:
        _, said = report(capsys, tmp_path, broker.url)
    assert "MQTT 5" in said
    assert "sends at least 40 messages before it wants an acknowledgement" in said


def test_a_broker_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = report(capsys, tmp_path, "mqtt://127.0.0.1:9")
    assert status == 1
    assert "bad   broker     cannot be reached" in said


def test_the_embedded_broker_is_for_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = report(capsys, tmp_path, "embedded://127.0.0.1:1883")
    assert status == 0
    assert "for trials only" in said


def test_every_channel_is_looked_at_and_nothing_is_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with smtp_server() as mail, gateway_server() as sms:
        settings = load(
            mqtt_url="embedded://127.0.0.1:1883",
            data_dir=tmp_path,
            historian_url="memory://",
            smtp_url=mail.url,
            sms_url=f"{sms.url}/send?key=s3cret",
            sms_headers={"Authorization": "Bearer s3cret"},
            voice_url=f"http://127.0.0.1:{free_port()}",
            voice_acknowledge_digits="1",
            webhook_secret="s3cret",
        )
        status = examine(settings)
        said = capsys.readouterr().out
    assert (status, mail.messages, sms.asked) == (1, [], [])
    assert f"ok    mail       reached 127.0.0.1:{mail.port} without TLS" in said
    assert "ok    sms        the gateway 127.0.0.1" in said
    assert "bad   voice      the gateway 127.0.0.1 cannot be reached" in said
    assert "nobody hears what was delivered" in said
    assert "s3cret" not in said


def test_a_mail_server_that_is_away_is_bad_and_none_is_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"mqtt_url": "embedded://127.0.0.1:1883", "data_dir": tmp_path, "historian_url": "memory://"}
    assert examine(load(**given, smtp_url=f"smtp://127.0.0.1:{free_port()}")) == 1
    assert "bad   mail" in capsys.readouterr().out
    assert examine(load(**given)) == 0
    assert "note  mail       no SITEWARDEN_SMTP_URL" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sms_url": "tel:110"}, "http:// or https://"),
        ({"sms_states": {"ok": "done"}}, "sms_states"),
        ({"voice_acknowledge_digits": "one"}, "voice_acknowledge_digits"),
        ({"sms_headers": "Bearer s3cret"}, r"given \*\*\*"),
    ],
)
def test_a_gateway_that_cannot_be_meant_is_refused_without_telling_its_secret(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        load(**given)
    assert "s3cret" not in str(refused.value)


def test_commanding_may_be_switched_on_only_where_strangers_can_publish_nothing(tmp_path: Path) -> None:
    with mosquitto() as broker:
        verdict = broker_verdict(load(mqtt_url=broker.url, data_dir=tmp_path))
    assert not verdict.is_safe
    assert len(verdict.words) == 3
    assert verdict.words_zh


def test_a_broker_that_refuses_strangers_is_safe(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(0o600)
    subprocess.run([find_binary("mosquitto_passwd"), "-b", str(passwords), "service", "s3cret"], check=True, capture_output=True)
    with mosquitto(f"allow_anonymous false\npassword_file {passwords}") as broker:
        url = broker.url.replace("mqtt://", "mqtt://service:s3cret@")
        verdict = broker_verdict(load(mqtt_url=url, data_dir=tmp_path))
    assert verdict.is_safe, verdict.words


def test_the_embedded_broker_is_safe_only_with_users(tmp_path: Path) -> None:
    assert not broker_verdict(load(mqtt_url="embedded://127.0.0.1:1883", data_dir=tmp_path)).is_safe
    users = tmp_path / "users"
    users.write_text("service:s3cret\n")
    assert broker_verdict(load(mqtt_url="embedded://127.0.0.1:1883", data_dir=tmp_path, mqtt_users=users)).is_safe


def test_a_bench_may_go_without_the_check_and_says_so(tmp_path: Path) -> None:
    verdict = broker_verdict(load(mqtt_url="embedded://127.0.0.1:1883", data_dir=tmp_path, commanding_unchecked=True))
    assert verdict.is_safe
    assert "not checked" in verdict.words[0]
