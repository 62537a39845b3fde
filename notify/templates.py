"""The words of messages, per channel and language: templates with fields in braces, filled without running anything.

A template is plain text with `{field}`; nothing else may stand in the braces. A line all of whose fields are empty is left out. Templates
of the house's own replace the shipped ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Protocol

from alarms.model import Transition
from alarms.notices import Notice
from alarms.queries import Wording
from notify.fields import FIELDS, LANGUAGES, SEVERITIES, field_words, local, one_line
from rules.model import Severity

CHANNELS = ("email", "sms", "voice", "chat", "webhook")
MOST_LONG = 4_000
ONE_SMS, SMS_PART = 70, 67  # UCS-2 letters of a short message, and of each part of a longer one (3GPP TS 23.040)
ONE_GSM, GSM_PART = 160, 153

_LINES = (
    ("change", "事件", "Change"),
    ("severity", "级别", "Severity"),
    ("rule", "规则", "Rule"),
    ("place", "位置", "Place"),
    ("value", "测值", "Value"),
    ("time", "时间", "Time"),
    ("raised", "首次报警", "Raised"),
    ("state", "状态", "State"),
    ("count", "次数", "Count"),
    ("late", "补传", "Late"),
    ("why", "通知原因", "Why you"),
    ("note", "备注", "Note"),
    ("alarm", "编号", "Alarm"),
    ("link", "链接", "Link"),
)
_BODY = {
    "zh": "".join(f"{zh}：{{{field}}}\n" for field, zh, _ in _LINES),
    "en": "".join(f"{en}: {{{field}}}\n" for field, _, en in _LINES),
    "both": "".join(f"{zh} {en}: {{{field}}}\n" for field, zh, en in _LINES),
}
_SUBJECT = "[{severity}] {late_short}{rule} · {site} {zone} {device}"
_SHORT = "[{severity}] {rule} {zone} {device} {value} {clock} {why}"
_CHAT = {
    "zh": "[{severity}] {late_short}{rule}\n位置：{place}\n测值：{value}\n时间：{time}\n{why}\n{link}",
    "en": "[{severity}] {late_short}{rule}\nPlace: {place}\nValue: {value}\nTime: {time}\n{why}\n{link}",
    "both": "[{severity}] {late_short}{rule}\n位置 Place: {place}\n测值 Value: {value}\n时间 Time: {time}\n{why}\n{link}",
}
_VOICE_ZH = "{severity}报警。{site}，{zone}，{device}，{rule}。{clock}发生。{why}。"
_VOICE_EN = "{severity} alarm. {site}, {zone}, {device}: {rule}. At {clock}. {why}."

SHIPPED: Mapping[tuple[str, str], Wording] = {
    (wording.channel, wording.language): wording
    for language in LANGUAGES
    for wording in (
        Wording(channel="email", language=language, subject=_SUBJECT, body=_BODY[language]),
        Wording(channel="sms", language=language, body=_SHORT),
        Wording(channel="chat", language=language, subject="[{severity}] {rule}", body=_CHAT[language]),
        Wording(channel="webhook", language=language, subject=_SUBJECT, body=_BODY[language]),
        Wording(channel="voice", language=language, body={"zh": _VOICE_ZH, "en": _VOICE_EN}.get(language, _VOICE_ZH + " " + _VOICE_EN)),
    )
}


class TemplateError(ValueError):
    """What is wrong with a template, where, and what would be allowed."""


class Folded(Protocol):
    """A digest, as the outbox gives it."""

    @property
    def count(self) -> int: ...
    @property
    def by_severity(self) -> Mapping[int, int]: ...
    @property
    def from_ms(self) -> int: ...
    @property
    def to_ms(self) -> int: ...
    @property
    def places(self) -> tuple[tuple[str, int], ...]: ...


@dataclass(frozen=True, slots=True)
class Composed:
    """A message as it goes out."""

    subject: str
    text: str


def check(text: str) -> None:
    """Raises TemplateError for anything but plain text with known fields."""
    if len(text) > MOST_LONG:
        raise TemplateError(f"a template has at most {MOST_LONG} characters, this has {len(text)}")
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise TemplateError(f"the braces do not fit ({error}): write {{{{ and }}}} for braces themselves") from None
    for _, field, spec, conversion in parts:
        if field is None:
            continue
        if spec or conversion or field not in FIELDS:
            shown = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise TemplateError(f"{{{shown}}} is no field; there are {', '.join(f'{{{name}}}' for name in FIELDS)}")


def fill(text: str, words: Mapping[str, str]) -> str:
    """The template with its fields' words. Raises TemplateError."""
    check(text)
    lines = []
    for line in text.split("\n"):
        named = [field for _, field, _, _ in Formatter().parse(line) if field is not None]
        if named and not any(words[field].strip() for field in named):
            continue
        lines.append("".join(before + (words[field] if field is not None else "") for before, field, _, _ in Formatter().parse(line)))
    return "\n".join(lines)


