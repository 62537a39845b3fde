"""What people must deal with: the alarm's life, acknowledgement, latch and reset, linkage to actions.

Imports `sites` and `rules`. Alarms are few: frozen values and dicts, no numpy. It reads no clock and touches no store.
"""
