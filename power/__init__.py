"""Cutting and restoring: circuits' classes, orders, interlocks, proof by measurement.

Imports `sites` and `alarms`. It decides and refuses; sending is the courier's, hearing is the scan's. No clock, no wire, no store.
"""
