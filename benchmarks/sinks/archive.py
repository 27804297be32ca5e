"""Messages into objects of up to 5,000 lines by date and place: the archive job against what Beam has for it.

All upload gzip to the same bucket; what differs is how the lines of a folder are brought together. That is raced on
lines that are ready, since to make one costs the same whoever needs it; the job as a whole has rows of its own.
"""

import itertools
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.io import fileio
from apache_beam.options.value_provider import StaticValueProvider
from apache_beam.transforms.util import GroupIntoBatches
from google.cloud import storage
from isal import igzip

from beam_jobs.archive import manifest
from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.archive.durable import KEYED, ArchiveDurably, GatherFn, HoldFn, WriteFn
from beam_jobs.archive.objects import ArchiveObject, archive_object
from beam_jobs.archive.transforms import Archiver, LineReader, open_archiver, open_bucket
from beam_jobs.embedded import Graph
from beam_jobs.errors import CannotSucceed
from beam_jobs.messages import HandedInEdges, HandedInFn
from beam_jobs.stages import Run, opened
from benchmarks.pipelines import run_pipeline, timed
from benchmarks.race import Metrics
from benchmarks.sinks.workload import enriched
from director.endpoints import credentials

BUCKET = "race"
PER_OBJECT = 5_000
PER_RUN = 20_000  # messages: a batch of the embedded engine
MANY_FOLDERS = 100_000
_numbers = itertools.count()


def config(prefix: str, shards: int = 1) -> ArchiveConfig:
    """One shard, as GroupIntoBatches has, unless told."""
    return ArchiveConfig(
        subscription="projects/p/subscriptions/enriched",
        dead_letter_topic="projects/p/topics/dead-letters",
        bucket=BUCKET,
        prefix=prefix,
        flush_messages=PER_OBJECT,
        shards=shards,
    )


def create_bucket() -> None:
    _client().create_bucket(BUCKET)


def embedded(messages: Sequence[bytes], passes: int = 1) -> Metrics:
    """Batch by batch, as the embedded engine runs the job; each pass into folders of its own."""
    root = _prefix()
    graphs = [_embedded_graph(f"{root}/{number}") for number in range(passes)]

    def run() -> None:
        for graph in graphs:
            for start in range(0, len(messages), PER_RUN):
                graph.run(messages[start : start + PER_RUN])

    return _measured(root, len(messages) * passes, run)


def _embedded_graph(prefix: str) -> Graph:
    def build(pipeline: beam.Pipeline, edges: HandedInEdges) -> None:
        _ = pipeline | edges.read("") | Run(open_archiver, config(prefix), PER_RUN)

    return Graph(prefix, build)


def durable(messages: Sequence[bytes]) -> Metrics:
    """The whole job with state that outlives bundles, as it runs on Dataflow."""
    return _of_pipeline(messages, lambda source, prefix: source | ArchiveDurably(config(prefix)))


def ready_lines(messages: Sequence[bytes]) -> list[bytes]:
    """For each message its folder, a newline and its line."""
    reader = LineReader(config("lines"))
    return [b"%b\n%b" % (folder.encode(), line) for folder, line in map(reader.read, messages)]


def gathered_first(lines: Sequence[bytes]) -> Metrics:
    """How the job brings ready lines together."""

    def build(source: Any, prefix: str) -> Any:
        made = config(prefix)
        gathered = source | "Gather" >> beam.ParDo(GatherReadyFn(made)).with_output_types(KEYED)
        held = gathered | "Hold" >> beam.ParDo(HoldFn(made)).with_output_types(tuple[str, bytes])
        return held | "Settle" >> beam.Reshuffle() | "Write" >> beam.ParDo(WriteFn(made))

    return _of_pipeline(lines, build)


def group_into_batches(lines: Sequence[bytes], sharded: bool = False) -> Metrics:
    batches = GroupIntoBatches.WithShardedKey(PER_OBJECT) if sharded else GroupIntoBatches(PER_OBJECT)

    def build(source: Any, prefix: str) -> Any:
        return source | beam.Map(_split, prefix) | batches | beam.ParDo(UploadFn(prefix))

    return _of_pipeline(lines, build)


