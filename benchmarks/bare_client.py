"""What the service is measured against: a bare paho-mqtt client that counts messages and acknowledges them in batches, and nothing else.

Run as a process of its own: `python -m benchmarks.bare_client PORT FILTER RECEIVE_MAXIMUM COUNT`. Says `up` when subscribed, and the moment
(monotonic, seconds) of the last message.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

_BATCH = 500
_OK = MQTTErrorCode.MQTT_ERR_SUCCESS


def main(port: int, topic_filter: str, receive_maximum: int, count: int) -> None:
    client = Client(CallbackAPIVersion.VERSION2, client_id="bare", protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
    received = 0
    mids: list[int] = []

    def acknowledge() -> None:
        # the service's own way: joined into one write, because `client.ack` costs two system calls each
        client._packet_queue(0x40, b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids), mids[-1], 1)
        mids.clear()

    def on_message(_client: Client, _userdata: Any, message: MQTTMessage) -> None:
        nonlocal received
        received += 1
        if message.qos:
            mids.append(message.mid)
            if len(mids) >= _BATCH:
                acknowledge()

    client.on_message = on_message
    client.on_socket_register_write = lambda *_: None
    client.on_connect = lambda *_: client.subscribe(topic_filter, options=SubscribeOptions(qos=1))
    client.on_subscribe = lambda *_: print("up", flush=True)
    properties = Properties(PacketTypes.CONNECT)
    properties.ReceiveMaximum = receive_maximum
    properties.SessionExpiryInterval = 3600
    client.connect("127.0.0.1", port, 60, clean_start=True, properties=properties)
    while received < count and client.loop(0.5) == _OK:
        while True:  # what is there already, without asking the system before each packet
            before = received
            if client.loop_read() != _OK or received == before or received >= count:
                break
        if mids:
            acknowledge()
    print(time.monotonic(), flush=True)
    client.loop(0.1)
    client.disconnect()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
