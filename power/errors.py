"""Why a request about power was refused as a whole. A refusal of one circuit is an order in state `refused` with its reason.

PowerError
|-- UnknownCircuit
|-- UnknownOrder
`-- RequestRefused   nothing of the request can be done; the message says why and what would be allowed
"""

from __future__ import annotations


class PowerError(Exception):
    """The message says what was asked, what is, and what would be allowed."""


class UnknownCircuit(PowerError):
    pass


class UnknownOrder(PowerError):
    pass


class RequestRefused(PowerError):
    pass