def with_sharded_key(lines: Sequence[bytes]) -> Metrics:
    return group_into_batches(lines, sharded=True)


def write_to_files(lines: Sequence[bytes]) -> Metrics:
    def build(source: Any, prefix: str) -> Any:
        files = fileio.WriteToFiles(
            path=f"gs://{BUCKET}/{prefix}/files",
            temp_directory=StaticValueProvider(str, f"gs://{BUCKET}/temp-{prefix}"),
            destination=_folder,
            sink=lambda _: LineSink(),
            file_naming=fileio.destination_prefix_naming(".jsonl.gz"),
        )
        return source | beam.Map(_split, prefix) | files

    return _of_pipeline(lines, build)


def _split(ready: bytes, prefix: str) -> tuple[str, bytes]:
    folder, _, line = ready.partition(b"\n")
    return f"{prefix}/{folder.decode()}", line


class GatherReadyFn(GatherFn):
    """The job's own, on lines that are ready."""

    def setup(self) -> None:
        self._reader = self

    def read(self, ready: bytes) -> tuple[str, bytes]:
        return _split(ready, self._config.prefix)


class UploadFn(beam.DoFn):
    """A batch as an object, made and written as ours are."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def setup(self) -> None:
        self._bucket = opened(open_bucket, config(self._prefix))

    def process(self, batch: tuple[Any, Iterable[bytes]]) -> None:
        folder, lines = batch
        self._bucket.write([archive_object(getattr(folder, "key", folder), lines, "jsonl.gz")])


class LineSink(fileio.FileSink):
    """Lines as gzip, by the fast library that ours uses."""

    def open(self, file: Any) -> None:
        self._file = igzip.IGzipFile(fileobj=file, mode="wb", compresslevel=2)

    def write(self, record: tuple[str, bytes]) -> None:
        self._file.write(record[1] + b"\n")

    def flush(self) -> None:
        self._file.close()


def many_folders() -> Metrics:
    """The job's memory with 100,000 folders open at once, measured in a process that does nothing else."""
    child = [sys.executable, "-m", "benchmarks.sinks.open_folders"]
    answer = subprocess.run(child, check=True, capture_output=True, text=True).stdout
    return {"MB at most": float(answer)}


def memory_of_many_folders() -> float:
    """MB that the stage takes at most beyond its messages, its objects thrown away instead of uploaded."""
    messages = enriched(2 * MANY_FOLDERS, MANY_FOLDERS)
    stage = Archiver(Nowhere(), config("folders"))
    tracemalloc.start()
    stage(messages)
    return tracemalloc.get_traced_memory()[1] / 1e6


class Nowhere:
    """A store that takes everything and keeps nothing."""

    def write(self, objects: Sequence[ArchiveObject]) -> dict[str, CannotSucceed]:
        return {}


def _of_pipeline(messages: Sequence[bytes], build: Callable[[Any, str], Any]) -> Metrics:
    prefix = _prefix()

    def whole(pipeline: beam.Pipeline) -> None:
        HandedInFn.batches[prefix] = messages
        _ = build(pipeline | HandedInEdges(prefix).read(""), prefix)

    return _measured(prefix, len(messages), lambda: run_pipeline(whole))


def _measured(prefix: str, count: int, run: Callable[[], None]) -> Metrics:
    """Raises RuntimeError where not each message is a line in the end."""
    metrics = timed(count, run)
    found = list(_contents(prefix))
    lines = sum(content.count(b"\n") for content in found)
    if lines != count:
        raise RuntimeError(f"{lines} lines in the bucket of {count} messages")
    return {**metrics, "objects": len(found)}


def _contents(prefix: str) -> Iterator[bytes]:
    for blob in _client().list_blobs(BUCKET, prefix=f"{prefix}/"):
        if manifest.FOLDER not in blob.name:
            yield igzip.decompress(blob.download_as_bytes(raw_download=True))
        blob.delete()


def _folder(line: tuple[str, bytes]) -> str:
    return line[0].replace("/", "-")


def _prefix() -> str:
    return f"race-{next(_numbers)}"


def _client() -> Any:
    return storage.Client(project="unused", credentials=credentials("storage"))
