"""The last refused messages of each device: newest first, bounded by device and for all together, the same after a snapshot."""

from __future__ import annotations

from ingest.heard import Refused
from ingest.refusals import OF_A_DEVICE, OF_ALL, Refusals


def refused(device_id: str | None, n: int) -> Refused:
    return Refused(device_id=device_id, topic="t", reason=f"no {n}", raw=bytes([n % 256]), arrived_ms=n)


def test_the_last_hundred_of_a_device_are_kept_newest_first_and_all_are_counted() -> None:
    kept = Refusals()
    for n in range(250):
        kept.add(refused("a", n))
    kept.add(refused(None, 7))
    assert [r.arrived_ms for r in kept.of("a")] == list(range(249, 249 - OF_A_DEVICE, -1))
    assert kept.total("a") == 250
    assert [r.arrived_ms for r in kept.of("")] == [7]


def test_what_all_devices_keep_together_is_bounded_and_the_quiet_ones_lose_first() -> None:
    kept = Refusals()
    for device in range(OF_ALL // OF_A_DEVICE + 1):
        for n in range(OF_A_DEVICE):
            kept.add(refused(f"d{device}", n))
    assert kept.of("d0") == ()
    assert kept.total("d0") == OF_A_DEVICE
    assert len(kept.of("d1")) == OF_A_DEVICE
    assert len(kept.dump().kept) == OF_ALL


def test_a_loaded_snapshot_goes_on_where_it_was() -> None:
    kept, again = Refusals(), Refusals()
    for n in range(120):
        kept.add(refused("a", n))
        kept.add(refused("b", n))
    again.load(kept.dump())
    assert (again.of("a"), again.of("b"), again.total("a")) == (kept.of("a"), kept.of("b"), 120)
    for one in (kept, again):
        one.add(refused("b", 500))
        one.forget("a")
    assert again.dump() == kept.dump()
    assert again.of("a") == ()
    assert again.total("a") == 0
