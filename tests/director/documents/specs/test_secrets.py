"""Secrets as documents write them: where they are, never what."""

from typing import Any

import pytest

from director.documents.specs.secrets import Secret
from director.strict import DocumentError, parse


def test_a_secret_is_somebody_elses_unless_it_is_to_be_made() -> None:
    found = parse({"name": "mqtt", "version": "latest"}, Secret)
    assert (found.create, found.version) == (False, "latest")
    assert parse({"name": "mqtt", "version": 7}, Secret).version == 7
    every = {"labels": {"a": "b"}, "locations": ["europe-west1"], "ttl": "30d"}
    made = parse({"name": "mqtt", "create": True, "rotation": {"topic": "t", "period": "30d"}, **every}, Secret)
    assert made.locations == ("europe-west1",)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"name": "a b"}, "name"),
        ({"version": 0}, "version"),
        ({"version": "newest"}, "version"),
        ({"ttl": "30d"}, "ttl: the secret is somebody else's; add create: true, or remove it"),
        ({"labels": {"a": "b"}}, "labels: the secret is somebody else's"),
        ({"create": True, "ttl": "1m"}, "ttl"),
        ({"create": True, "locations": ["europe-west1"] * 2}, "names a region twice"),
        ({"create": True, "locations": ["europe-west99"]}, "unknown region"),
        ({"create": True, "rotation": {"topic": "t", "period": "1m"}}, "period"),
        ({"value": "hunter2"}, "value: unknown key"),
    ],
)
def test_what_cannot_be_is_refused(data: dict[str, Any], says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        parse({"name": "mqtt", **data}, Secret)
