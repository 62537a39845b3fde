"""`sitewarden backtest` on files of readings: findings as JSON lines, in whatever order the file is; clear lines for what is wrong."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from app import readings_file
from app.cli import main

RULE = """
id: hot
name: {zh: 高温, en: Hot}
kind: level
metric: temperature
above: [{limit: 60, severity: high, deadband: 3, hold_s: 30}, {limit: 80, severity: critical}]
clear_hold_s: 20
scope: {device_kinds: [heat], zones: [kitchen]}
"""
T0 = 1_700_000_000_000


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    file = tmp_path / "rule.yaml"
    file.write_text(RULE)
    return file


def readings(point: str) -> list[tuple[str, int, float]]:
    """70 degrees from 500 s to 1000 s, and 85 for a moment of it."""
    return [(point, T0 + i * 10_000, 70 + 15 * (70 <= i < 75) if 50 <= i < 100 else 20) for i in range(200)]


def written(file: Path, rows: list[tuple[str, int, float]], header: str = "point,taken_ms,value", line: str = "{0},{1},{2}") -> Path:
    file.write_text("\n".join([header, *(line.format(*row) for row in rows)]) + "\n")
    return file


def tried(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    assert main(["backtest", *map(str, arguments)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_findings_are_printed_as_json_lines(rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tried(capsys, rule, "--readings", written(tmp_path / "r.csv", readings("d1:temperature")))
    assert found == [
        {"point": "d1:temperature", "edge": "raised", "level": 0, "at_ms": T0 + 530_000, "value": 70.0},
        {"point": "d1:temperature", "edge": "stepped", "level": 1, "at_ms": T0 + 700_000, "value": 85.0},
        {"point": "d1:temperature", "edge": "stepped", "level": 0, "at_ms": T0 + 770_000, "value": 70.0},
        {"point": "d1:temperature", "edge": "cleared", "level": -1, "at_ms": T0 + 1_020_000, "value": 20.0},
    ]


def test_the_order_of_rows_and_columns_changes_nothing(
    rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = readings("d1:temperature") + readings("mall/d2:temperature.2") + readings("d3:humidity")
    in_order = tried(capsys, rule, "--readings", written(tmp_path / "a.csv", rows))
    random.Random(7).shuffle(rows)
    monkeypatch.setattr(readings_file, "MOST", 64)  # days of more readings are put in order by parts
    shuffled = written(tmp_path / "b.csv", rows, "value,taken_at,taken_ms,point", '{2},"2023, some day",{1},{0}')
    found = tried(capsys, rule, "--readings", shuffled)
    assert {line["point"] for line in found} == {"d1:temperature", "mall/d2:temperature.2"}
    key = lambda line: (line["at_ms"], line["point"], line["level"])  # noqa: E731
    assert sorted(found, key=key) == sorted(in_order, key=key)
    assert [line["at_ms"] for line in found] == sorted(line["at_ms"] for line in found)


def test_a_span_limits_what_is_read_and_how_far_time_goes(rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "r.csv", readings("d1:temperature"))
    found = tried(capsys, rule, "--readings", file, "--from", T0 + 600_000, "--to", "2023-11-14T22:25:00Z")  # T0 + 700 s
    assert [(line["edge"], line["at_ms"]) for line in found] == [("raised", T0 + 630_000)]


def test_readings_far_apart_do_not_break_a_hold_when_the_file_is_like_that(
    rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("d1:temperature", T0 + i * 600_000, 70.0) for i in range(20)]
    rule.write_text(RULE.replace("hold_s: 30", "hold_s: 1500"))
    found = tried(capsys, rule, "--readings", written(tmp_path / "r.csv", rows))
    assert [(line["edge"], line["at_ms"]) for line in found] == [("raised", T0 + 1_500_000)]


def test_silence_is_of_the_device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = tmp_path / "rule.yaml"
    rule.write_text("id: quiet\nname: quiet\nkind: silence\nintervals: 2.5\nseverity: low\n")
    rows = [("mall/d1:temperature", T0 + i * 10_000, 1.0) for i in range(100) if not 40 <= i < 70]
    found = tried(capsys, rule, "--readings", written(tmp_path / "r.csv", rows))
    assert [(line["point"], line["edge"], line["at_ms"]) for line in found] == [
        ("device:mall/d1", "raised", T0 + 390_000 + 180_000),
        ("device:mall/d1", "cleared", T0 + 700_000),
    ]


def test_devices_of_one_name_at_two_sites_are_two(rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = readings("mall/d:temperature") + [("plant/d:temperature", at, 20.0) for _, at, _ in readings("")]
    found = tried(capsys, rule, "--readings", written(tmp_path / "r.csv", rows))
    assert {line["point"] for line in found} == {"mall/d:temperature"}


def test_one_rule_of_several_is_named(rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = RULE.replace("id: hot", "id: hotter").replace("limit: 60", "limit: 75")
    both = "".join("- " + text.strip().replace("\n", "\n  ") + "\n" for text in (RULE, other))
    rule.write_text(both)
    file = written(tmp_path / "r.csv", readings("d1:temperature"))
    assert main(["backtest", str(rule), "--readings", str(file)]) == 1
    assert "2 rules (hot, hotter): say which with --rule" in capsys.readouterr().err
    assert tried(capsys, rule, "--rule", "hotter", "--readings", file)[0]["value"] == 85.0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty; its first line must name the columns point, taken_ms, value"),
        ("point,taken_ms\na:b,1\n", "line 1: there is no column value"),
        ("point,taken_ms,value\na:b,1,2\n\na:b,x,2\n", "line 4: taken_ms 'x': must be a whole number of milliseconds"),
        ("point,taken_ms,value\na:b,1,2\na:b,2,\n", "line 3: value '': must be a number"),
        ("point,taken_ms,value\na:b,1,nan\n", "line 2: value nan: must be a finite number"),
        ("point,taken_ms,value\na:b,1,2\na:b,3\n", "line 3: 2 columns, where the first line has 3"),
        ("point,taken_ms,value\nab,1,2\n", "line 2: point 'ab': must be DEVICE:METRIC or SITE/DEVICE:METRIC"),
        ("point,taken_ms,value\na:b,-5,2\n", "line 2: taken_ms -5"),
        ('point,taken_ms,value\n"a\nb:c",5,2\n', "line 3: point"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(
    content: str, said: str, rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.csv"
    file.write_text(content)
    assert main(["backtest", str(rule), "--readings", str(file)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [("kind: [", "is not YAML"), (RULE.replace("limit: 60", "limit: hot"), "above[0].limit"), ("[]", "0 rules (nothing)")],
)
def test_a_rule_that_cannot_be_meant_is_refused(
    content: str, said: str, rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule.write_text(content)
    assert main(["backtest", str(rule), "--readings", str(written(tmp_path / "r.csv", []))]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--from", "5", "--to", "5"], ["--from", "yesterday", "--to", "5"]])
def test_arguments_that_do_not_go_together_are_bad_usage(arguments: list[str], rule: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["backtest", str(rule), *arguments])
    assert left.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_a_file_without_a_point_of_the_rule_says_so(rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", str(rule), "--readings", str(written(tmp_path / "r.csv", readings("d1:humidity")))]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no point there is one that rule hot looks at" in captured.err
