"""A small plant for the rules' tests: devices of several links and intervals, points with several rules each."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the reference stands beside the tests, which are no package
