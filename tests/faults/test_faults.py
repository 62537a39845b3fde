"""The faults that must lose nothing, at least 20 runs each; `make faults` runs more of them. A failure names its seed."""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.settings import Settings
from app.wiring import build
from storage.journal_sqlite import SqliteJournal
from tests.faults.brokered import BrokeredHouse
from tests.faults.cases import CASES, Case
from tests.scenarios.sample import kitchen
from tests.servers import free_port

RUNS = 20
SEED = 20_261
_NEEDS_SERVERS = ("F1", "F2", "F3")


def _marked(case: Case) -> object:
    marks = [pytest.mark.wire, pytest.mark.slow, pytest.mark.timeout(600)] if case.id in _NEEDS_SERVERS else []
    return pytest.param(case, id=case.id, marks=marks)


@pytest.mark.parametrize("case", [_marked(case) for case in CASES])
def test_nothing_is_lost_and_nothing_is_there_twice(case: Case) -> None:
    tally = case.run(SEED, RUNS)
    assert tally.runs >= RUNS
    verdict = tally.verdict
    assert verdict.is_clean, "\n".join([*verdict.lost[:20], *verdict.doubled[:20], *verdict.invented[:20]])


def test_a_flipped_byte_is_named_in_health_with_its_positions(tmp_path: Path) -> None:
    house = BrokeredHouse(tmp_path / "lived", kitchen())
    for _ in range(30):
        house.say("gas-1")
        house.run(0.1)
    body = next(row for position, row in house.journal.read(0) if position == 20)
    house.journal.close()
    data = tmp_path / "data"
    (tmp_path / "lived").rename(data)
    octets = bytearray((data / "journal.db").read_bytes())
    at = octets.find(body) + random.Random(SEED).randrange(len(body))
    octets[at] ^= 0x10
    (data / "journal.db").write_bytes(octets)
    with ExitStack() as stack:
        settings = Settings(data_dir=data, mqtt_url=f"mqtt://127.0.0.1:{free_port()}", historian_url="memory://", http_port=0)
        assert "20 to 20" in build(settings, stack).health().degraded["journal"]
    journal = SqliteJournal(data / "journal.db", 0)
    assert journal.damage(0) == [(20, 20)]
    journal.close()
