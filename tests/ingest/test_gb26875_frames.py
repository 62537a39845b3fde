"""Frames of GB/T 26875.3 in a stream: sticky, split at any byte, between noise, damaged; and hostile streams are cheap."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.gb26875 import CONFIRM, MAX_DATA, MAX_FRAME, SEND, Frame, cut, label_of, ms_of
from tests.ingest.gb26875_vectors import CONFIRM as CONFIRMED
from tests.ingest.gb26875_vectors import MAINS_FAULT, SMOKE_FIRE, VECTORS, T


@pytest.mark.parametrize("raw", VECTORS, ids=["mains fault", "confirm", "duty check", "clock sync", "smoke fire"])
def test_verified_vectors_there_and_back(raw):
    found = cut(raw)
    assert (found.skipped, found.damaged, found.rest) == (0, [], b"")
    (frame,) = found.frames
    assert frame.raw == raw


def test_a_confirmation_is_the_verified_one():
    (frame,) = cut(MAINS_FAULT).frames
    assert (frame.source, frame.target, frame.serial, frame.command) == (889, 88888, 1, SEND)
    assert frame.answer(CONFIRM, bytes.fromhex("233A091A090C")) == CONFIRMED


def test_time_labels_are_local_to_china():
    assert ms_of(bytes.fromhex("203A091A090C")) == 1_348_624_712_000  # 2012-09-26T09:58:32+08:00
    assert ms_of(label_of(T)) == T
    assert ms_of(bytes(6)) is None
    assert ms_of(b"\xff" * 6) is None


frames = st.builds(
    Frame,
    st.integers(0, 0xFFFF),
    st.binary(min_size=2, max_size=2),
    st.binary(min_size=6, max_size=6),
    st.integers(0, 2**48 - 1),
    st.integers(0, 2**48 - 1),
    st.integers(0, 255),
    st.binary(max_size=60).filter(lambda body: b"@@" not in body),
).filter(lambda frame: frame.raw.count(b"@@") == 1 and not frame.raw[:-2].endswith(b"@"))
noise = st.binary(max_size=40).filter(lambda garbage: b"@" not in garbage)


@settings(deadline=None)
@given(st.lists(st.tuples(noise, frames), max_size=6), noise, st.lists(st.integers(0, 10_000), max_size=8))
def test_a_stream_split_anywhere_gives_the_same_frames_and_noise_is_skipped_and_counted(parts, tail, splits):
    stream = b"".join(garbage + frame.raw for garbage, frame in parts) + tail
    wanted = [frame for _, frame in parts]
    whole = cut(stream)
    assert whole.frames == wanted
    assert whole.skipped + len(whole.rest) == sum(len(garbage) for garbage, _ in parts) + len(tail)
    edges = sorted({0, len(stream), *(split % (len(stream) + 1) for split in splits)})
    found, skipped, rest = [], 0, b""
    for start, stop in pairwise(edges):
        piece = cut(rest + stream[start:stop])
        found += piece.frames
        skipped += piece.skipped
        rest = piece.rest
    assert (found, skipped + len(rest)) == (wanted, whole.skipped + len(whole.rest))


def test_byte_by_byte():
    found, rest = [], b""
    for byte in b"noise" + b"".join(VECTORS):
        piece = cut(rest + bytes([byte]))
        found += piece.frames
        rest = piece.rest
    assert [frame.raw for frame in found] == list(VECTORS)


def test_a_damaged_frame_is_told_of_and_the_next_one_is_found():
    broken = bytearray(SMOKE_FIRE)
    broken[40] ^= 1
    found = cut(bytes(broken) + MAINS_FAULT)
    assert [frame.raw for frame in found.frames] == [MAINS_FAULT]
    assert [frame.serial for frame in found.damaged] == [0]
    assert found.skipped == len(broken)


def test_a_frame_cut_short_does_not_swallow_the_next():
    found = cut(SMOKE_FIRE[:50] + MAINS_FAULT)
    assert [frame.raw for frame in found.frames] == [MAINS_FAULT]


def test_a_false_start_before_a_frame_does_not_hold_it_back():
    false = b"@@" + bytes(22) + b"\x00\x04" + b"\x02"  # announces 1024 bytes that never come
    assert [frame.raw for frame in cut(false + SMOKE_FIRE).frames] == [SMOKE_FIRE]


def test_a_frame_longer_than_the_standard_allows_is_noise():
    long = Frame(1, b"\x01\x01", bytes(6), 1, 2, SEND, bytes(MAX_DATA + 1)).raw
    assert cut(long).frames == []
    assert len(cut(Frame(1, b"\x01\x01", bytes(6), 1, 2, SEND, bytes(MAX_DATA)).raw).frames) == 1


@pytest.mark.parametrize(
    "stream",
    [
        b"@" * 65_536,
        b"@@" + b"\0" * 65_536,
        (b"@@" + bytes(22) + b"\x00\x04\x02") * 2_000,
        (b"@@" + bytes(22) + b"\0\0\x02\xaa##") * 2_000,
        b"#" * 65_536,
    ],
    ids=["starts", "zeros", "false starts", "wrong checksums", "ends"],
)
def test_hostile_streams_hold_little_and_cost_little(stream):
    began = time.perf_counter()
    found = cut(stream)
    assert time.perf_counter() - began < 1.0
    assert found.frames == []
    assert len(found.damaged) <= 65
    assert len(found.rest) < MAX_FRAME
    assert found.skipped + len(found.rest) == len(stream)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise_and_none_is_lost_from_the_count(stream):
    found = cut(stream)
    assert sum(len(frame.raw) for frame in found.frames) + found.skipped + len(found.rest) == len(stream)
