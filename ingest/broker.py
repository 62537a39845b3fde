"""The connections to the MQTT broker; the only importer of the MQTT library.

`Link` is one connection that keeps coming back: every attempt is a fresh client of the library with its own epoch, so nothing queued or
unacknowledged on a dead connection can leave later. `Broker` is the service's pair: telemetry (persistent session, acknowledged by the
scan after the journal) and commands (clean session; commands out, replies and status in). MQTT 5, falling back to 3.1.1.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.heard import Message
from ingest.inbox import Inbox
from ingest.link import Address, Habits
from ingest.stream import Stream

log = logging.getLogger(__name__)

_OK = MQTTErrorCode.MQTT_ERR_SUCCESS
_UNSUPPORTED = (132, 1)  # CONNACK: unsupported protocol version, in MQTT 5 and in 3.1.1
_PUBACK = 0x40
_PIECE, _PIECES = 64 * 1024, 4  # bytes read at once, and how often between two looks at the clock and at what is to be written
_PATIENCE_S = 0.1  # for room in the inbox: meanwhile the network and the broker hold what comes
STOPPED = "stopped"  # the `problem` of a link that was stopped, not lost
MAX_PACKET = 16 * 1024 * 1024  # bytes that a broker may send us in one packet (MQTT 5)

OnMessages = Callable[[list[Message]], None]
OnConnection = Callable[[str, bool, bool], None]  # name, up, session present
OnDelivered = Callable[[str, str], None]  # token, "" or the broker's reason


def _drop(messages: list[Message]) -> None:
    """For links that only publish."""


class _Client(paho.Client):
    """The library's client, reading the socket in large pieces: `pieces` of them, then no more until it is given new ones. Plain PUBLISHes
    at the front of a piece pass the library by."""

    def __init__(self, *arguments: Any, stream: Stream, hand_on: Callable[[Stream], None], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.stream, self._hand_on = stream, hand_on
        self.pieces = 0

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self.stream:
            if not self.pieces:
                raise BlockingIOError
            self.pieces -= 1
            self.stream.feed(super()._sock_recv(_PIECE))
        return self.stream.take(bufsize)

    def _packet_read(self) -> MQTTErrorCode:
        if self.stream and self._in_packet["command"] == 0:
            self._hand_on(self.stream)
            if not self.stream:
                return _OK
        return super()._packet_read()


class Link:
    """One connection to a broker, kept up by a thread of its own until `stop`.

    `on_connection` is called when subscriptions are granted and when the connection is gone, or has not come within `patience_s` of the
    start; `on_delivered` when the broker has
    acknowledged a publish that carried a token. Callbacks run on the link's thread.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        habits: Habits,
        *,
        clock: Callable[[], int],
        on_messages: OnMessages | None = None,
        on_connection: OnConnection | None = None,
        on_delivered: OnDelivered | None = None,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self.address = address
        self.habits = habits
        self.is_up = False
        self.problem = "not connected yet"  # why it is down; "" while up
        self.protocol = 4 if address.is_embedded else 5  # as the protocol level: 4 is MQTT 3.1.1
        self.connections = 0  # times it came up
        self._clock = clock
        self._on_messages = on_messages or _drop
        self._on_connection = on_connection
        self._on_delivered = on_delivered
        self._has_room = has_room
        self._handed = self._done = 0  # publishes on this connection
        self._tokens: dict[int, str] = {}
        self._early: dict[int, str] = {}
        self._tokens_lock = threading.Lock()
        self._current: tuple[_Client, int] | None = None
        self._epoch = 0
        self._is_told = False  # the owner was told that it is up, or that it does not come up
        self._is_greeted = False  # the broker answered CONNECT with an acceptance, or refused for another reason than the protocol
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"mqtt {name}", daemon=True)

    # -- for its owner ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin connecting; returns at once, also when no broker is there yet."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Disconnect cleanly; nothing is published or acknowledged after it."""
        self._stopping.set()
        current = self._current
        if current is not None:
            current[0].disconnect()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def renew(self) -> None:
        """Drop the connection and come back: whatever is unacknowledged on it is sent again."""
        current = self._current
        if current is not None:
            current[0].disconnect()

    def acknowledge(self, acks: Iterable[tuple[int, int]]) -> int:
        """Acknowledge QoS 1 messages (epoch, mid) in this order; those of older connections are dropped. Returns how many were given on."""
        current = self._current
        if current is None:
            return 0
        client, epoch = current
        mids = [mid for message_epoch, mid in acks if message_epoch == epoch]
        if mids:
            # all in one write: `client.ack` costs two system calls each. A PUBACK without reason is alike in MQTT 3.1.1 and 5
            packets = b"".join([b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids])
            client._packet_queue(_PUBACK, packets, mids[-1], 1)
        return len(mids)

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expiry_s: int | None = None, token: str = ""
    ) -> str | None:
        """Hand a message to the connection; None, or the reason why it was not taken. Nothing is kept for a later connection."""
        current = self._current
        if current is None or not self.is_up:
            return f"not connected to the broker: {self.problem or 'connecting'}"
        properties = None
        if expiry_s is not None and self.protocol == 5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = max(1, expiry_s)
        # no lock of ours is held here: the library calls `_acknowledged` under its own
        info = current[0].publish(topic, payload, qos, retain, properties)
        if info.rc != _OK:
            return f"the broker connection did not take it: {paho.error_string(info.rc)}"
        self._handed += 1
        if self._on_delivered is not None:
            with self._tokens_lock:
                early = self._early.pop(info.mid, None)
                if early is None and token:
                    self._tokens[info.mid] = token
            if early is not None and token:
                self._on_delivered(token, early)
        return None

    @property
    def unsent(self) -> int:
        """Publishes of this connection that are not acknowledged (QoS 1) or written (QoS 0) yet: what a fast publisher waits for."""
        return self._handed - self._done

    # -- its thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        pause_s = self.habits.backoff_s
        began = time.monotonic()
        while not self._stopping.is_set():
            before = self.connections
            fell_back = self._one_connection()
            if self.connections > before:
                pause_s = self.habits.backoff_s
            if fell_back:
                continue
            if not self._is_told and time.monotonic() - began >= self.habits.patience_s:
                self._tell(False, False)
            self._stopping.wait(pause_s)
            pause_s = min(pause_s * 2, self.habits.backoff_max_s)

    def _one_connection(self) -> bool:
        """Connect, stay until it is gone. Returns True when another protocol version should be tried at once."""
        self._epoch += 1
        self._handed = self._done = 0
        client = self._fresh_client(self._epoch)
        self._is_greeted = False
        started = time.monotonic()
        try:
            self._connect(client)
            self._current = (client, self._epoch)
            while True:
                client.pieces = _PIECES if self._wait_for_room() else 1
                if client.loop(0.5) != _OK:
                    break
                self._read_on(client)
                if self._stopping.is_set():
                    client.disconnect()
                elif not self._is_greeted and time.monotonic() - started > self.habits.connect_timeout_s:
                    self.problem = "the broker accepts the connection but does not answer"
                    break
        except (OSError, ValueError) as error:  # ValueError: certificate files
            self.problem = f"{type(error).__name__}: {error}"
            return False
        finally:
            self._current = None
            with self._tokens_lock:
                self._tokens.clear()
                self._early.clear()
            self._went_down()
            if client.socket() is not None:
                client.disconnect()
                client.loop(0)
        if self._is_greeted or self._stopping.is_set():
            return False
        self.protocol = 4 if self.protocol == 5 else 5
        return self.protocol == 4

    def _read_on(self, client: _Client) -> None:
        """Read what is there already, without asking the system before each packet whether something is."""
        while True:
            before = client.stream.passed
            if client.loop_read() != _OK or client.stream.passed == before:
                return

    def _wait_for_room(self) -> bool:
        """A burst is read at the pace at which it is taken, so that nothing of it need be dropped; while nobody takes it, it is read
        slowly, so that the connection lives."""
        until = time.monotonic() + _PATIENCE_S
        while not self._has_room():
            if time.monotonic() > until or self._stopping.wait(0.002):
                return False
        return True

    def _fresh_client(self, epoch: int) -> _Client:
        habits, hand_on, clock = self.habits, self._on_messages, self._clock
        by_hand = habits.is_persistent

        def arrived(_client: paho.Client, _userdata: Any, m: paho.MQTTMessage) -> None:
            try:
                topic = m.topic
            except UnicodeDecodeError:
                topic = "(not UTF-8)"
            hand_on([Message(topic, bytes(m.payload), m.qos, m.retain, clock(), m.mid if by_hand else 0, epoch)])

        def streamed(stream: Stream) -> None:
            messages = stream.messages(clock(), epoch)
            if messages:
                hand_on(messages)

        options: dict[str, Any] = {} if self.protocol == 5 else {"clean_session": not habits.is_persistent}
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=habits.client_id,
            protocol=MQTTProtocolVersion(self.protocol),
            reconnect_on_failure=False,
            manual_ack=by_hand,
            stream=Stream(self.protocol, most_qos=1 if by_hand else 0),  # the library acknowledges where nobody does by hand
            hand_on=streamed,
            **options,
        )
        if self.address.username is not None:
            client.username_pw_set(self.address.username, self.address.password)
        if self.address.is_tls:
            client.tls_set(self.address.ca, self.address.certificate, self.address.key)
        client.max_inflight_messages_set(10_000)
        client.connect_timeout = habits.connect_timeout_s
        client.on_connect = self._greeted
        client.on_subscribe = self._subscribed
        client.on_publish = self._acknowledged
        # with a writer's callback set, other threads only queue packets and wake this one: a single thread writes to the socket
        client.on_socket_register_write = lambda *_: None
        client.on_message = arrived
        return client

    def _connect(self, client: paho.Client) -> None:
        habits = self.habits
        if self.protocol != 5:
            client.connect(self.address.host, self.address.port, habits.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = min(habits.receive_maximum, 65_535)
        properties.MaximumPacketSize = MAX_PACKET
        if habits.is_persistent:
            properties.SessionExpiryInterval = habits.session_expiry_s
        client.connect(
            self.address.host, self.address.port, habits.keepalive_s, clean_start=not habits.is_persistent, properties=properties
        )

    def _greeted(self, client: paho.Client, _userdata: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self.problem = f"the broker refused the connection: {reason}"
            self._is_greeted = reason.value not in _UNSUPPORTED
            return
        self._is_greeted = True
        client.user_data_set(bool(flags.session_present))
        filters = self.habits.filters
        if not filters:
            self._came_up(bool(flags.session_present))
        elif self.protocol == 5:
            client.subscribe([(topic_filter, SubscribeOptions(qos=1)) for topic_filter in filters])
        else:
            client.subscribe([(topic_filter, 1) for topic_filter in filters])

    def _subscribed(self, client: paho.Client, session_present: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = [f for f, reason in zip(self.habits.filters, reasons, strict=False) if reason.is_failure]
        if len(refused) < len(self.habits.filters):
            self._came_up(bool(session_present))
        if refused:
            self.problem = f"the broker refused to let us subscribe to {', '.join(refused)}"
            log.error("%s: %s", self.name, self.problem)
        if not self.is_up:  # it would hear nothing
            client.disconnect()

    def _came_up(self, session_present: bool) -> None:
        self.is_up, self.problem = True, ""
        self.connections += 1
        log.info("%s: connected to %s with MQTT %s", self.name, self.address, "5" if self.protocol == 5 else "3.1.1")
        self._tell(True, session_present)

    def _went_down(self) -> None:
        if not self.is_up:
            return
        self.is_up = False
        self.problem = STOPPED if self._stopping.is_set() else "connection lost"
        self._tell(False, False)

    def _tell(self, up: bool, session_present: bool) -> None:
        self._is_told = True
        if self._on_connection is not None:
            self._on_connection(self.name, up, session_present)

    def _acknowledged(self, _client: paho.Client, _userdata: Any, mid: int, reason: Any, _properties: Any) -> None:
        self._done += 1
        if self._on_delivered is None:
            return
        why = str(reason) if reason.value else ""
        with self._tokens_lock:
            token = self._tokens.pop(mid, "")
            if not token:
                self._early[mid] = why  # it overtook its own `publish`, which will find it
        if token:
            self._on_delivered(token, why)


class Broker:
    """The service's two connections. `on_connection(which, up, session_present)`: `which` is "telemetry" or "commands"; telemetry that
    comes back without its session may have lost messages, which is counted in `sessions_lost`."""

    def __init__(
        self,
        address: Address,
        client_id: str,
        inbox: Inbox,
        *,
        clock: Callable[[], int],
        telemetry_filters: tuple[str, ...],
        reply_filters: tuple[str, ...],
        on_connection: OnConnection | None = None,
        on_delivered: OnDelivered | None = None,
        receive_maximum: int = 10_000,
    ) -> None:
        self.sessions_lost = 0
        telemetry_filters = tuple(f for f in telemetry_filters if address.takes(f))
        reply_filters = tuple(f for f in reply_filters if address.takes(f))
        self._on_connection = on_connection
        self.telemetry = Link(
            "telemetry",
            address,
            Habits(client_id=client_id, filters=telemetry_filters, is_persistent=True, receive_maximum=receive_maximum),
            clock=clock,
            on_messages=lambda messages: inbox.put(*messages),
            has_room=inbox.has_room,
            on_connection=self._changed,
        )
        self.commands = Link(
            "commands",
            address,
            Habits(client_id=f"{client_id}-commands", filters=reply_filters),
            clock=clock,
            on_messages=lambda messages: inbox.put_urgent(*messages),
            on_connection=self._changed,
            on_delivered=on_delivered,
        )

    def start(self) -> None:
        self.commands.start()
        self.telemetry.start()

    def stop(self) -> None:
        self.telemetry.stop()
        self.commands.stop()

    @property
    def is_up(self) -> bool:
        return self.telemetry.is_up and self.commands.is_up

    def acknowledge(self, acks: Iterable[tuple[int, int]]) -> None:
        """For the scan, once the journal has them: (epoch, mid) in arrival order."""
        self.telemetry.acknowledge(acks)

    def redeliver(self) -> None:
        """Have the broker send again what was left unacknowledged, after a time in which the journal could not be written."""
        self.telemetry.renew()

    def publish(self, topic: str, payload: bytes, *, expiry_s: int | None = None, token: str = "") -> str | None:
        """A command (or an alarm's transition) at QoS 1, never retained, only while connected: None, or the reason why not."""
        return self.commands.publish(topic, payload, qos=1, retain=False, expiry_s=expiry_s, token=token)

    def _changed(self, which: str, up: bool, session_present: bool) -> None:
        if which == "telemetry" and up and not session_present and self.telemetry.connections > 1:
            self.sessions_lost += 1
            log.warning("telemetry: the broker had no session for us: messages sent while we were away may be lost")
        if self._on_connection is not None:
            self._on_connection(which, up, session_present)
