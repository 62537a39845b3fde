"""What is wrong, in arrays: the rule model, its compilation, the engine's memory, kernels, findings.

Imports `sites` and numpy. It never reads a clock and never speaks of alarms, people or wires: its only product is findings.
"""
