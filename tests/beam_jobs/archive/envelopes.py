"""Random envelopes, the same for the same seed; an archive made of them; and what tells a message from another."""

import hashlib
import random
from collections.abc import Iterable, Iterator
from typing import Any

from beam_jobs.archive.transforms import Archiver, open_bucket
from bridge import envelope
from tests.beam_jobs.archive.parts import config

LARGEST = 1_000_000
HALLS = ("hall-1", "hall-2", "Größe/7", "")
_WORDS = ["", "x", "ü\u2028", "\x00", "日本語", '"\\', "a=b", "\n", "🛰"]


def envelopes(count: int, seed: int = 6, large: int = 5) -> Iterator[bytes]:
    """Serialised messages as Pub/Sub delivers them, of two days; `large` of them have a megabyte."""
    dice = random.Random(seed)
    megabytes = set(dice.sample(range(count), min(large, count)))
    for number in range(count):
        payload = dice.randbytes(LARGEST) if number in megabytes else _payload(dice)
        moment = f"2026-01-0{dice.randint(2, 3)}T{dice.randint(0, 23):02}:{dice.randint(0, 59):02}:00.{number:06}Z"
        facts = {"ce-id": f"id-{number}", "ce-time": moment, "device.location": dice.choice(HALLS)}
        more = {f"mqtt.up.{dice.choice(_WORDS)}{place}": dice.choice(_WORDS) for place in range(dice.randint(0, 5))}
        raw = envelope.data(payload) + envelope.attributes({**facts, **more, "ce-subject": f"d{number % 7}"})
        yield raw + envelope.ordering_key(f"k{number % 3}") if dice.random() < 0.2 else raw


def _payload(dice: random.Random) -> bytes:
    kind = dice.randrange(5)
    if kind == 0:
        return b""
    if kind == 1:
        return dice.randbytes(dice.randint(1, 300))
    if kind == 2:
        return b"\xff\xfe\xed\xa0\x80" * dice.randint(1, 9)
    if kind == 3:
        return "".join(dice.choices(_WORDS, k=20)).encode()
    return b'{"temperature": %d, "unit": "\xc2\xb0C"}' % dice.randint(-20, 90)


def archived(bucket: str, messages: Iterable[bytes], **given: Any) -> None:
    """Through the archive's own stage."""
    settings = config(bucket, **given)
    result = Archiver(open_bucket(settings), settings)(list(messages))
    assert result.dead_letters == []


def identity(message: Any) -> bytes:
    """A hash of payload, attributes without those of a replay, and ordering key."""
    digest = hashlib.sha256(message.data)
    for name, value in sorted(message.attributes.items()):
        if not name.startswith("replay."):
            digest.update(f"{len(name)}:{name}{len(value)}:{value}".encode())
    digest.update(message.ordering_key.encode())
    return digest.digest()
