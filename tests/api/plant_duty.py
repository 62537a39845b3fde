"""Hand-overs, presence checks and self-tests as the API's tests have them: facts on the board, and a desk that answers with one."""

from __future__ import annotations

from typing import Any

from alarms.duty_requests import AnswerPresence, AskPresence, OfferHandOver, RunSelfTest, TakeOver, WithdrawHandOver
from alarms.handovers import HandOver
from alarms.presence_checks import PresenceCheck
from alarms.self_tests import SelfTest
from api.ports import Answer
from sites.facts import Fact


def _fact(kind: str, body: Any, site: str, state: str) -> Fact:
    return Fact(kind=kind, id=body.id, site_id=site, state=state, changed_ms=1, body=body, subject=f"site:{site}", from_ms=1)


def paper_handover(handover_id: str, site: str, content: str = "{}", who: str = "u-somebody") -> Fact:
    body = HandOver(
        id=handover_id, site_id=site, content=content, outgoing=who, outgoing_ms=1, outgoing_note="", prev_hash="", hash="0" * 64
    )
    return _fact("handover", body, site, "offered")


def paper_check(check_id: str, site: str) -> Fact:
    body = PresenceCheck(
        id=check_id, site_id=site, cause="supervisor", asked_ms=1, until_ms=600_001, question="how much is 3 + 4?", question_zh="3 + 4 = ?"
    )
    return _fact("presence_check", body, site, "asked")


def paper_self_test(test_id: str) -> Fact:
    return _fact("self_test", SelfTest(id=test_id, asked_ms=1), "", "running")


def answered_on_paper(request: Any, facts: dict[tuple[str, str], Fact]) -> Answer | None:
    """The answer to a request of these; None: it is none of them."""
    match request:
        case OfferHandOver():
            made = paper_handover(f"made-{request.site_id}", request.site_id, request.content, request.who)
        case TakeOver() | WithdrawHandOver():
            made = facts["handover", request.handover_id]
        case AskPresence():
            made = paper_check(f"made-{request.site_id}", request.site_id)
        case AnswerPresence():
            made = facts["presence_check", request.check_id]
        case RunSelfTest():
            made = paper_self_test("made")
        case _:
            return None
    facts[made.kind, made.id] = made
    return Answer(2, True, facts=(made,))
