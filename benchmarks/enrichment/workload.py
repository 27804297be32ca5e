"""Devices, their records, and messages as Pub/Sub delivers what the bridge published: the same for all contenders."""

import random
from bisect import bisect
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate

from beam_jobs.enrichment.cache.layers import FOUND, Entry
from bridge import envelope

SEED = 1
START = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=20)
WINDOW_SECONDS = 60
FIELDS = ("name", "location", "serviceTag")


def device(number: int) -> str:
    return f"device-{number:07d}"


def record(key: str) -> dict[str, str]:
    """What the register knows of a device, as the attributes that a message gets."""
    number = int(key[-7:])
    return {
        "device.name": f"Sensor {number}",
        "device.location": f"hall-{number % 40}",
        "device.serviceTag": "environment",
        "enrichment.status": "ok",
    }


class Register:
    """The source of a cache, in memory: it knows every device."""

    name = "register"

    def fetch(self, keys: Collection[str]) -> dict[str, Entry]:
        return {key: Entry(_block(key), 1) for key in keys}


def _block(key: str) -> bytes:
    known = record(key)
    return envelope.attributes({name: known[name] for name in known if name.startswith("device.")}) + FOUND


def messages(count: int, devices: int) -> list[bytes]:
    """300 bytes of JSON under 11 attributes; how often a device sends follows Zipf's law, exponent 1.2."""
    dice = random.Random(SEED)
    reach = _reach(devices)
    return [_message(number, device(bisect(reach, dice.random() * reach[-1])), dice) for number in range(count)]


@cache
def _reach(devices: int) -> list[float]:
    return list(accumulate(rank**-1.2 for rank in range(1, devices + 1)))


def _message(number: int, key: str, dice: random.Random) -> bytes:
    moment = START + timedelta(milliseconds=number % 20_000)
    readings = f'"temp": {dice.uniform(-10, 40):.2f}, "humidity": {dice.uniform(20, 80):.1f}, "co": {dice.random():.6f}'
    payload = f'{{"device_id": "{key}", "ts": {moment.timestamp()}, "data": {{{readings}}}, "pad": "'.encode()
    return (
        envelope.data(payload + b"x" * (298 - len(payload)) + b'"}')
        + envelope.attributes(
            {
                "ce-specversion": "1.0",
                "ce-type": "iot.telemetry",
                "ce-id": f"0123456789abcdef-{number:x}",
                "ce-source": "mqtt://broker:1883/routes/up",
                "ce-subject": key,
                "ce-time": envelope.timestamp(moment),
                "content-type": "application/json",
                "mqtt.topic": f"devices/{key}/up",
                "mqtt.qos": "1",
                "mqtt.received_at": envelope.timestamp(moment),
                "capture.device": key,
            }
        )
        + envelope.publish_time(moment)
    )
