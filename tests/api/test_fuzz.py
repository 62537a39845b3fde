"""Schemathesis over the OpenAPI document: whatever is asked, of any route, as who may do everything, is answered without a 5xx.

Bounded: a few examples of each operation, always the same ones, each within its own records. What is found is mended in the route.
"""

from __future__ import annotations

import itertools
import os
import time

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api.server import bare_app
from sites.people import Grant
from tests.api.conftest import Service
from tests.api.plant import HASHED, NOON

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
SECONDS = float(os.environ.get("FUZZ_SECONDS", "60"))
SEEN = {
    "site_id": "mall", "zone_id": "mall-kitchen", "device_id": "mall-gas", "circuit_id": "mall-c1", "alarm_id": "mall-alarm",
    "rule_id": "mall-rule", "linkage_id": "mall-linkage", "plan_id": "mall-plan", "user_id": "u-operator",
    "order_id": "mall-order", "point_id": "mall-gas:lel",
    "district_id": "east", "enterprise_id": "e1",
}  # fmt: skip
ENDLESS = {"/api/v1/live"}
LEAVING = {"/api/v1/auth/logout", "/api/v1/me/sessions"}  # the one who asks would be gone


def everyman(service: Service) -> None:
    """One person with every role everywhere, so that nothing is refused before it is read."""
    from api.access import ROLES
    from sites.people import User

    grants = tuple(Grant(role=role, node_kind="all", node_id=None) for role in ROLES)
    service.records.save_user(User(id="u-all", login="all", name="All", password_hash=HASHED, grants=grants), "t", NOON)


def test_nothing_that_is_asked_ends_in_a_5xx(app: FastAPI, service: Service) -> None:
    everyman(service)
    schema = schemathesis.openapi.from_dict(bare_app("1").openapi())
    operations = [each.ok() for each in schema.get_all_operations()]
    operations = [each for each in operations if each.path not in ENDLESS | LEAVING]
    # spread over the document: where the time ends early, no tag has been left out whole
    until, found, asked = time.monotonic() + SECONDS, [], 0
    for operation in itertools.chain.from_iterable(operations[start::7] for start in range(7)):
        if time.monotonic() > until:
            break

        @settings(
            max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(), is_seen=st.booleans())
        def ask(case: schemathesis.Case, is_seen: bool) -> None:
            nonlocal asked
            if is_seen:  # half of them name things that are there, so that more than the 404 is reached
                case.path_parameters = {name: SEEN.get(name, value) for name, value in (case.path_parameters or {}).items()}
            wanted = case.as_transport_kwargs(base_url=str(service.client.base_url))
            headers = {name: value for name, value in (wanted.pop("headers", None) or {}).items() if name.lower() != "authorization"}
            for name in ("cookies", "auth"):
                wanted.pop(name, None)
            body = {"json": wanted["json"]} if "json" in wanted else {"content": wanted.get("data") or b""}
            try:
                answer = httpx.request(
                    wanted["method"],
                    wanted["url"],
                    params=wanted.get("params"),
                    headers={**headers, **service.as_("all")},
                    timeout=20.0,
                    trust_env=False,
                    **body,
                )
            except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeError):
                return  # what a client cannot even send
            except httpx.RemoteProtocolError as error:
                found.append(f"{error} {wanted['method']} {wanted['url']} {wanted.get('params')} {headers} {body}"[:500])
                return
            asked += 1
            if answer.status_code >= 500:
                found.append(f"{answer.status_code} {wanted['method']} {wanted['url']} {wanted.get('params')} {body}"[:500])

        ask()
    assert asked > 100 or SECONDS < 30
    if found:
        pytest.fail(f"{len(found)} of {asked}:\n" + "\n".join(found))
