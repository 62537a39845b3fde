"""Why a step of the hazard record was refused. The API maps each once to an HTTP problem.

HazardError
|-- IllegalStep   the hazard's state does not allow it
|-- NotAllowed    not this person, or not in this role
`-- Incomplete    something that the step needs is missing
"""

from __future__ import annotations


class HazardError(Exception):
    """The message says what was asked, what is, and what would be allowed."""


class IllegalStep(HazardError):
    pass


class NotAllowed(HazardError):
    pass


class Incomplete(HazardError):
    pass
