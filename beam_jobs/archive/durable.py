"""Archiving where state outlives a bundle: what is gathered in a bundle waits, by folder, until an object is worth it.

    messages -> blobs of a bundle -> held by folder and shard -> an object's lines, settled -> written

A batch is shuffled once more before it is written: from there on it is the same at each try, and so is its object.
"""

import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder, TupleCoder, VarIntCoder
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindow, GlobalWindows
from apache_beam.typehints import KV, Tuple
from apache_beam.utils.timestamp import Duration, Timestamp
from apache_beam.utils.windowed_value import WindowedValue
from isal import igzip

from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.archive.gathering import Blob, Gathering
from beam_jobs.archive.transforms import GROUP_BYTES, LineReader, open_writer
from beam_jobs.errors import CannotSucceed
from beam_jobs.stages import DEAD_LETTERS, DETAILS, NAMESPACE, opened

BLOB_BYTES = 100_000
# When a drain, or the end of a stream, fires what waits: a moment before nothing may be shuffled any more.
END_OF_TIME = GlobalWindow().max_timestamp() - Duration(micros=999_999)

Key = tuple[str, int]  # folder and shard
Packed = tuple[int, int, bytes]  # lines, their bytes, and the blob compressed: state and shuffles cost by the byte
KEYED = KV[Tuple[str, int], Tuple[int, int, bytes]]  # the type of both as Beam wants it told
PACKING_LEVEL = 1


