"""What the codecs make of a message that is pasted: for whoever connects devices and asks why nothing comes of them. It changes nothing."""

from __future__ import annotations

import base64
import binascii

from fastapi import APIRouter

from api.door import ActingRoute, At, By
from api.problems import invalid
from api.shapes.provisioning import CodecList, DecodeAsk, DecodedShape
from api.shapes.times import iso_or_none

router = APIRouter(route_class=ActingRoute, tags=["devices"])
_YEARS = 253_402_300_800_000  # the year 10000: what a device says beyond it is no time


@router.get("/codecs")
def codecs(door: At, visitor: By) -> CodecList:
    """The ecosystems that are understood, by the names that devices carry."""
    return {"items": list(door.codecs.names)}


@router.post("/decode")
def decode(ask: DecodeAsk, door: At, visitor: By) -> DecodedShape:
    """The same as `sitewarden decode`, and whether a known device is heard there."""
    visitor.must_somewhere("configure")
    if (ask.payload is None) == (ask.payload_b64 is None):
        raise invalid("give either payload or payload_b64", "/payload")
    try:
        payload = (
            ask.payload.encode("utf-8", "surrogatepass")
            if ask.payload is not None
            else base64.b64decode(ask.payload_b64 or "", validate=True)
        )
    except (binascii.Error, ValueError):
        raise invalid("payload_b64 is not base64", "/payload_b64") from None
    told = door.codecs.describe(ask.topic, payload)
    codec, address = told["codec"], told["device"]
    known = door.board.roster.find(codec, address) if codec and address else None
    return {
        "codec": codec,
        "device": address,
        "known_id": known.id if known is not None and visitor.reach.may("see", known.site_id) else None,
        "readings": [
            {
                "metric": reading["metric"],
                "value": reading["value"],
                "unit": reading["unit"],
                "taken_at": iso_or_none(reading["taken_ms"]) if 0 <= (reading["taken_ms"] or 0) < _YEARS else None,
            }
            for reading in told["readings"]
        ],
        "availability": told["availability"],
        "confirmations": [
            {"order": c["order"], "channel": str(c["channel"] or ""), "result": c["result"], "reason": c["reason"]}
            for c in told["confirmations"]
        ],
        "refusals": [refusal["reason"] for refusal in told["refusals"]],
    }
