"""Devices that send numbered messages at a steady rate, and remember which of them the broker acknowledged."""

import threading
import time
from collections import deque
from typing import Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.soak.ledger import Ledger, identity
from localcloud.ports import HOST

DEVICES = 50
TICK = 0.01  # seconds
LONGEST_ACKNOWLEDGEMENT = 30.0  # seconds


class Fleet:
    """All devices behind one connection, on a thread of its own, while the `with` lasts."""

    def __init__(self, broker_port: int, messages: int, rate: float, ledger: Ledger) -> None:
        self._messages = messages
        self._rate = rate
        self._ledger = ledger
        self._waiting: deque[tuple[str, paho.MQTTMessageInfo]] = deque()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="fleet", protocol=paho.MQTTv5)
        self._client.max_inflight_messages_set(1_000)
        self._client.connect(HOST, broker_port)
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def sending(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        began = time.monotonic()
        sent = 0
        while sent < self._messages:
            due = min(self._messages, int((time.monotonic() - began) * self._rate))
            for number in range(sent, due):
                self._send(number)
            sent = max(sent, due)
            self._note_acknowledged()
            time.sleep(TICK)
        until = time.monotonic() + LONGEST_ACKNOWLEDGEMENT
        while self._waiting and time.monotonic() < until:
            self._note_acknowledged()
            time.sleep(TICK)

    def _send(self, number: int) -> None:
        own_id = identity(number % DEVICES, number // DEVICES)
        mqtt_topic = f"devices/{own_id.partition('-')[0]}/up"
        self._waiting.append((own_id, self._client.publish(mqtt_topic, f'{{"id": "{own_id}"}}', qos=1)))

    def _note_acknowledged(self) -> None:
        """The broker acknowledges in the order of sending."""
        noted = []
        while self._waiting and self._waiting[0][1].is_published():
            noted.append(self._waiting.popleft()[0])
        self._ledger.acknowledged(noted)