class ArchiveDurably(beam.PTransform):
    """Messages in, dead letters out, both serialised."""

    def __init__(self, config: ArchiveConfig, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._config = config
        self._clock = clock

    def expand(self, messages: Any) -> Any:
        gathered = messages | "Gather" >> beam.ParDo(GatherFn(self._config)).with_outputs(DEAD_LETTERS, main="blobs")
        gathered.blobs.element_type = KEYED
        gathered[DEAD_LETTERS].element_type = bytes
        refused = (
            gathered.blobs
            | "Hold" >> beam.ParDo(HoldFn(self._config, self._clock)).with_output_types(tuple[str, bytes])
            | "Settle" >> beam.Reshuffle()
            | "Write" >> beam.ParDo(WriteFn(self._config)).with_output_types(bytes)
        )
        return (gathered[DEAD_LETTERS], refused) | "Dead letters" >> beam.Flatten()


class GatherFn(beam.DoFn):
    """Joins the lines of a bundle by folder, so that few elements are shuffled."""

    received = Metrics.counter(NAMESPACE, "in")
    dead = Metrics.counter(NAMESPACE, "dead_lettered")
    blobs = Metrics.counter(DETAILS, "archive_blobs")

    def __init__(self, config: ArchiveConfig) -> None:
        self._config = config

    def setup(self) -> None:
        self._reader = LineReader(self._config)

    def start_bundle(self) -> None:
        self._gathering = Gathering(self._config.flush_messages, blob_bytes(self._config), self._config.open_bytes)
        self._messages = 0

    def process(self, raw: bytes) -> list[Any] | None:
        self._messages += 1
        try:
            folder, line = self._reader.read(raw)
        except CannotSucceed as error:
            self.dead.inc()
            return [beam.pvalue.TaggedOutput(DEAD_LETTERS, self._reader.dead(raw, error))]
        blobs = self._gathering.add(folder, line)
        return [self._keyed(blob) for blob in blobs] if blobs else None

    def finish_bundle(self) -> Iterator[WindowedValue]:
        # The real time: with the earliest one, what is held would hold the watermark there, and look forever late.
        now = Timestamp.now()
        for blob in self._gathering.rest():
            yield GlobalWindows.windowed_value(self._keyed(blob), now)
        self.received.inc(self._messages)

    def _keyed(self, blob: Blob) -> tuple[Key, Packed]:
        self.blobs.inc()
        text = blob.text
        return (blob.folder, shard(text, self._config)), (text.count(b"\n"), len(text), packed(text))


def blob_bytes(config: ArchiveConfig) -> int:
    """The most that is shuffled at once."""
    return min(BLOB_BYTES, config.flush_bytes)


def shard(text: bytes, config: ArchiveConfig) -> int:
    """Where a blob is held: the fuller blobs of a folder are, the further they are spread; small ones stay together."""
    full = max(len(text) / blob_bytes(config), text.count(b"\n") / config.flush_messages)
    spread = min(config.shards, 1 + int(full * config.shards))
    return zlib.crc32(text[: text.index(b"\n")]) % spread


class HoldFn(beam.DoFn):
    """Holds the blobs of a folder and shard until they have the messages, the bytes or the age of an object.

    Age is measured from the first blob by the real time, and needs no further message. Nothing is held once the stream
    ends or is drained.
    """

    BLOBS = BagStateSpec("blobs", BytesCoder())
    HELD = ReadModifyWriteStateSpec("held", TupleCoder((VarIntCoder(), VarIntCoder(), VarIntCoder())))
    AGE = TimerSpec("age", TimeDomain.REAL_TIME)
    END = TimerSpec("end", TimeDomain.WATERMARK)
    full = Metrics.counter(DETAILS, "archive_flushed_full")
    aged = Metrics.counter(DETAILS, "archive_flushed_aged")
    ended = Metrics.counter(DETAILS, "archive_flushed_at_end")
    wait = Metrics.distribution(DETAILS, "archive_oldest_wait_ms")

    def __init__(self, config: ArchiveConfig, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._clock = clock

    def process(
        self,
        element: tuple[Key, Packed],
        blobs: Any = beam.DoFn.StateParam(BLOBS),  # noqa: B008 - how Beam asks for it
        held: Any = beam.DoFn.StateParam(HELD),  # noqa: B008
        age: Any = beam.DoFn.TimerParam(AGE),  # noqa: B008
        end: Any = beam.DoFn.TimerParam(END),  # noqa: B008
    ) -> Iterator[tuple[str, bytes]]:
        (folder, _), (lines, size, member) = element
        messages, octets, since = held.read() or (0, 0, 0)
        if messages and not self._fits(messages + lines, octets + size):
            self.full.inc()
            yield self._flushed(folder, since, blobs, held, age, end)
            messages = octets = 0
        if not messages:
            now = self._clock()
            since = int(now * 1_000)
            age.set(now + self._config.flush_seconds)
            end.set(END_OF_TIME)
        blobs.add(member)
        messages, octets = messages + lines, octets + size
        if messages < self._config.flush_messages and octets < self._config.flush_bytes:
            held.write((messages, octets, since))
        else:
            self.full.inc()
            yield self._flushed(folder, since, blobs, held, age, end)

    @on_timer(AGE)  # type: ignore[untyped-decorator]
    def on_age(
        self,
        key: Key = beam.DoFn.KeyParam,
        blobs: Any = beam.DoFn.StateParam(BLOBS),  # noqa: B008
        held: Any = beam.DoFn.StateParam(HELD),  # noqa: B008
        age: Any = beam.DoFn.TimerParam(AGE),  # noqa: B008
        end: Any = beam.DoFn.TimerParam(END),  # noqa: B008
    ) -> Iterator[tuple[str, bytes]]:
        if found := held.read():
            self.aged.inc()
            yield self._flushed(key[0], found[2], blobs, held, age, end)

    @on_timer(END)  # type: ignore[untyped-decorator]
    def on_end(
        self,
        key: Key = beam.DoFn.KeyParam,
        blobs: Any = beam.DoFn.StateParam(BLOBS),  # noqa: B008
        held: Any = beam.DoFn.StateParam(HELD),  # noqa: B008
        age: Any = beam.DoFn.TimerParam(AGE),  # noqa: B008
        end: Any = beam.DoFn.TimerParam(END),  # noqa: B008
    ) -> Iterator[tuple[str, bytes]]:
        if found := held.read():
            self.ended.inc()
            yield self._flushed(key[0], found[2], blobs, held, age, end)

    def _fits(self, messages: int, octets: int) -> bool:
        return messages <= self._config.flush_messages and octets <= self._config.flush_bytes

    def _flushed(self, folder: str, since: int, blobs: Any, *rest: Any) -> tuple[str, bytes]:
        members = b"".join(blobs.read())  # gzip allows them one after the other
        for kept in (blobs, *rest):
            kept.clear()
        self.wait.update(max(0, int(self._clock() * 1_000) - since))
        return folder, members


def packed(text: bytes) -> bytes:
    return bytes(igzip.compress(text, PACKING_LEVEL, mtime=0))


def unpacked(batch: tuple[str, bytes]) -> Blob:
    """What was held of a folder."""
    folder, members = batch
    return Blob(folder, igzip.decompress(members))


class WriteFn(beam.DoFn):
    """Writes batches as objects, as many at once as a bundle has; gives dead letters."""

    done = Metrics.counter(NAMESPACE, "out")
    dead = Metrics.counter(NAMESPACE, "dead_lettered")

    def __init__(self, config: ArchiveConfig) -> None:
        self._config = config

    def setup(self) -> None:
        self._writer = opened(open_writer, self._config)

    def start_bundle(self) -> None:
        self._blobs: list[Blob] = []
        self._octets = 0

    def process(self, batch: tuple[str, bytes]) -> list[bytes]:
        blob = unpacked(batch)
        self._blobs.append(blob)
        self._octets += len(blob.text)
        return self._write() if self._octets >= GROUP_BYTES else []

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for letter in self._write():
            yield GlobalWindows.windowed_value(letter)

    def _write(self) -> list[bytes]:
        messages = sum(blob.text.count(b"\n") for blob in self._blobs)
        dead = list(self._writer.write(self._blobs))
        self._blobs, self._octets = [], 0
        self.done.inc(messages - len(dead))
        self.dead.inc(len(dead))
        return dead
