"""The Sparkplug B payload as protobuf messages (Eclipse Sparkplug 3.0, 6.4; package `org.eclipse.tahu.protobuf`), and its values.

Only the fields that a host reads are declared; the library skips the others. The classes are made from the table below, so that no
generated file has to follow the library's versions. Knows no topics and no state.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

MAX_BYTES = 1_048_576  # births list every metric of a node: larger than a measurement

_F = descriptor_pb2.FieldDescriptorProto
_ONE, _MANY = _F.LABEL_OPTIONAL, _F.LABEL_REPEATED
_MESSAGES: dict[str, tuple[tuple[int, str, Any, Any, str], ...]] = {
    "PropertyValue": (
        (1, "type", _F.TYPE_UINT32, _ONE, ""),
        (2, "is_null", _F.TYPE_BOOL, _ONE, ""),
        (3, "int_value", _F.TYPE_UINT32, _ONE, ""),
        (4, "long_value", _F.TYPE_UINT64, _ONE, ""),
    ),
    "PropertySet": (
        (1, "keys", _F.TYPE_STRING, _MANY, ""),
        (2, "values", _F.TYPE_MESSAGE, _MANY, "PropertyValue"),
    ),
    "Metric": (
        (1, "name", _F.TYPE_STRING, _ONE, ""),
        (2, "alias", _F.TYPE_UINT64, _ONE, ""),
        (3, "timestamp", _F.TYPE_UINT64, _ONE, ""),
        (4, "datatype", _F.TYPE_UINT32, _ONE, ""),
        (5, "is_historical", _F.TYPE_BOOL, _ONE, ""),
        (6, "is_transient", _F.TYPE_BOOL, _ONE, ""),
        (7, "is_null", _F.TYPE_BOOL, _ONE, ""),
        (9, "properties", _F.TYPE_MESSAGE, _ONE, "PropertySet"),
        (10, "int_value", _F.TYPE_UINT32, _ONE, ""),
        (11, "long_value", _F.TYPE_UINT64, _ONE, ""),
        (12, "float_value", _F.TYPE_FLOAT, _ONE, ""),
        (13, "double_value", _F.TYPE_DOUBLE, _ONE, ""),
        (14, "boolean_value", _F.TYPE_BOOL, _ONE, ""),
        (15, "string_value", _F.TYPE_STRING, _ONE, ""),
    ),
    "Payload": (
        (1, "timestamp", _F.TYPE_UINT64, _ONE, ""),
        (2, "metrics", _F.TYPE_MESSAGE, _MANY, "Metric"),
        (3, "seq", _F.TYPE_UINT64, _ONE, ""),
    ),
}

# datatype codes (Sparkplug 3.0, 6.4.16)
INT8, INT16, INT32, INT64, BOOLEAN = 1, 2, 3, 4, 11
_BITS = {1: 8, 2: 16, 3: 32, 4: 64}  # signed types travel as two's complement in unsigned fields
WHOLE = frozenset(range(1, 9))
NUMBERS = WHOLE | {9, 10, BOOLEAN}
QUALITY_GOOD = 192  # 0 bad, 500 stale


def _payload_class() -> Any:
    package = "sitewarden.sparkplug"
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package=package, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field, kind, label, of in fields:
            message.field.add(name=field, number=number, type=kind, label=label, type_name=f".{package}.{of}" if of else None)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Payload"))


Payload: Any = _payload_class()


def parse(payload: bytes) -> Any:
    """The payload, or the reason why it is none. Nesting and size are bounded."""
    if len(payload) > MAX_BYTES:
        return f"payload of {len(payload)} bytes is over the limit of {MAX_BYTES}"
    try:
        message = Payload.FromString(payload)
    except DecodeError:
        return "not a Sparkplug B payload"
    if not all(type(metric.name) is str for metric in message.metrics):
        return "a metric's name is not UTF-8"
    return message


def number_of(metric: Any, datatype: int) -> float | bool | str | None:
    """The metric's value when its type is a number or a boolean; None for words, times, data sets and templates; text says why a
    number is missing."""
    if metric.HasField("boolean_value"):
        return bool(metric.boolean_value)
    if datatype and datatype not in NUMBERS:
        return None
    for field in ("float_value", "double_value"):
        if metric.HasField(field):
            return float(getattr(metric, field))
    for field in ("int_value", "long_value"):
        if metric.HasField(field):
            whole = int(getattr(metric, field))
            if datatype == BOOLEAN:
                return bool(whole)
            bits = _BITS.get(datatype)
            if bits is not None:
                whole &= (1 << bits) - 1
                whole -= (whole >> (bits - 1)) << bits
            return whole
    return None if metric.HasField("string_value") or not datatype else "has no value of its type"


def is_good(metric: Any) -> bool:
    """Whether the metric's `Quality` property, where it has one, calls it good."""
    if not metric.HasField("properties"):
        return True
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        if key == "Quality":
            return bool(value.int_value == QUALITY_GOOD or value.long_value == QUALITY_GOOD)
    return True
