"""File systems of a few MiB for the tests of full disks; mounting one needs root, and is skipped elsewhere with the reason."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """`folder` (made here) as a file system of its own; `grow` makes it larger while it is in use."""
    folder.mkdir()
    mounted = _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def grow(folder: Path, megabytes: int) -> None:
    assert _mount("-o", f"remount,size={megabytes}m", str(folder)).returncode == 0


def fill_up(path: Path) -> None:
    """Write a file until the disk is full."""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def _mount(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["mount", *words], capture_output=True, text=True)
    except FileNotFoundError:
        return subprocess.CompletedProcess(["mount"], 127, "", "there is no mount command")
