"""A bridge with the mistake that the soak exists to find: it acknowledges before Pub/Sub has the message.

Made of the product's own parts, but for the order. A soak that does not fail with it proves nothing.
"""

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from bridge.__main__ import main
from bridge.mqtt.frames import Delivery
from bridge.mqtt.session import MqttSource, Receiver


class AcknowledgedFirst:
    """A receiver whose messages are acknowledged when they come; who takes them over never needs to."""

    def __init__(self, receiver: Receiver, acknowledge: Callable[[int, Sequence[bytes]], bool]) -> None:
        self._receiver = receiver
        self._acknowledge = acknowledge
        self._generation = 0

    @property
    def full(self) -> bool:
        return self._receiver.full

    def connected(self, generation: int, resumed: bool) -> None:
        self._generation = generation
        self._receiver.connected(generation, resumed)

    def received(self, deliveries: Sequence[Delivery]) -> None:
        self._acknowledge(self._generation, [delivery.packet_id for delivery in deliveries])
        self._receiver.received([delivery._replace(packet_id=b"") for delivery in deliveries])


class Source(MqttSource):
    def __init__(self, broker: Any, filters: Any, receiver: Receiver, *more: Any) -> None:
        super().__init__(broker, filters, AcknowledgedFirst(receiver, self.acknowledge), *more)


if __name__ == "__main__":
    run: Any = importlib.import_module("bridge.run")
    run.MqttSource = Source
    sys.exit(main())
