"""Every command: help, exit status 2 on bad usage, 1 otherwise with one clear line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main
from app.configuration import Configuration
from app.opening import RecordsOpening
from app.registering import import_file
from app.settings import Settings
from sites.model import District, Enterprise, Site, Zone
from storage.records import Records

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ["demo", "serve", "simulate", "publish", "decode", "db", "users", "devices", "history", "doctor"]


def sitewarden(*arguments: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    env = {name: value for name, value in os.environ.items() if not name.startswith("SITEWARDEN_")} | environment
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        input=given,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=env,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_status:
        main([command, "--help"])
    assert exit_status.value.code == 0
    assert "usage: sitewarden" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["fly"], ["publish"], ["db", "downgrade"], ["users", "add", "x", "--role", "king"]])
def test_bad_usage_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_status:
        main(arguments)
    assert exit_status.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["publish", "demo-gas", "lel"], "'lel' is no reading; give METRIC=VALUE"),
        (["publish", "demo-gas", "lel=nan"], "'lel=nan' is no reading"),
        (["publish", "a b", "lel=1"], "must be 1 to 64 characters"),
        (["publish", "d", "lel=1", "--mqtt", "amqp://x"], "amqp"),
        (["decode"], "either a TOPIC"),
        (["decode", "t", "--file", "/nowhere/at/all"], "No such file"),
        (["simulate", "moon"], "no scenario is called moon; there are mall, factory, crowd"),
        (["demo", "--speed", "0"], "must be above 0"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_1(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_decode_shows_readings_and_refusals_of_each_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "messages.jsonl"
    lines = [
        {"topic": "sitewarden/v1/mall/k1/telemetry", "payload": '{"ts": 1700000000, "values": {"lel": 12.5, "note": "x"}}'},
        {"topic": "zigbee2mqtt/Küche/plug", "payload": {"state": "OFF", "power": 0}},
        {"topic": "nobody/knows", "payload": "{}"},
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines))
    assert main(["decode", "--jsonl", str(file)]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[0]["readings"] == [{"metric": "lel", "value": 12.5, "unit": "%LEL", "taken_ms": 1_700_000_000_000}]
    assert told[0]["refusals"] == [{"reason": "note is text, not a number"}]
    assert {reading["metric"]: reading["value"] for reading in told[1]["readings"]} == {"closed": 0.0, "power_w": 0.0}
    assert (told[2]["codec"], len(told[2]["refusals"])) == (None, 1)


def test_a_bad_line_to_decode_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "messages.jsonl"
    file.write_text('{"topic": "a", "payload": "{}"}\nnot json\n')
    assert main(["decode", "--jsonl", str(file)]) == 1
    assert "line 2" in capsys.readouterr().err


def test_people_are_added_once_and_get_a_new_password(tmp_path: Path) -> None:
    data = {"SITEWARDEN_DATA_DIR": str(tmp_path)}
    added = sitewarden("users", "add", "alice", "--role", "administrator", given="correct horse\n", **data)
    assert (added.returncode, added.stdout) == (0, "alice may sign in as administrator on all\n")
    again = sitewarden("users", "add", "alice", "--role", "operator", given="correct horse\n", **data)
    assert (again.returncode, "is taken" in again.stderr) == (1, True)
    assert sitewarden("users", "passwd", "alice", given="battery staple\n", **data).returncode == 0
    unknown = sitewarden("users", "passwd", "bob", given="battery staple\n", **data)
    assert (unknown.returncode, "known are alice" in unknown.stderr) == (1, True)
    short = sitewarden("users", "passwd", "alice", given="short\n", **data)
    assert (short.returncode, "at least 8" in short.stderr) == (1, True)


def test_doctor_prints_settings_without_secrets_and_says_what_cannot_be_reached(tmp_path: Path) -> None:
    told = sitewarden(
        "doctor",
        SITEWARDEN_DATA_DIR=str(tmp_path),
        SITEWARDEN_HISTORIAN_URL="influxdb://hush@127.0.0.1:9/o/b",
        SITEWARDEN_RECORDS_URL="postgresql+psycopg://u:hush@127.0.0.1:9/d",
    )
    assert told.returncode == 1
    assert "hush" not in told.stdout + told.stderr
    assert "bad   records" in told.stdout
    assert "bad   historian" in told.stdout


def test_an_unknown_setting_stops_every_command_with_one_line() -> None:
    told = sitewarden("doctor", SITEWARDEN_SCAN_MIM_MS="5")
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "SITEWARDEN_SCAN_MIM_MS" in told.stderr


def filled(folder: Path) -> None:
    records = Records.open(f"sqlite:///{folder}/records.db")
    records.upgrade()
    for thing in (
        District(id="d", name="d"), Enterprise(id="e", district_id="d", name="e"), Site(id="mall", enterprise_id="e", name="商场"),
        Zone(id="kitchen", site_id="mall", name="厨房"),
    ):  # fmt: skip
        records.insert(type(thing).__name__.lower(), thing, "t", 0)
    records.close()


def test_devices_are_imported_whole_or_not_at_all_and_exported_again(tmp_path: Path) -> None:
    filled(tmp_path)
    data = {"SITEWARDEN_DATA_DIR": str(tmp_path)}
    file, out = tmp_path / "in.csv", tmp_path / "out.xlsx"
    file.write_text("site_id,zone_id,name,kind,address\n商场,厨房,燃气,gas,mall/g1\n商场,厨房,烟感,toaster,mall/s1\n", encoding="utf-8")
    refused = sitewarden("devices", "import", str(file), **data)
    assert refused.returncode == 1
    assert "row 3, kind: given 'toaster'; allowed: one of smoke, heat" in refused.stderr
    file.write_text(file.read_text("utf-8").replace("toaster", "感烟探测器"), encoding="utf-8")
    assert "2 new, 0 changed, 0 the same; nothing was changed" in sitewarden("devices", "import", str(file), "--dry-run", **data).stdout
    assert "2 new" in sitewarden("devices", "import", str(file), **data).stdout
    assert "2 devices and circuits" in sitewarden("devices", "export", str(out), "--language", "zh", **data).stdout
    assert "0 new, 0 changed, 2 the same" in sitewarden("devices", "import", str(out), **data).stdout
    assert "neither .csv nor .xlsx" in sitewarden("devices", "export", str(tmp_path / "out.pdf"), **data).stderr


def test_a_running_service_takes_in_what_the_command_line_imports(tmp_path: Path) -> None:
    filled(tmp_path)
    records = Records.open(f"sqlite:///{tmp_path}/records.db")
    configuration, put = Configuration(), []
    opening = RecordsOpening(records, configuration, put.append, Nothing(), lambda: 0, lambda _: None)
    opening.start()
    opening.stop()
    for change in put:
        configuration.apply(change)
    put.clear()
    opening.follow()
    assert put == []
    file = tmp_path / "in.csv"
    file.write_text("site_id,zone_id,name,kind,address\nmall,kitchen,gas,gas,mall/g1\n", encoding="utf-8")
    import_file(Settings(data_dir=tmp_path), file, dry_run=False)
    opening.follow()
    assert [(change.kind, change.id) for change in put] == [("device", "g1")]
    opening.follow()
    assert len(put) == 1
    records.close()


class Nothing:
    """A projector with nothing to do."""

    def start(self) -> None: ...
