"""A short visit to the broker: as the bridge, by the same code, address and credentials, but under another client id.

It touches no message and no session of the bridge. What it subscribes to it ends again, and its own session with it.
"""

import queue
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge.mqtt.broker import Broker
from bridge.mqtt.connection import Connection
from bridge.mqtt.frames import Delivery
from bridge.mqtt.session import PUBACK

ANSWER_SECONDS = 10.0  # for the broker to answer anything


class Limits(NamedTuple):
    """What an MQTT 5 broker says of itself in CONNACK; None where it sets no limit. MQTT 3.1.1 has no words for it."""

    receive_maximum: int | None
    maximum_packet_bytes: int | None
    session_expiry_seconds: int | None
    maximum_qos: int
    wildcards: bool
    shared: bool


class Visit:
    """One connection, for the length of a `with`. Entering raises OSError where the broker cannot be visited.

    The session lasts `session_seconds` after a `leave(keep=True)`. With `deaf` no message is taken from the broker.
    """

    def __init__(self, broker: Broker, client_id: str, session_seconds: int = 0, deaf: bool = False) -> None:
        self._broker = broker.model_copy(update={"session_expiry_seconds": session_seconds})
        self._answers: queue.Queue[Any] = queue.Queue()
        self._deliveries: queue.Queue[Sequence[Delivery]] = queue.Queue()
        self._subscribed: list[str] = []
        self._left = False
        self._client = Connection(self._broker, client_id, self._deliveries.put, lambda: None, lambda: deaf)
        self._client.listen(
            on_connect=self._on_connect,
            on_connect_fail=lambda *_: self._answers.put(OSError(str(sys.exc_info()[1]))),
            on_disconnect=lambda *_: self._answers.put(OSError("the broker closed the connection")),
            on_subscribe=lambda _client, _data, _mid, reasons, _properties: self._answers.put(reasons),
            on_unsubscribe=lambda *_: self._answers.put(None),
            on_publish=lambda _client, _data, _mid, reason, _properties: self._answers.put(reason),
        )
        self.resumed = False
        self.limits = Limits(None, None, None, 2, True, True)

    def __enter__(self) -> Self:
        self._client.start()
        try:
            self.resumed, self.limits = self._answer()
        except BaseException:
            self.leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self, keep: bool = False) -> None:
        """DISCONNECT; unless `keep`, whatever the visit has left at the broker ends."""
        if self._left:
            return
        self._left = True
        if not keep:
            self.unsubscribe(self._subscribed)
        self._client.stop(end_session=not keep)

    def subscribe(self, filters: Sequence[str]) -> dict[str, int]:
        """The broker's reason code for each filter at QoS 1. No retained message is asked for. Raises OSError."""
        options: Any = 1
        if self._broker.mqtt5:
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        codes = {}
        for one in filters:  # one by one: a refused one must not close the door for the others
            self._subscribed.append(one)
            self._client.subscribe([(one, options)])
            codes[one] = int(self._answer()[0].value)
        return codes

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """MQTT 3.1.1 has no way to end a session: without subscriptions it at least keeps nothing."""
        if filters:
            self._client.unsubscribe(list(filters))

    def publish(self, mqtt_topic: str, payloads: Sequence[bytes]) -> list[int]:
        """At QoS 1; the broker's reason code for each (MQTT 3.1.1 has but one, 0). Raises OSError."""
        for payload in payloads:
            self._client.publish(mqtt_topic, payload, qos=1)
        return [int(self._answer().value) for _ in payloads]

    def collect(self, mark: bytes, most: int, quiet_seconds: float) -> set[bytes]:
        """The payloads that begin with `mark`, acknowledged, until there are `most` or no more come for a while."""
        found: set[bytes] = set()
        until = time.monotonic() + quiet_seconds
        while len(found) < most and time.monotonic() < until:
            try:
                come = self._deliveries.get(timeout=0.1)
            except queue.Empty:
                continue
            self._client.queue_pubacks(b"".join(PUBACK + one.packet_id for one in come if one.packet_id))
            before = len(found)
            found |= {one.payload for one in come if one.payload.startswith(mark)}
            if len(found) > before:
                until = time.monotonic() + quiet_seconds
        return found

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._answers.put(OSError(f"the broker refuses the connection: {reason}"))
        else:
            self._answers.put((bool(flags.session_present), _limits(properties)))

    def _answer(self) -> Any:
        try:
            answer = self._answers.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            raise OSError(f"the broker does not answer within {ANSWER_SECONDS:.0f} s") from None
        if isinstance(answer, OSError):
            raise answer
        return answer


def _limits(properties: Any) -> Limits:
    """MQTT 5.0, 3.2.2.3: what is not said is unlimited, or available."""
    return Limits(
        getattr(properties, "ReceiveMaximum", None),
        getattr(properties, "MaximumPacketSize", None),
        getattr(properties, "SessionExpiryInterval", None),
        getattr(properties, "MaximumQoS", 2),
        bool(getattr(properties, "WildcardSubscriptionAvailable", 1)),
        bool(getattr(properties, "SharedSubscriptionAvailable", 1)),
    )
