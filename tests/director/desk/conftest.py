"""An office of a test's own, and dead letters to put in."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from beam_jobs.dead_letters import dead_letter
from beam_jobs.errors import CannotSucceed
from bridge import envelope
from localcloud.cloud import LocalCloud
from tests.director.desk.offices import Office, opened


@pytest.fixture
def office(cloud: LocalCloud) -> Iterator[Office]:
    with ExitStack() as stack:
        yield opened(stack)


@pytest.fixture
def letter() -> Callable[..., bytes]:
    """A dead letter of a job, serialised."""

    def make(
        subscription: str = "projects/p/subscriptions/s",
        *,
        stage: str = "warehouse",
        reason: str = "invalid_value",
        data: bytes = b'{"a": 1}',
        **attributes: str,
    ) -> bytes:
        facts = {"ce-specversion": "1.0", "ce-id": "id-1", "ce-subject": "device-1"} | attributes
        raw = envelope.data(data) + envelope.attributes(facts)
        return dead_letter(raw, stage, subscription, CannotSucceed("it is broken", reason))

    return make


@pytest.fixture
def bridge_letter() -> Callable[..., bytes]:
    """A dead letter of the bridge, serialised."""

    def make(
        mqtt_topic: str = "up/1", reason: str = "no_route", data: bytes = b"x", attempt: int = 1, **attributes: str
    ) -> bytes:
        facts = {"mqtt.topic": mqtt_topic, "mqtt.qos": "1", "ce-id": "id-b", **attributes}
        block = envelope.dead_letter(
            stage="bridge",
            reason=reason,
            error=CannotSucceed("no route", reason),
            original_topic=mqtt_topic,
            time="2026-03-01T12:00:00.000000Z",
            attempt=attempt,
        )
        return envelope.data(data) + envelope.attributes(facts) + block

    return make
