"""A running demo and a headless Chromium, for the tests that look at the pages as a person does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.running_demo import Demo, running_demo
from tests.servers import find_binary

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="module", params=["zh-CN", "en-US"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def demo(language: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`sitewarden demo` on free ports, with the built console; a fresh one for each language."""
    if not (ROOT / "console" / "dist" / "index.html").exists():
        reason = "the console is not built: `make console`"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ended with the module: while it lives, its event loop runs on this thread, where other tests want their own."""
    binary = shutil.which("chromium") or find_binary("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(language: str, browser: Browser) -> Iterator[Page]:
    """A fresh page. An error that no code of the page catches fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale=language)
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []
