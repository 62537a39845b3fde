"""The pictures of docs/rules.md are what the engine does today, and its rules can be meant."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from rules.parse import parse_rule

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_rules", DOCS / "pictures" / "draw_rules.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["draw_rules"] = module
    spec.loader.exec_module(module)
    return module


def test_the_committed_pictures_are_a_fresh_drawing(drawing: ModuleType, tmp_path: Path) -> None:
    drawing.main(tmp_path)
    for fresh in sorted(tmp_path.iterdir()):
        kept = DOCS / "pictures" / "rules" / fresh.name
        assert kept.read_text(encoding="utf-8") == fresh.read_text(encoding="utf-8"), f"{fresh.name}: make pictures"
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in (DOCS / "pictures" / "rules").iterdir()}


def test_every_picture_stands_in_the_page_and_shows_findings(drawing: ModuleType) -> None:
    page = (DOCS / "rules.md").read_text(encoding="utf-8")
    for scene in drawing.SCENES:
        assert f"pictures/rules/{scene.name}.svg" in page, scene.name
        assert drawing.play(scene).findings, f"{scene.name} shows nothing"


def test_every_rule_of_the_page_can_be_meant() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / "rules.md").read_text(encoding="utf-8"), re.DOTALL)
    rules = [rule for block in blocks if (found := yaml.safe_load(block)) for rule in (found if isinstance(found, list) else [found])]
    assert [parse_rule(rule).id for rule in rules] == ["lel", "kitchen-night", "cable-rise", "cable-odd", "still-drawing"]
