"""A running demo and a headless Chromium, for the tests that look at the pages as a person does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.servers import find_binary, free_port

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


@dataclass
class Demo:
    url: str
    mqtt: str

    def publish(self, *words: str) -> None:
        command = [sys.executable, "-m", "app.cli", "publish", *words, "--mqtt", self.mqtt]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module", params=["zh-CN", "en-US"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def demo(language: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`sitewarden demo` on free ports, with the built console; a fresh one for each language."""
    if not (ROOT / "console" / "dist" / "index.html").exists():
        reason = "the console is not built: `make console`"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-u", "-m", "app.cli", "demo", "--port", str(free_port()), "--data-dir", str(folder / "data")]
    with open(folder / "log", "w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            told = ""
            for line in process.stdout:
                told += line
                if "stop with Ctrl-C" in line:
                    break
            url = re.search(r"demo: (http://\S+)", told)
            mqtt = re.search(r"MQTT broker: (mqtt://\S+)", told)
            assert url is not None, f"the demo did not start: {told}{(folder / 'log').read_text()}"
            assert mqtt is not None, told
            yield Demo(url[1], mqtt[1])
        finally:
            process.terminate()
            process.wait(20)
            process.stdout.close()


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
