"""Why a request about an alarm, or a linkage, was refused. The API maps each once to an HTTP problem.

AlarmError
|-- UnknownAlarm        no open alarm of that id
|-- IllegalTransition   the alarm's state does not allow it
|   `-- SuppressionRefused  it may not be shelved, taken out of service or tested so
|-- LinkageError        a linkage that cannot be meant
`-- DocumentError       an escalation policy or a duty roster that cannot be meant
"""

from __future__ import annotations

from rules.errors import Problem


class AlarmError(Exception):
    """The message says what was asked, what is, and what would be allowed."""


class UnknownAlarm(AlarmError):
    pass


class IllegalTransition(AlarmError):
    pass


class SuppressionRefused(IllegalTransition):
    def __init__(self, text: str, text_zh: str) -> None:
        super().__init__(text)
        self.text_zh = text_zh


class LinkageError(AlarmError):
    """`problems` holds everything that is wrong with it."""

    def __init__(self, linkage_id: str, problems: list[Problem]) -> None:
        self.linkage_id = linkage_id
        self.problems = problems
        super().__init__(f"linkage {linkage_id or '(no id)'}: " + "; ".join(str(problem) for problem in problems))


class DocumentError(AlarmError):
    """`what` is the kind of document in words, `problems` everything that is wrong with it."""

    def __init__(self, what: str, document_id: str, problems: list[Problem]) -> None:
        self.what = what
        self.problems = problems
        super().__init__(f"{what} {document_id or '(no id)'}: " + "; ".join(str(problem) for problem in problems))
