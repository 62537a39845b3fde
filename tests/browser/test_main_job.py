"""The main job as an operator does it: sign in, see an alarm arrive, acknowledge it, cut its power until it is proved, open a hazard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.running_demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def sign_in(page: Page, demo: Demo, login: str = "operator") -> None:
    page.goto(demo.url)
    page.locator("input").first.fill(login)
    page.locator("input[type=password]").fill(f"{login}-demo")
    page.keyboard.press("Enter")
    expect(page.locator("[data-test=stream].green")).to_be_visible()


def open_alarm(page: Page, demo: Demo) -> None:
    demo.publish("demo-gas", "lel=30")
    page.locator("[data-test=alarm]").filter(has_text="30 %LEL").click()
    expect(page).to_have_url(re.compile("alarms/"))


def test_a_wrong_password_is_said_and_nobody_is_let_in(page: Page, demo: Demo) -> None:
    page.goto(demo.url)
    page.locator("input").first.fill("operator")
    page.locator("input[type=password]").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("[role=alert]").first).to_be_visible()
    assert page.locator("[data-test=alarm]").count() == 0


def test_an_alarm_arrives_on_the_wall_and_is_acknowledged(page: Page, demo: Demo) -> None:
    sign_in(page, demo)
    assert page.locator("[data-test=alarm]").filter(has_text="30 %LEL").count() == 0
    demo.publish("demo-gas", "lel=30")
    row = page.locator("[data-test=alarm]").filter(has_text="30 %LEL")
    expect(row).to_be_visible(timeout=20_000)  # at this level the rule holds for 5 s
    page.wait_for_timeout(500)  # a row that has just moved under the pointer takes no click
    row.locator("[data-test=acknowledge]").click()
    expect(row.locator("[data-test=acknowledge]")).to_have_count(0)


def test_letting_go_early_cuts_nothing(page: Page, demo: Demo) -> None:
    sign_in(page, demo)
    open_alarm(page, demo)
    page.locator("[data-test=cut-power]").click()
    page.locator("[data-test=hold-cut]").hover()
    page.mouse.down()
    page.wait_for_timeout(300)
    page.mouse.up()
    page.wait_for_timeout(1_500)
    assert page.locator("[role=dialog] [data-test=order]").count() == 0


def test_holding_cuts_and_the_order_is_seen_going_to_proved(page: Page, demo: Demo) -> None:
    sign_in(page, demo)
    open_alarm(page, demo)
    page.locator("[data-test=cut-power]").click()
    page.locator("[data-test=hold-cut]").hover()
    page.mouse.down()
    expect(page.locator("[role=dialog] [data-test=order]")).to_be_visible(timeout=15_000)
    page.mouse.up()
    expect(page.locator("[role=dialog] [data-test=order][data-state=proved]")).to_be_visible(timeout=20_000)


def test_a_hazard_is_opened_from_the_alarm_and_each_shows_the_other(page: Page, demo: Demo) -> None:
    sign_in(page, demo)
    open_alarm(page, demo)
    page.get_by_role("button", name=re.compile("隐患|hazard", re.IGNORECASE)).first.click()
    page.locator("[data-test=open-hazard]").click()
    if "hazards" not in page.url:
        page.locator("[data-test=hazard-link]").click()
    expect(page.locator("[data-test=hazard-state][data-state=reported]")).to_be_visible()
    expect(page.locator("a[href*='alarms/']").first).to_be_visible()
