"""The embedded engine acknowledges after success, waits for services, and finds the message that breaks a job."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import apache_beam as beam
import pytest
from apache_beam.metrics import Metrics as BeamMetrics

from beam_jobs.embedded import BatchLimits, EmbeddedEngine, Graph
from beam_jobs.errors import CannotSucceed, RetryLater
from beam_jobs.messages import PublishFn
from beam_jobs.progress import Progress
from beam_jobs.stages import DETAILS, NAMESPACE, Result, Run
from beam_jobs.subscription import Subscription
from bridge import envelope
from director.endpoints import channel
from director.strict import Strict
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault


class Nothing(Strict):
    """A config for stages that need none."""

    name: str


class Effects:
    """What stages did, by test."""

    seen: ClassVar[dict[str, list[str]]] = {}
    away: ClassVar[dict[str, int]] = {}


def open_recorder(config: Nothing) -> Callable[[Sequence[bytes]], Result]:
    """A stage that records ids, breaks on `poison`, and is away as often as told."""

    def stage(batch: Sequence[bytes]) -> Result:
        messages = [envelope.parse(raw) for raw in batch]
        if Effects.away.get(config.name, 0):
            Effects.away[config.name] -= 1
            raise RetryLater("away")
        if any(message.data == b"refused" for message in messages):
            raise CannotSucceed("nobody wants it", "refused_by_test")
        if any(message.data == b"poison" for message in messages):
            raise ZeroDivisionError("poison")
        Effects.seen.setdefault(config.name, []).extend(message.attributes["ce-id"] for message in messages)
        return Result(done=len(batch), messages=list(batch))

    return stage


@pytest.fixture
def engine(
    cloud: LocalCloud, topics: Any, request: pytest.FixtureRequest
) -> Iterator[tuple[EmbeddedEngine, Progress, Any, Any, Any]]:
    """A running engine between a topic, a topic of results and one of dead letters."""
    name = request.node.name
    source, results, dead = topics(), topics(), topics()

    def build(pipeline: beam.Pipeline, edges: Any) -> None:
        done = pipeline | edges.read(source.subscription) | Run(open_recorder, Nothing(name=name))
        _ = done.batches | "Results" >> edges.write_batches(results.name)
        _ = done.dead_letters | "Dead" >> edges.write(dead.name)

    progress = Progress()
    made = EmbeddedEngine(
        "recorder",
        Graph(name, build),
        Subscription(channel("pubsub"), source.subscription),
        PublishFn(dead.name),
        BatchLimits(seconds=0.05),
        progress,
    )
    thread = threading.Thread(target=made.run)
    thread.start()
    yield made, progress, source, results, dead
    made.stop()
    thread.join(timeout=30)
    assert not thread.is_alive()


def ids(messages: list[Any]) -> list[str]:
    return sorted(message.attributes["ce-id"] for message in messages)


def test_messages_go_through_the_graph_and_are_acknowledged(
    engine: Any, message: Any, cloud: LocalCloud, eventually: Any
) -> None:
    _, progress, source, results, _ = engine
    source.publish([message(str(number)) for number in range(300)])
    found: list[Any] = []
    eventually(lambda: found.extend(results.take()) or len(found) >= 300)
    assert ids(found) == sorted(str(number) for number in range(300))
    eventually(lambda: progress.registry.get_sample_value("job_acknowledged_total") == 300)
    cloud.clock.advance(120)
    assert source.take() == []
    assert progress.problem is None


def test_a_service_that_is_away_delays_and_loses_nothing(engine: Any, message: Any, eventually: Any) -> None:
    _, _, source, results, dead = engine
    Effects.away["test_a_service_that_is_away_delays_and_loses_nothing"] = 3
    source.publish([message("1"), message("2")])
    found: list[Any] = []
    eventually(lambda: found.extend(results.take()) or len(found) >= 2)
    assert ids(found) == ["1", "2"]
    assert dead.take() == []


def test_a_message_that_breaks_the_job_is_found_and_its_neighbours_go_on(
    engine: Any, message: Any, eventually: Any
) -> None:
    _, _, source, results, dead = engine
    source.publish([message(str(number), b"poison" if number == 37 else b"{}") for number in range(100)])
    found: list[Any] = []
    letters: list[Any] = []
    eventually(lambda: found.extend(results.take()) or len(found) >= 99)
    eventually(lambda: letters.extend(dead.take()) or letters)
    assert ids(found) == sorted(str(number) for number in range(100) if number != 37)
    (letter,) = letters
    assert letter.data == b"poison"
    assert letter.attributes["ce-id"] == "37"
    assert letter.attributes["dead_letter.reason"] == "processing_failed"
    assert letter.attributes["dead_letter.error_class"] == "ZeroDivisionError"


def test_a_reason_given_inside_the_graph_reaches_the_dead_letter(engine: Any, message: Any, eventually: Any) -> None:
    _, _, source, _, dead = engine
    source.publish([message("1", b"refused")])
    letters: list[Any] = []
    eventually(lambda: letters.extend(dead.take()) or letters)
    assert letters[0].attributes["dead_letter.reason"] == "refused_by_test"
    assert "nobody wants it" in letters[0].attributes["dead_letter.message"]


def test_a_dead_letter_that_is_refused_is_held_and_said(
    engine: Any, message: Any, cloud: LocalCloud, eventually: Any
) -> None:
    _, progress, source, _, dead = engine
    fault = cloud.faults.add(Fault(method="pubsub.Publish", resource=dead.name, code="INVALID_ARGUMENT"))
    source.publish([message("1", b"poison")])
    eventually(lambda: "refuses a dead letter" in (progress.problem or ""))
    cloud.faults.remove(fault)
    letters: list[Any] = []
    eventually(lambda: letters.extend(dead.take()) or letters)
    assert ids(letters) == ["1"]


def test_a_publish_that_fails_is_a_run_that_failed(
    engine: Any, message: Any, cloud: LocalCloud, eventually: Any
) -> None:
    _, _, source, results, dead = engine
    cloud.faults.add(Fault(method="pubsub.Publish", resource=results.name, calls=2))
    source.publish([message("1")])
    found: list[Any] = []
    eventually(lambda: found.extend(results.take()) or found)
    assert ids(found) == ["1"]
    assert dead.take() == []


def test_a_missing_topic_turns_it_not_ready_until_it_is_there(
    engine: Any, message: Any, cloud: LocalCloud, eventually: Any
) -> None:
    _, progress, source, results, _ = engine
    fault = cloud.faults.add(Fault(method="pubsub.Publish", resource=results.name, code="NOT_FOUND"))
    source.publish([message("1")])
    eventually(lambda: "NOT_FOUND" in (progress.problem or ""))
    cloud.faults.remove(fault)
    eventually(lambda: progress.problem is None)
    assert ids(results.take()) == ["1"]


def test_a_dead_letter_that_cannot_be_written_is_not_acknowledged(
    engine: Any, message: Any, cloud: LocalCloud, eventually: Any
) -> None:
    _, _, source, _, dead = engine
    cloud.faults.add(Fault(method="pubsub.Publish", resource=dead.name, calls=3))
    source.publish([message("1", b"poison")])
    letters: list[Any] = []
    eventually(lambda: letters.extend(dead.take()) or letters)
    assert ids(letters) == ["1"]


class TwiceFn(beam.DoFn):
    """Counts what it sees under a name that another step counts under too."""

    seen = BeamMetrics.counter(NAMESPACE, "seen")
    sizes = BeamMetrics.distribution(DETAILS, "sizes")

    def process(self, message: bytes) -> Iterator[bytes]:
        self.seen.inc()
        self.sizes.update(len(message))
        yield message


def test_what_several_steps_count_under_one_name_is_added_up() -> None:
    def build(pipeline: beam.Pipeline, edges: Any) -> None:
        _ = pipeline | edges.read("") | "One" >> beam.ParDo(TwiceFn()) | "Two" >> beam.ParDo(TwiceFn())

    metrics = Graph("twice", build).run([b"1", b"22", b"333"])
    assert metrics.outcomes == {"seen": 6}
    assert metrics.details == {"sizes_sum": 12, "sizes_count": 6}
