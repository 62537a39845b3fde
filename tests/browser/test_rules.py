"""The rules as a manager works on them: made by form, tried on history, enabled, explained; text and form alike; versions; places."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.running_demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def sign_in(page: Page, demo: Demo, path: str) -> None:
    page.goto(demo.url)
    page.locator("input").first.fill("manager")
    page.locator("input[type=password]").fill("manager-demo")
    page.keyboard.press("Enter")
    expect(page.locator("[data-test=stream].green")).to_be_visible()
    page.goto(f"{demo.url}/#{path}")


def number(page: Page, name: str) -> object:
    return page.locator(f"[data-test={name}] input, input[data-test={name}]").first


def fill(page: Page, name: str, value: str) -> None:
    box = page.locator(f"[data-test={name}] input, input[data-test={name}]").first
    box.fill(value)
    box.press("Tab")


def choose_metric(page: Page, metric: str) -> None:
    page.locator("[data-test=metric]").click()
    page.keyboard.type(metric)
    page.locator(".el-select-dropdown__item:visible").filter(has_text=metric).first.click()


def new_rule(page: Page, rule_id: str, kind: str, metric: str, limit: str) -> None:
    page.locator(f"[data-test=kind-{kind}]").click()
    page.locator("[data-test=name-zh]").fill("燃气试验")
    page.locator("[data-test=name-en]").fill("Gas trial")
    choose_metric(page, metric)
    fill(page, "rule-id", rule_id)
    fill(page, "limit-0", limit)


def test_a_rate_rule_is_made_by_form_tried_enabled_and_raises(page: Page, demo: Demo) -> None:
    demo.publish("demo-gas", "lel=2")
    sign_in(page, demo, "/rules/new")
    new_rule(page, "gas-rise", "rate", "lel", "8")
    expect(page.locator("[data-test=cover-total]")).to_have_text(re.compile(r"^[1-9]"))
    page.locator("[data-test=try-tab]").click()
    page.locator("[data-test=backtest-start]").click()
    expect(page.locator("[data-test=backtest-result]")).to_be_visible()
    # judged from the second reading on
    page.locator("[data-test=by-text]").click()
    text = page.locator("[data-test=rule-text]")
    text.fill(text.input_value() + "covered: 0\n")
    page.locator("[data-test=by-form]").click()
    page.locator("[data-test=save-rule]").click()
    expect(page.locator("[data-test=rule-state]")).to_have_class(re.compile("grey"))
    page.locator("[data-test=turn]").click()
    page.locator("[data-test=turn-now]").click()
    expect(page.locator("[data-test=rule-state]")).to_have_class(re.compile("green"))
    for value in ("3", "20", "48"):
        demo.publish("demo-gas", f"lel={value}")
        time.sleep(1.2)
    page.goto(f"{demo.url}/#/rules/gas-rise?tab=history&subject=point:demo-gas:lel")
    page.reload()
    expect(page.locator("[data-test=verdict].raised")).to_have_text(re.compile("已触发|It stands"))
    expect(page.locator("[data-test=why-step]").first).to_be_visible()
    page.goto(f"{demo.url}/#/")
    expect(page.locator("[data-test=alarm]").filter(has_text=re.compile("燃气试验|Gas trial")).first).to_be_visible()


def test_text_and_form_are_the_same_rule_and_comments_stay(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "/rules/new")
    new_rule(page, "gas-both", "level", "lel", "10")
    page.locator("[data-test=by-text]").click()
    text = page.locator("[data-test=rule-text]")
    assert "limit: 10" in text.input_value()
    text.fill("# asked for by the kitchen\n" + text.input_value().replace("limit: 10", "limit: 12"))
    page.locator("[data-test=by-form]").click()
    expect(number(page, "limit-0")).to_have_value("12")  # type: ignore[arg-type]
    fill(page, "limit-0", "14")
    page.locator("[data-test=by-text]").click()
    assert "# asked for by the kitchen" in text.input_value()
    assert "limit: 14" in text.input_value()
    page.locator("[data-test=save-rule]").click()
    expect(page.locator("[data-test=rule-version]")).to_be_visible()
    page.locator("[data-test=edit-rule]").click()
    page.locator("[data-test=by-text]").click()
    assert "# asked for by the kitchen" in page.locator("[data-test=rule-text]").input_value()


def test_a_limit_beyond_the_clause_is_refused_with_the_clause_and_in_the_text_at_its_line(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "/rules/new")
    new_rule(page, "gas-beyond", "level", "lel", "60")
    expect(page.locator("[data-test=field-problem]").first).to_contain_text("GB/T 50493")
    expect(page.locator("[data-test=save-rule]")).to_be_disabled()
    page.locator("[data-test=by-text]").click()
    expect(page.locator("[data-test=text-problems]")).to_contain_text("GB/T 50493")
    lines = page.locator("[data-test=rule-text]").input_value().split("\n")
    line = next(at for at, each in enumerate(lines, 1) if "limit: 60" in each)
    expect(page.locator("[data-test=text-problems] button").first).to_contain_text(str(line))


def test_an_expression_with_wrong_units_has_a_caret_under_them(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "/rules/new")
    page.locator("[data-test=kind-expression]").click()
    page.locator("[data-test=name-zh]").fill("燃气且高温")
    page.locator("[data-test=expression] textarea, textarea[data-test=expression]").first.fill("lel > 60 °C")
    caret = page.locator("[data-test=caret]")
    expect(caret).to_be_visible()
    below = caret.locator("span").nth(1).inner_text()
    assert below.index("▲") == "lel > 60 °C".index("60")


def test_an_older_version_is_compared_and_brought_back(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "/rules/battery/edit")
    fill(page, "limit-0", "25")
    page.locator("[data-test=save-rule]").click()
    expect(page.locator("[data-test=rule-version]")).to_have_text("v2")
    page.locator("[data-test=tab-versions]").click()
    oldest = page.locator("[data-test=version]").last
    oldest.locator("[data-test=compare]").click()
    expect(page.locator("[data-test=comparison]")).to_contain_text("25")
    oldest.locator("[data-test=restore]").click()
    page.locator("[data-test=restore-now]").click()
    expect(page.locator("[data-test=rule-version]")).to_have_text("v3")
    page.goto(f"{demo.url}/#/rules/battery/edit")
    expect(number(page, "limit-0")).to_have_value("20")  # type: ignore[arg-type]


def test_a_site_sets_its_own_number_with_a_reason_and_the_clause_holds_there_too(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "/rules/lel?tab=numbers")
    page.locator("[data-test=node-site]").click()
    fill(page, "override-limit-0", "30")
    page.locator("[data-test=override-reason]").fill("试验 trial")
    page.locator("[data-test=override-save]").click()
    expect(page.locator("[role=dialog] [role=alert]")).to_contain_text("GB/T 50493")
    fill(page, "override-limit-0", "18")
    page.locator("[data-test=override-save]").click()
    set_here = page.locator("[data-test=number]").filter(has_text="试验 trial")
    expect(set_here).to_contain_text("18 %LEL")
    page.goto(f"{demo.url}/#/rules/overrides")
    expect(page.locator("[data-test=override]")).to_contain_text("18 %LEL")
    page.locator("[data-test=override]").get_by_role("button").click()
    page.locator("[data-test=override-remove]").click()
    expect(page.locator("[data-test=override]")).to_have_count(0)


def test_an_edit_is_tried_on_history_against_the_version_in_force(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "/rules/new")
    new_rule(page, "current-trial", "level", "current_a", "100")
    page.locator("[data-test=save-rule]").click()
    page.locator("[data-test=edit-rule]").click()
    fill(page, "limit-0", "0.1")
    page.locator("[data-test=try-tab]").click()
    page.locator("[data-test=backtest-start]").click()
    expect(page.locator("[data-test=new]")).to_have_text(re.compile(r"^[1-9]"), timeout=30_000)
    expect(page.locator("[data-test=kept]")).to_have_text("0")
    expect(page.locator("[data-test=difference] canvas")).to_be_visible()


def test_a_calendar_is_made(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "/rules/calendars")
    page.locator("[data-test=new-calendar]").click()
    page.locator("[data-test=calendar-name]").fill("广场营业时间")
    page.locator("[data-test=calendar-save]").click()
    expect(page.locator("[data-test=calendar]").filter(has_text="广场营业时间")).to_contain_text("09:00-21:30")
