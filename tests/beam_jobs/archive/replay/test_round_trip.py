"""Messages -> archive -> replay -> messages: the same by hash. `MESSAGES=100000` makes it a long one."""

import json
import os
import time
from collections import Counter
from typing import Any

import pytest

from bridge import envelope
from localcloud.cloud import LocalCloud
from tests.beam_jobs.archive.conductors import conduct
from tests.beam_jobs.archive.conftest import bucket, client  # noqa: F401 - fixtures
from tests.beam_jobs.archive.envelopes import archived, envelopes, identity

MESSAGES = int(os.environ.get("MESSAGES", "2000"))
AT_ONCE = 5_000


@pytest.mark.timeout(60 + MESSAGES // 100)
def test_every_message_comes_back_as_it_was(
    cloud: LocalCloud,
    bucket: Any,  # noqa: F811
    topics: Any,
    tmp_path: Any,
    capsys: Any,
) -> None:
    expected: Counter[bytes] = Counter()
    batch: list[bytes] = []
    began = time.monotonic()
    for raw in envelopes(MESSAGES, large=max(5, MESSAGES // 1000)):
        expected[identity(envelope.parse(raw))] += 1
        batch.append(raw)
        if len(batch) == AT_ONCE:
            archived(bucket.name, batch)
            batch = []
    archived(bucket.name, batch)
    wrote = time.monotonic() - began
    topic = topics(ack_deadline_seconds=600)
    place = f"gs://{bucket.name}/archive"
    assert conduct("replay", place, "--topic", topic.name, "--state", tmp_path / "state", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["read"], summary["published"]) == (MESSAGES, MESSAGES)
    assert (summary["skipped"], summary["failed"], summary["damaged"], summary["unlisted"]) == (0, 0, {}, [])
    found: Counter[bytes] = Counter()
    while found.total() < MESSAGES:
        for message in topic.take():
            found[identity(message)] += 1
            assert message.attributes["replay.id"] == summary["replay_id"]
            assert envelope.moment(message.attributes["replay.time"])
    assert found == expected
    with capsys.disabled():
        if MESSAGES > 2_000:
            print(
                f"{MESSAGES} identical; archived in {wrote:.1f} s, {len(summary['objects'])} objects,"
                f" replayed in {summary['seconds']} s"
            )
