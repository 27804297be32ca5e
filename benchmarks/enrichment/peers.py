"""What else does the same: a plain loop over protobufs, a job as Beam's examples write it, and Beam's `Enrichment`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.transforms.enrichment import Enrichment, EnrichmentSourceHandler
from apache_beam.transforms.window import FixedWindows
from google.pubsub_v1.types import PublishRequest

from beam_jobs.messages import HandedInFn
from benchmarks.enrichment.edges import PUBSUB_TOPIC, Edges, Taken, Timestamped, measured, timestamped
from benchmarks.enrichment.workload import WINDOW_SECONDS, record
from benchmarks.pipelines import run_pipeline
from benchmarks.race import Metrics
from bridge import envelope
from localcloud.ports import HOST

_PublishRequest: Any = type(PublishRequest.pb(PublishRequest()))
BATCH = 500

Register = Mapping[str, Mapping[str, str]]


class Known:
    """The records, looked up in memory by the peers that have no cache of their own."""

    records: ClassVar[Register] = {}


def know(devices: Iterable[str]) -> None:
    Known.records = {key: record(key) for key in devices}


def plain_loop(messages: Sequence[bytes]) -> Metrics:
    """Protobufs parsed, attributes set, requests serialised; no Beam."""

    def run() -> None:
        for start in range(0, len(messages), BATCH):
            request = _PublishRequest(topic=PUBSUB_TOPIC)
            for raw in messages[start : start + BATCH]:
                _enrich(request.messages.add(), raw)
            Taken.request(request.SerializeToString())
            Taken.messages += len(request.messages)

    return measured(len(messages), run)


def _enrich(message: Any, raw: bytes) -> None:
    """All that our stage does to a message, as one would write it down."""
    message.MergeFromString(raw)
    attributes = message.attributes
    if attributes["ce-specversion"] != "1.0":
        raise ValueError("no envelope")
    known = Known.records.get(attributes["ce-subject"], {"enrichment.status": "not_found"})
    for name, value in known.items():
        attributes[name] = value
    if message.publish_time.seconds >= _stamp(attributes) + 2 * WINDOW_SECONDS:
        attributes["window.late"] = "true"


def idiomatic(messages: Sequence[bytes]) -> Metrics:
    """`PubsubMessage` objects, `WindowInto` and `Map`, and the records in memory."""
    Timestamped.messages = timestamped(messages)

    def build(pipeline: beam.Pipeline) -> None:
        _ = (
            pipeline
            | Timestamped()
            | "Message" >> beam.Map(PubsubMessage._from_proto_str)
            | beam.WindowInto(FixedWindows(WINDOW_SECONDS))
            | "Enrich" >> beam.Map(_enriched)
            | "Serialise" >> beam.Map(_serialised)
            | "Write" >> Edges("").write(PUBSUB_TOPIC)
        )

    return measured(len(messages), lambda: run_pipeline(build))


def _enriched(message: PubsubMessage, window: Any = beam.DoFn.WindowParam) -> PubsubMessage:
    bounds = {"window.start": _rfc3339(int(window.start)), "window.end": _rfc3339(int(window.end))}
    known = Known.records[message.attributes["ce-subject"]]
    return PubsubMessage(message.data, {**message.attributes, **known, **bounds})


def _serialised(message: PubsubMessage) -> bytes:
    return message._to_proto_str(for_publish=True)  # type: ignore[no-any-return]


class FromMemory(EnrichmentSourceHandler[beam.Row, beam.Row]):
    """Beam's interface to a source, before the same records."""

    def __call__(self, request: beam.Row, *_: Any, **__: Any) -> tuple[beam.Row, beam.Row]:
        return request, beam.Row(**{_plain(name): value for name, value in Known.records[request.device].items()})

    def get_cache_key(self, request: beam.Row) -> str:
        return str(request.device)


def enrichment(messages: Sequence[bytes], redis_port: int | None = None) -> Metrics:
    """Beam's own transform over rows, with its Redis cache where there is a port; windows by arithmetic, as ours."""

    def build(pipeline: beam.Pipeline) -> None:
        transform = Enrichment(FromMemory())
        if redis_port is not None:
            transform = transform.with_redis_cache(HOST, redis_port)
        _ = (
            pipeline
            | Edges("peer").read("")
            | "Row" >> beam.Map(_row)
            | transform
            | "Message" >> beam.Map(_message)
            | "Write" >> Edges("peer").write(PUBSUB_TOPIC)
        )

    HandedInFn.batches["peer"] = messages
    return measured(len(messages), lambda: run_pipeline(build))


def _row(raw: bytes) -> beam.Row:
    return beam.Row(device=envelope.parse(raw).attributes["ce-subject"], raw=raw)


def _message(row: beam.Row) -> bytes:
    message = envelope.parse(row.raw)
    attributes, found = message.attributes, row._asdict()
    for name in Known.records[row.device]:
        attributes[name] = found[_plain(name)]
    _stamp(attributes)
    return message.SerializeToString()  # type: ignore[no-any-return]


def _stamp(attributes: Any) -> int:
    """The window, by arithmetic; gives its start, in seconds since 1970."""
    start = int(datetime.fromisoformat(attributes["ce-time"]).timestamp()) // WINDOW_SECONDS * WINDOW_SECONDS
    attributes["window.start"], attributes["window.end"] = _rfc3339(start), _rfc3339(start + WINDOW_SECONDS)
    return start


def _plain(name: str) -> str:
    """An attribute's name as a field of a row."""
    return name.replace(".", "_")


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"
