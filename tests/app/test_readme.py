"""What the README tells a new user to type works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings
from tests.running_demo import ROOT, running_demo


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
def test_the_main_job_with_curl_goes_from_a_reading_to_an_accepted_hazard(tmp_path: Path) -> None:
    script = next(block for block in blocks("bash") if "post /alarms/$ALARM/cut" in block)
    with running_demo(tmp_path) as demo:
        script = script.replace("http://127.0.0.1:8000", demo.url).replace("sitewarden publish", f"sitewarden publish --mqtt {demo.mqtt}")
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=60, env=os.environ | {"PATH": path}, check=False
        )
        said = done.stdout
    assert done.returncode == 0, done.stderr
    assert "urn:sitewarden:problem" not in said, said
    assert "event: snapshot" in said
    assert '"state":"proved"' in said
    assert '"act":"accept"' in said, said[-3_000:]


def test_both_readmes_show_every_picture_and_link_that_exists() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)", (ROOT / name).read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{name} points to {target}, which is not there"


def test_every_public_setting_is_in_both_readmes() -> None:
    public = ["DATA_DIR", "MQTT_URL", "RECORDS_URL", "HISTORIAN_URL", "HTTP_HOST", "HTTP_PORT", "SMTP_URL"]
    for name in ("README.md", "README.zh-CN.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for setting in public:
            assert setting.lower() in Settings.model_fields
            assert f"SITEWARDEN_{setting}" in text, f"{setting} is missing in {name}"