class Templates:
    """The words in force: shipped ones, and the house's own in their place."""

    def __init__(self, own: Iterable[Wording] = (), base_url: str = "") -> None:
        self._own = {(wording.channel, wording.language): wording for wording in own}
        self._base_url = base_url

    def wording(self, channel: str, language: str) -> Wording:
        """An unknown language is `both`."""
        language = language if language in LANGUAGES else "both"
        return self._own.get((channel, language)) or SHIPPED[channel, language]

    def compose(self, channel: str, language: str, transition: Transition, timezone: str, cause: str = "") -> Composed:
        """Raises TemplateError only for a template that was never checked."""
        language = language if language in LANGUAGES else "both"
        wording = self.wording(channel, language)
        words = field_words(transition, timezone, language, cause, self._base_url)
        text = fill(wording.body, words)
        if channel == "sms":
            text = one_line(text)
            if (channel, language) not in self._own:
                text = _shortened(text)
        elif channel == "voice":
            text = one_line(text).replace(" .", ".").replace("。。", "。").replace(". .", ".").strip()
        return Composed(one_line(fill(wording.subject, words)), text)


def digest(folded: Folded, channel: str, language: str, timezone: str) -> Composed:
    """What a folded message says: how many, how bad, when and where most of them are."""
    zh_by = "，".join(f"{SEVERITIES[Severity(s)][0]} {n}" for s, n in sorted(folded.by_severity.items(), reverse=True))
    en_by = ", ".join(f"{n} {SEVERITIES[Severity(s)][1].lower()}" for s, n in sorted(folded.by_severity.items(), reverse=True))
    begin, end = local(folded.from_ms, timezone), local(folded.to_ms, timezone)
    zh, en = f"报警汇总 {folded.count} 条（{zh_by}）", f"{folded.count} alarm messages ({en_by})"
    head = {"zh": zh, "en": en}.get(language, f"{zh} {en}")
    if channel in ("sms", "voice"):
        return Composed("", one_line(f"{head} {begin[11:16]}-{end[11:16]} {folded.places[0][0] if folded.places else ''}"))
    lines = [head, f"{begin} - {end}", *(f"{place}: {number}" for place, number in folded.places)]
    worst = SEVERITIES[Severity(max(folded.by_severity, default=0))]
    named = {"zh": worst[0], "en": worst[1]}.get(language, " ".join(worst))
    return Composed(one_line(f"[{named}] {head}"), "\n".join(map(one_line, lines)) + "\n")


def notice(told: Notice, channel: str) -> Composed:
    """Words that came ready, in the channel's shape."""
    if channel == "sms":
        return Composed("", _shortened(one_line(told.subject)))
    if channel == "voice":
        return Composed("", one_line(told.subject))
    return Composed(one_line(told.subject), "\n".join(map(one_line, told.text.split("\n"))))


def sms_parts(text: str) -> int:
    """How many short messages a text takes."""
    if not text:
        return 0
    one, part = (ONE_GSM, GSM_PART) if text.isascii() else (ONE_SMS, SMS_PART)
    units = len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
    return 1 if units <= one else -(-units // part)


def subject(transition: Transition) -> str:
    """An e-mail's one line as shipped, in both languages."""
    return Templates().compose("email", "both", transition, "UTC").subject


def body(transition: Transition, timezone: str) -> str:
    """An e-mail's text as shipped, in both languages."""
    return Templates().compose("email", "both", transition, timezone).text


def _shortened(text: str) -> str:
    """Into one part: what comes first matters most."""
    most = ONE_GSM if text.isascii() else ONE_SMS
    if sms_parts(text) <= 1:
        return text
    mark = "..." if text.isascii() else "…"
    while sms_parts(text + mark) > 1:
        text = text[: min(len(text) - 1, most)]
    return text.rstrip() + mark
