"""Snapshots: everything comes back as it was, the newest good one is taken, a bad one is passed over and said so."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from storage import snapshots


class Phase(enum.StrEnum):
    QUIET = "quiet"
    LOUD = "loud"


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    phase: Phase
    at_ms: int | None = None


@dataclass(slots=True)
class State:
    position: int
    keys: NDArray[np.int64]
    values: NDArray[np.float64]
    flags: NDArray[np.uint8]
    grid: NDArray[np.bool_]
    by_key: dict[int, Thing]
    by_name: dict[str, tuple[int, str]] = field(default_factory=dict)
    stages: list[tuple[str, NDArray[np.int32]]] = field(default_factory=list)
    note: str | None = None


def a_state(position: int) -> State:
    return State(
        position=position,
        keys=np.array([0, -1, 2**63 - 1, -(2**63), 2**62 + 1], np.int64),
        values=np.array([np.nan, np.inf, -0.0, 1e-310, position], np.float64),
        flags=np.zeros(0, np.uint8),
        grid=np.array([[True, False, True], [False, False, True]]).T,
        by_key={2**63 - 1: Thing("断电", Phase.LOUD, 7), 0: Thing("", Phase.QUIET)},
        by_name={"é\n": (-(2**63), "x")},
        stages=[("a", np.arange(3, dtype=np.int32)), ("b", np.zeros(0, np.int32))],
    )


def same(a: State, b: State) -> bool:
    arrays = all(
        x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
        for x, y in [(a.keys, b.keys), (a.values, b.values), (a.flags, b.flags), (a.grid, b.grid)]
    )
    stages = [(name, rows.tolist()) for name, rows in a.stages] == [(name, rows.tolist()) for name, rows in b.stages]
    return arrays and stages and (a.position, a.by_key, a.by_name, a.note) == (b.position, b.by_key, b.by_name, b.note)


def test_a_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    snapshots.write(tmp_path, 42, a_state(42))
    found = snapshots.newest(tmp_path, None, State)
    assert found is not None
    assert found[0] == 42
    assert same(found[1], a_state(42))
    found[1].values[0] = 1.0  # arrays are the reader's own, and writable


def test_an_empty_or_missing_folder_has_none(tmp_path: Path) -> None:
    assert snapshots.newest(tmp_path / "nowhere", None, State) is None
    assert snapshots.newest(tmp_path, 5, State) is None


def test_the_newest_not_after_the_asked_position_is_taken(tmp_path: Path) -> None:
    for position in (9, 10, 100):
        snapshots.write(tmp_path, position, a_state(position))
    for asked, got in [(None, 100), (100, 100), (99, 10), (10, 10), (9, 9)]:
        found = snapshots.newest(tmp_path, asked, State)
        assert found is not None
        assert (found[0], found[1].position) == (got, got)
    assert snapshots.newest(tmp_path, 8, State) is None


def test_three_are_kept(tmp_path: Path) -> None:
    for position in range(1, 7):
        snapshots.write(tmp_path, position, a_state(position))
    assert sorted(int(path.stem) for path in tmp_path.iterdir()) == [4, 5, 6]


@pytest.mark.parametrize(("floor", "kept"), [(3, [3, 6, 7, 8]), (6, [6, 7, 8]), (0, [2, 6, 7, 8])])
def test_the_one_from_which_a_projection_is_refilled_is_kept_too_also_while_its_position_is_not_known(
    floor: int, kept: list[int], tmp_path: Path
) -> None:
    for position in range(2, 9):
        snapshots.write(tmp_path, position, a_state(position), floor=floor)
    assert snapshots.positions(tmp_path) == kept


@pytest.mark.parametrize(
    "place", ["magic", "format", "position", "length", "checksum", "body", "end", "cut", "longer", "empty", "other name"]
)
def test_a_damaged_newest_is_passed_over_and_named(tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture) -> None:
    snapshots.write(tmp_path, 1, a_state(1))
    path = snapshots.write(tmp_path, 2, a_state(2))
    content = bytearray(path.read_bytes())
    offsets = {"magic": 0, "format": 5, "position": 13, "length": 21, "checksum": 25, "body": 80, "end": -1}
    if place in offsets:
        content[offsets[place]] ^= 4
    elif place == "cut":
        del content[-1]
    elif place == "longer":
        content += b"\0"
    elif place == "empty":
        content.clear()
    else:
        path = path.rename(path.with_name("3".zfill(20) + path.suffix))
    path.write_bytes(bytes(content))
    found = snapshots.newest(tmp_path, None, State)
    assert found is not None
    assert found[0] == 1
    assert path.name in caplog.text


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = snapshots.write(tmp_path, 2, a_state(2))
    content = path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert snapshots.newest(tmp_path, None, State) is None, at


def test_a_state_of_another_shape_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    snapshots.write(tmp_path, 1, Thing("not a state", Phase.QUIET))
    assert snapshots.newest(tmp_path, None, State) is None
    assert "another state" in caplog.text


def test_a_failed_write_leaves_the_old_ones_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots.write(tmp_path, 1, a_state(1))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        snapshots.write(tmp_path, 2, a_state(2))
    assert [int(path.stem) for path in tmp_path.iterdir()] == [1]


@pytest.mark.parametrize("value", [np.array([object()]), object()])
def test_what_cannot_be_kept_is_refused(tmp_path: Path, value: object) -> None:
    @dataclass
    class Odd:
        value: object

    with pytest.raises(TypeError):
        snapshots.write(tmp_path, 1, Odd(value))
    assert list(tmp_path.iterdir()) == []
