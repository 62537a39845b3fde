"""Power as a manager cuts it: a plan from its form to a proved run with a second person, a zone in one click, a whole site with its four
digits aborted in its countdown."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.running_demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ZONE = "mall-f1-s03"


def sign_in(page: Page, demo: Demo, path: str) -> None:
    page.goto(demo.url)
    page.locator("input").first.fill("manager")
    page.locator("input[type=password]").fill("manager-demo")
    page.keyboard.press("Enter")
    expect(page.locator("[data-test=stream].green")).to_be_visible()
    page.goto(f"{demo.url}/#{path}")


def at_site(page: Page, name: str) -> None:
    select = page.locator(".page .el-select").first
    expect(select).to_be_visible()
    select.click()
    page.get_by_role("option", name=name, exact=True).click()
    expect(page.locator("[data-test=total-power]")).to_be_visible()


def hold(page: Page, button: Locator, until: Locator) -> None:
    expect(button).to_be_enabled()
    button.hover()
    page.mouse.down()
    expect(until).to_be_visible(timeout=15_000)
    page.mouse.up()


def test_a_plan_is_written_previewed_and_run_until_each_circuit_is_proved(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "/plans")
    page.locator("[data-test=new-plan]").click()
    page.locator("input[data-test=plan-name]").fill("二层插座")
    site = page.locator(".page form .el-select").first
    site.click()
    page.get_by_role("option", name="滨江广场", exact=True).click()
    zones = page.locator("fieldset .el-select").nth(1)
    zones.click()
    page.keyboard.type("2 层公共区")
    page.get_by_role("option", name="2 层公共区", exact=True).click()
    page.keyboard.press("Escape")
    page.locator("[data-test=countdown] input").fill("0")
    page.locator("[data-test=observation] input").fill("0")
    page.locator("[data-test=plan-save]").click()
    expect(page).to_have_url(re.compile(r"plans/(?!new)"))
    dark = page.locator("[data-test=plan-preview] [data-dark]")
    expect(dark.first).to_be_visible()
    wanted = dark.count()
    page.locator("[data-test=run-plan]").click()
    page.locator("input[data-test=run-reason]").fill("试运行")
    button = page.locator("[data-test=hold-run]")
    expect(button).to_be_disabled()  # a plan that never ran wants a second person
    page.locator("input[data-test=second-login]").fill("operator")
    page.locator("input[data-test=second-password]").fill("operator-demo")
    hold(page, button, page.locator("[role=dialog] [data-test=run]"))
    expect(page.locator("[role=dialog] [data-test=run][data-state=done]")).to_be_visible(timeout=60_000)
    proved = page.locator("[role=dialog] [data-item][data-state=proved]")
    expect(proved).to_have_count(wanted)
    expect(proved.locator(".chip.green")).to_have_count(wanted)


def test_a_zone_goes_dark_in_one_click_and_letting_go_early_does_nothing(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "/power")
    at_site(page, "滨江广场")
    page.locator("[data-test='open-floor:F1']").click()
    page.locator(f"[data-test='cut-zone:{ZONE}']").click()
    expect(page.locator("[data-test=reach-preview] [data-dark]")).to_have_count(2)
    page.locator("input[data-test=reach-reason]").fill("演练")
    button = page.locator("[data-test=hold-reach]")
    button.hover()
    page.mouse.down()
    page.wait_for_timeout(300)
    page.mouse.up()
    page.wait_for_timeout(1_500)
    assert page.locator("[role=dialog] [data-test=run]").count() == 0
    hold(page, button, page.locator("[role=dialog] [data-test=run]"))
    expect(page.locator("[role=dialog] [data-item][data-state=proved]")).to_have_count(2, timeout=30_000)


def test_a_whole_site_asks_for_the_four_digits_and_is_aborted_in_its_countdown(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "/power")
    at_site(page, "滨江精密一厂")
    page.locator("[data-test=cut-site]").click()
    shown = page.locator("[data-test=digits-shown]")
    expect(shown).to_be_visible()
    page.locator("input[data-test=reach-reason]").fill("演练")
    page.locator("[role=dialog] .inline .el-select").click()
    page.get_by_role("option", name=re.compile("30")).click()
    button = page.locator("[data-test=hold-reach]")
    digits = page.locator("input[data-test=digits]")
    digits.fill("1234" if shown.inner_text() != "1234" else "4321")
    expect(button).to_be_disabled()
    digits.fill(shown.inner_text())
    run = page.locator("[role=dialog] [data-test=run]")
    hold(page, button, run)
    expect(run).to_have_attribute("data-state", "countdown")
    page.locator("[role=dialog] [data-test=abort]").click()
    page.locator("[role=dialog] [data-test=abort-now]").click()
    expect(run).to_have_attribute("data-state", "aborted")
    expect(page.locator("[role=dialog] [data-item][data-state=proved]")).to_have_count(0)
    expect(page.locator("[role=dialog] [data-item][data-state=dropped]").first).to_be_visible()


def test_a_shop_asks_by_its_link_to_stay_on_and_the_manager_approves(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "/holds")
    page.locator(".page .el-select").first.click()
    page.get_by_role("option", name="滨江广场", exact=True).click()
    page.locator("[data-test=shop-link]").click()
    page.locator("[role=dialog] .el-select").first.click()
    page.get_by_role("option", name="数码港", exact=True).click()
    page.locator("[data-test=link-make]").click()
    link = page.locator("[data-test=link-made]").inner_text()
    browser = page.context.browser
    assert browser is not None
    telephone = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-US")  # no session, no account
    shop = telephone.new_page()
    shop.goto(link)
    expect(shop.get_by_text("申请延时用电")).to_be_visible()  # Chinese first
    shop.locator("[data-test=shop-reason]").fill("盘点")
    shop.locator("[data-test=shop-name]").fill("王丽")
    shop.locator("[data-test=shop-phone]").fill("13800001111")
    shop.locator("[data-test=shop-ask]").click()
    expect(shop.locator("[data-test=shop-said]")).to_be_visible()
    telephone.close()
    page.keyboard.press("Escape")
    asked = page.locator("[data-test=stay-on]").filter(has_text="王丽")
    expect(asked).to_have_attribute("data-state", "asked")
    asked.locator("[data-test=approve-stay]").click()
    expect(asked).to_have_attribute("data-state", "approved")
    page.goto(f"{demo.url}/#/power")
    expect(page.locator("[data-test=asked-stay]")).to_contain_text("数码港")


def test_a_locked_circuit_stays_on_in_the_preview(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "/power")
    at_site(page, "滨江广场")
    page.locator("[data-test='open-floor:F1']").click()
    page.goto(f"{demo.url}/#/holds")
    page.locator("[data-test=tab-lock]").click()
    page.locator("[data-test=lock-circuit]").click()
    page.keyboard.type("乐童玩具照明")
    page.get_by_role("option", name=re.compile("乐童玩具照明.*F1")).first.click()
    page.locator("[data-test=new-lock]").click()
    page.locator("input[data-test=lock-number]").fill("L-07")
    page.locator("input[data-test=lock-reason]").fill("更换灯具")
    page.locator("[data-test=lock-save]").click()
    expect(page.locator("[data-test=lock]").filter(has_text="L-07")).to_be_visible()
    page.goto(f"{demo.url}/#/power")
    page.locator("[data-test='open-floor:F1']").click()
    page.locator("[data-test='cut-zone:mall-f1-s08']").click()
    expect(page.locator("[data-test=reach-preview] [data-code]").first).to_be_visible()
    expect(page.locator("[data-test=reach-preview] [data-dark]")).to_have_count(1)
