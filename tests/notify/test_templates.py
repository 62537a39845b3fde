"""The words of a message: both languages, the site's own time, and nothing that breaks out of its line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alarms.model import Signal
from alarms.queries import Wording
from notify import fields, templates
from rules.model import Severity
from tests.storage.records_samples import alarm, raised


@pytest.mark.parametrize(
    ("severity", "words"),
    [(Severity.CRITICAL, "紧急 Critical"), (Severity.HIGH, "重要 High"), (Severity.LOW, "次要 Low"), (Severity.INFO, "提示 Info")],
)
def test_the_subject_begins_with_the_severity(severity: Severity, words: str) -> None:
    assert templates.subject(raised(alarm(severity=severity))) == f"[{words}] 可燃气体 Gas · 商场 厨房 探测器 1"


def test_a_late_alarm_says_so_first() -> None:
    transition = raised(alarm(is_late=True))
    assert templates.subject(transition).startswith("[重要 High] 补传 late, ")
    assert "补传 Late: 读数迟到 the reading came late\n" in templates.body(transition, "UTC")


def test_the_body_tells_what_where_how_much_and_when_at_the_site() -> None:
    text = templates.body(replace(raised(alarm(count=3)), note="查看"), "Asia/Shanghai")
    assert text.splitlines() == [
        "事件 Change: 报警 raised",
        "级别 Severity: 重要 High",
        "规则 Rule: 可燃气体 Gas",
        "位置 Place: 商场 / 厨房 / 探测器 1",
        "测值 Value: lel 27.1 %LEL (限值 limit 25 %LEL)",
        "时间 Time: 2026-11-22 12:00:00 CST",
        "首次报警 Raised: 2026-11-22 12:00:00 CST",
        "状态 State: 报警中 active, 未接警 unacknowledged",
        "次数 Count: 3",
        "备注 Note: 查看",
        "编号 Alarm: a1",
    ]


@pytest.mark.parametrize("timezone", ["", "Nowhere/Land", "../../etc/passwd", "UTC"])
def test_an_unknown_zone_is_told_in_utc(timezone: str) -> None:
    assert "时间 Time: 2026-11-22 04:00:00 UTC\n" in templates.body(raised(alarm()), timezone)


def test_names_cannot_begin_a_header_or_a_line() -> None:
    hostile = raised(alarm(device_name="x\r\nBcc: everyone@example.org\u2028y\0\u202e", rule_name="", rule_name_en="", value=None))
    assert templates.subject(hostile) == "[重要 High] gas · 商场 厨房 x Bcc: everyone@example.org y"
    assert not any(line.startswith("Bcc") for line in templates.body(hostile, "UTC").splitlines())


def test_every_signal_and_severity_has_its_words() -> None:
    assert set(fields.SIGNALS) == {signal.value for signal in Signal}
    assert set(fields.SEVERITIES) == set(Severity)


# -- templates of the house's own ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["{rule.__class__}", "{rule!r}", "{rule:>1000000}", "{0}", "{}", "{unknown}", "{rule", "rule}", "{{rule}", "{rule[0]}", "x" * 4_001],
)
def test_a_template_runs_nothing_and_says_what_is_wrong(text: str) -> None:
    with pytest.raises(templates.TemplateError):
        templates.check(text)


def test_braces_may_be_written_and_a_line_without_words_is_left_out() -> None:
    words = fields.field_words(raised(alarm()), "Asia/Shanghai", "en")
    assert templates.fill("{{{rule}}}\nnote: {note}\nend", words) == "{Gas}\nend"


def test_the_words_of_people_are_not_filled_again() -> None:
    hostile = raised(alarm(rule_name="{alarm}", rule_name_en=""))
    assert templates.fill("{rule}", fields.field_words(hostile, "UTC", "zh")) == "{alarm}"


@pytest.mark.parametrize("language", fields.LANGUAGES)
@pytest.mark.parametrize("channel", templates.CHANNELS)
def test_every_channel_has_words_in_every_language(channel: str, language: str) -> None:
    cause = "escalation:fire:1:unacknowledged:1:2"
    made = templates.Templates(base_url="https://house.example").compose(channel, language, raised(alarm()), "Asia/Shanghai", cause)
    if channel in ("email", "chat", "webhook"):
        assert "https://house.example/alarms/a1" in made.text
    if language != "en":
        assert "升级第 2 步" in made.text or channel == "sms"
    if language == "en":
        assert "报警" not in made.text


def test_a_short_message_is_one_part_and_begins_with_what_matters() -> None:
    long = raised(alarm(rule_name="可燃气体浓度超过高限值并且持续上升", zone_name="三层餐饮区域后厨操作间", device_name="探测器" * 10))
    text = templates.Templates().compose("sms", "zh", long, "Asia/Shanghai").text
    assert text.startswith("[重要] 可燃气体浓度超过高限值并且持续上升 三层餐饮区域后厨操作间")
    assert (templates.sms_parts(text), text[-1]) == (1, "…")


@pytest.mark.parametrize(
    ("text", "parts"),
    [("", 0), ("a" * 160, 1), ("a" * 161, 2), ("气" * 70, 1), ("气" * 71, 2), ("气" * 135, 3), ("🔥" * 35, 1), ("🔥" * 36, 2)],
)
def test_parts_are_counted_as_the_network_does(text: str, parts: int) -> None:
    assert templates.sms_parts(text) == parts


def test_the_houses_own_words_replace_the_shipped_ones() -> None:
    own = Wording(channel="sms", language="zh", body="{site}{zone}：{rule}，{value}", version=1)
    made = templates.Templates([own]).compose("sms", "zh", raised(alarm()), "Asia/Shanghai")
    assert made.text == "商场厨房：可燃气体，lel 27.1 %LEL (限值 25 %LEL)"
