"""Why a request about an alarm was refused. The API maps each once to an HTTP problem.

AlarmError
|-- UnknownAlarm        no open alarm of that id
`-- IllegalTransition   the alarm's state does not allow it
"""

from __future__ import annotations


class AlarmError(Exception):
    """The message says what was asked, what is, and what would be allowed."""


class UnknownAlarm(AlarmError):
    pass


class IllegalTransition(AlarmError):
    pass
