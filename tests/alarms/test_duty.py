"""Duty rosters: shifts over midnight and clock changes, changed days, too few people, and what a roster may not be."""

from __future__ import annotations

from typing import Any

import pytest

from alarms.duty import DutyRoster, duty_between, missing_persons, on_duty, shortfalls
from alarms.duty_parse import duty_roster_data, parse_duty_roster
from alarms.errors import DocumentError
from sites.calendars import local_minute_ms

ZONE = "Asia/Shanghai"
DATA: dict[str, Any] = {
    "id": "control",
    "name": {"zh": "消控室", "en": "Control room"},
    "site_id": "mall",
    "people": [
        {"id": "wang", "name": "王", "phone": "+86 138 0000 0000"},
        {"id": "li", "name": "李", "user_id": "u-li"},
        {"id": "zhao", "name": "赵", "email": "zhao@example.org"},
    ],
    "shifts": [
        {
            "id": "day",
            "name": "白班",
            "begin": "08:00",
            "end": "20:00",
            "places": [{"position": "lead", "person": "li"}, {"person": "wang"}],
        },
        {"id": "night", "name": "夜班", "begin": "20:00", "end": "08:00", "days": [0, 1, 2, 3, 4], "places": [{"person": "zhao"}]},
    ],
    "changes": [{"day": "2026-11-24", "shift": "night", "places": [{"person": "wang"}, {"person": "li"}]}],
}


def roster(**changed: Any) -> DutyRoster:
    return parse_duty_roster({**DATA, **changed})


def at(day: str, minute: int, zone: str = ZONE) -> int:
    return local_minute_ms(zone, day, minute)


@pytest.mark.parametrize(
    ("day", "minute", "expected"),
    [
        ("2026-11-23", 8 * 60, ["li", "wang"]),  # a Monday: the shift begins with its first minute
        ("2026-11-23", 20 * 60 - 1, ["li", "wang"]),
        ("2026-11-23", 20 * 60, ["zhao"]),
        ("2026-11-24", 7 * 60 + 59, ["zhao"]),  # still Monday's night
        ("2026-11-24", 23 * 60, ["wang", "li"]),  # changed that day
        ("2026-11-25", 3 * 60, ["wang", "li"]),  # until the end of that night
        ("2026-11-28", 7 * 60, ["zhao"]),  # Friday's night ends on Saturday
        ("2026-11-28", 21 * 60, []),  # no night shift begins on a Saturday
    ],
)
def test_who_is_on_duty(day: str, minute: int, expected: list[str]) -> None:
    assert [duty.person.id for duty in on_duty(roster(), ZONE, at(day, minute))] == expected


def test_a_shift_over_a_change_of_the_clock_is_as_long_as_it_is() -> None:
    begin = at("2026-03-27", 1300, "Europe/Berlin")
    (night,) = duty_between(roster(changes=[]), "Europe/Berlin", begin, begin + 60_000)
    assert night.until_ms - night.from_ms == 12 * 3_600_000
    every = parse_duty_roster({**DATA, "changes": [], "shifts": [{**DATA["shifts"][1], "days": [5]}]})
    when = at("2026-03-28", 1_300, "Europe/Berlin")
    (short,) = on_duty(every, "Europe/Berlin", when)
    assert short.until_ms - short.from_ms == 11 * 3_600_000


def test_too_few_people_are_seen_now_and_ahead() -> None:
    assert missing_persons(roster(), ZONE, at("2026-11-23", 9 * 60)) == 0
    assert missing_persons(roster(), ZONE, at("2026-11-23", 21 * 60)) == 1
    found = shortfalls(roster(), ZONE, at("2026-11-27", 8 * 60), at("2026-11-29", 8 * 60))
    assert found == [
        (at("2026-11-27", 1_200), at("2026-11-28", 480), 1),
        (at("2026-11-28", 1_200), at("2026-11-29", 480), 2),
    ]


def test_data_and_back_is_the_same() -> None:
    assert parse_duty_roster(duty_roster_data(roster())) == roster()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"min_persons": 1}, "GB 25506"),
        ({"site_id": None}, "the site whose duty it is"),
        ({"people": [{"id": "a", "name": "a"}]}, "must be reachable"),
        ({"people": [{"id": "a", "name": "a", "phone": "call me"}]}, "telephone number"),
        ({"shifts": [{"id": "x", "name": "x", "begin": "25:00", "end": "08:00"}]}, "such as 08:00"),
        ({"shifts": [{"id": "x", "name": "x", "begin": "08:00", "end": "08:00"}]}, "another time than the begin"),
        (
            {"shifts": [{"id": "x", "name": "x", "begin": "08:00", "end": "09:00", "places": [{"person": "nobody"}]}], "changes": []},
            "a person of this roster",
        ),
        ({"changes": [{"day": "2026-02-30", "shift": "day", "places": []}]}, "a date"),
        ({"changes": [{"day": "2026-02-03", "shift": "noon", "places": []}]}, "a shift of this roster"),
        ({"colour": "red"}, "colour"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_field(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        roster(**changed)


def test_one_person_suffices_with_a_waiver() -> None:
    assert roster(min_persons=1, waiver="粤消〔2019〕 one person, networked").min_persons == 1
