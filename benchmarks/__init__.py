"""Measurements with bars (`make bench`): every figure is a ratio or a delay of things measured side by side in one run."""
