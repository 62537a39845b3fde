"""Snapshots: all scan state at one journal position, as a file that is whole or not there. Written by a thread beside the scan.

State is a dataclass of plain values, enums, containers and numpy arrays (`NDArray[...]`); it travels as MessagePack, never as pickle.
A file that fails its checksum is passed over for the one before, and said so; nothing is ever repaired or guessed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import zlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

MAGIC = b"SWSN"
FORMAT = 1
KEPT = 3
_HEAD_BYTES = 4 + 2 + 8 + 8 + 4  # magic, format, position, length of the body, CRC-32 of position and body
_SUFFIX = ".snapshot"

log = logging.getLogger(__name__)
State = TypeVar("State")


class SnapshotDamaged(Exception):
    """The file is not a whole snapshot of the format and type that was asked for."""


def write(folder: Path, position: int, state: object, floor: int | None = None) -> Path:
    """Write `state` at `position`, durable when this returns; keeps the newest three, and the newest at or before `floor` (from which a
    projection that is behind is refilled). Returns the file. Raises OSError (disk full: no half file stays), TypeError for a value
    that cannot be kept."""
    folder.mkdir(parents=True, exist_ok=True)
    body = msgspec.msgpack.encode(state, enc_hook=_encode)
    path = folder / f"{position:020d}{_SUFFIX}"
    partial = path.with_suffix(".part")
    try:
        with open(partial, "wb") as file:
            file.write(_head(position, body))
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(folder)
    files = _files(folder)
    # a floor before all of them: the oldest is the nearest to it, also where the floor is not known yet (0)
    needed = None if floor is None else next((file for file in files if int(file.stem) <= floor), files[-1])
    for old in files[KEPT:]:
        if old != needed:
            old.unlink(missing_ok=True)
    return path


def newest(folder: Path, at_most_position: int | None, state_type: type[State]) -> tuple[int, State] | None:
    """(position, state) of the newest good snapshot not after `at_most_position` (None: any), or None when there is none."""
    for path in _files(folder):
        if at_most_position is not None and int(path.stem) > at_most_position:
            continue
        try:
            return _read(path, state_type)
        except (SnapshotDamaged, OSError) as error:
            log.error("snapshot %s is passed over: %s", path.name, error)
    return None


def positions(folder: Path) -> list[int]:
    """Positions of the snapshots that are there, oldest first."""
    return [int(file.stem) for file in reversed(_files(folder))]


def _files(folder: Path) -> list[Path]:
    """Newest first."""
    return sorted((path for path in folder.glob(f"*{_SUFFIX}") if path.stem.isdigit()), reverse=True)


def _head(position: int, body: bytes) -> bytes:
    place = position.to_bytes(8)
    return MAGIC + FORMAT.to_bytes(2) + place + len(body).to_bytes(8) + zlib.crc32(body, zlib.crc32(place)).to_bytes(4)


def _read(path: Path, state_type: type[State]) -> tuple[int, State]:
    content = path.read_bytes()
    position, body = int(path.stem), content[_HEAD_BYTES:]
    if content[:4] != MAGIC:
        raise SnapshotDamaged("it is no snapshot file")
    if content[4:6] != FORMAT.to_bytes(2):
        raise SnapshotDamaged(f"its format is {int.from_bytes(content[4:6])}, {FORMAT} is read here")
    if content[:_HEAD_BYTES] != _head(position, body):
        raise SnapshotDamaged("its position, length or checksum does not fit")
    try:
        return position, msgspec.msgpack.decode(body, type=state_type, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise SnapshotDamaged(f"it holds another state: {error}") from error


def _sync_folder(folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        descriptor = os.open(folder, os.O_RDONLY)
        stack.callback(os.close, descriptor)
        os.fsync(descriptor)


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("an array of objects cannot be kept")
        return value.dtype.str, value.shape, np.ascontiguousarray(value).tobytes()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be kept in a snapshot")


def _decode(kind: type, value: Any) -> Any:
    if kind is np.ndarray or getattr(kind, "__origin__", None) is np.ndarray:
        dtype, shape, octets = value
        return np.frombuffer(octets, np.dtype(dtype)).reshape(shape).copy()
    raise NotImplementedError(f"{kind} cannot be read from a snapshot")
