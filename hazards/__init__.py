"""The enterprise's hazard record: the closed loop from reported to accepted, grades, deadlines, recurrence.

Imports `sites` and `alarms`. Hazard steps by people are plain record transactions: this room decides, `storage` keeps.
"""
