"""`sitewarden demo` as a process on free ports, for the tests that use it as a person would."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Demo:
    url: str
    mqtt: str

    def publish(self, *words: str) -> None:
        command = [sys.executable, "-m", "app.cli", "publish", *words, "--mqtt", self.mqtt]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=30)


@contextmanager
def running_demo(folder: Path, *options: str) -> Iterator[Demo]:
    """A demo with its data in `folder`, until the block ends."""
    command = [sys.executable, "-u", "-m", "app.cli", "demo", "--port", str(free_port()), "--data-dir", str(folder / "data"), *options]
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
