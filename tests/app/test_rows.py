from __future__ import annotations

import dataclasses
import typing

import msgspec
import pytest

from app.configuration import KINDS
from app.rows import FORMAT, ITEMS, THINGS, ConfigChanged, Input, Placed, RowError, decode, encode
from sites.model import Site
from sites.readings import NO_TIME, RawReadings


def _sample(kind: type) -> object:
    """An instance with a distinct value in every required field."""
    hints = typing.get_type_hints(kind)
    values: dict[str, object] = {}
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING:
            continue
        text = str(hints[field.name])
        if "tuple" in text:
            values[field.name] = ("a", "b")
        elif "bytes" in text:
            values[field.name] = b"\x00\xff"
        elif "float" in text:
            values[field.name] = 7.5
        elif "int" in text:
            values[field.name] = 7
        elif "bool" in text:
            values[field.name] = True
        elif isinstance(hints[field.name], type) and hasattr(hints[field.name], "__members__"):
            values[field.name] = next(iter(hints[field.name]))
        else:
            values[field.name] = f"{field.name} 文"
    return kind(**values)


@pytest.mark.parametrize("kind", ITEMS.values(), ids=lambda kind: kind.__name__)
def test_every_kind_of_item_comes_back_as_it_was(kind: type) -> None:
    item = _sample(kind)
    back = decode(encode(Input(9, items=[Placed(0, 8, item)])))
    assert back.items[0].item == item
    assert (back.now_ms, back.items[0].index, back.items[0].at_ms) == (9, 0, 8)


def test_readings_come_back_bit_by_bit() -> None:
    readings = RawReadings.of([2**62, 1], [int(NO_TIME), 5], [1, 2], [0.1, -0.0], [0, 255])
    back = decode(encode(Input(1, readings))).readings
    for name in ("keys", "device_ms", "arrived_ms", "values", "flags"):
        assert getattr(back, name).tobytes() == getattr(readings, name).tobytes()


def test_a_changed_thing_travels_whole() -> None:
    site = Site(id="s", enterprise_id="e", name="商场", commanding=True, version=4)
    assert ConfigChanged.of("site", "s", 4, site).thing() == site
    assert set(THINGS) == set(KINDS)


def test_a_row_of_another_format_is_refused() -> None:
    row = msgspec.msgpack.decode(encode(Input(1)))
    with pytest.raises(RowError, match=f"format {FORMAT + 1}"):
        decode(msgspec.msgpack.encode([FORMAT + 1, *row[1:]]))


def test_an_item_of_a_newer_service_is_refused_by_name() -> None:
    row = msgspec.msgpack.decode(encode(Input(1)))
    row[-1] = [[0, 0, "teleport", {}]]
    with pytest.raises(RowError, match="teleport"):
        decode(msgspec.msgpack.encode(row))


def test_garbage_is_refused() -> None:
    with pytest.raises(RowError, match="cannot be read"):
        decode(b"\xc1 not a row")
