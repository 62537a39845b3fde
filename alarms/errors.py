"""Why a request about an alarm, or a linkage, was refused. The API maps each once to an HTTP problem.

AlarmError
|-- UnknownAlarm        no open alarm of that id
|-- IllegalTransition   the alarm's state does not allow it
`-- LinkageError        a linkage that cannot be meant
"""

from __future__ import annotations

from rules.errors import Problem


class AlarmError(Exception):
    """The message says what was asked, what is, and what would be allowed."""


class UnknownAlarm(AlarmError):
    pass


class IllegalTransition(AlarmError):
    pass


class LinkageError(AlarmError):
    """`problems` holds everything that is wrong with it."""

    def __init__(self, linkage_id: str, problems: list[Problem]) -> None:
        self.linkage_id = linkage_id
        self.problems = problems
        super().__init__(f"linkage {linkage_id or '(no id)'}: " + "; ".join(str(problem) for problem in problems))
