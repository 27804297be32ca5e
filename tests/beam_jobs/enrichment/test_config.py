"""A configuration that cannot work is refused with what to do."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.beam_jobs.enrichment.parts import config


@pytest.mark.parametrize(
    ("settings", "chain"),
    [
        ({}, ("process",)),
        ({"redis_url": "redis://h:1"}, ("process", "redis")),
        ({"redis_url": "redis://h:1", "layers": ("redis",)}, ("redis",)),
        ({"layers": ()}, ()),
    ],
)
def test_layers_follow_from_what_is_there_unless_named(settings: dict[str, Any], chain: tuple[str, ...]) -> None:
    assert config(**settings).chain == chain


@pytest.mark.parametrize(
    ("settings", "register"),
    [
        ({}, "devices"),
        ({"source": "bigquery", "collection": None, "source_table": "p.d.t"}, "p.d.t"),
        ({"source": "file", "collection": None, "source_file": "devices.yaml"}, "devices.yaml"),
    ],
)
def test_the_register_is_called_what_its_source_calls_it(settings: dict[str, Any], register: str) -> None:
    assert config(**settings).register_name == register


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"collection": None}, "collection: source is firestore; add it"),
        ({"source": "file"}, "collection: source is file; leave it out"),
        ({"source": "bigquery", "collection": None}, "source_table: source is bigquery; add it"),
        ({"source_file": "x"}, "source_file: source is firestore; leave it out, or take source file"),
        ({"source": "bigquery", "collection": None, "source_table": "t"}, "source_table"),
        ({"source": "bigquery", "collection": None, "source_table": "p.d.t", "source_key": "a`b"}, "source_key"),
        ({"layers": ("redis", "process"), "redis_url": "redis://h:1"}, "process before redis"),
        ({"layers": ("process", "process")}, "name each once"),
        ({"layers": ("redis",)}, "redis_url: give it where redis is one of the layers"),
        ({"layers": ("process",), "redis_url": "redis://h:1"}, "redis_url"),
        ({"fields": {"name": "a b"}}, "fields"),
        ({"fields": {"na`me": "name"}}, "fields"),
        ({"key_pointer": "id"}, "no JSON pointer"),
        ({"on_missing": "hold"}, "on_missing"),
        ({"on_unavailable": "park"}, "on_unavailable"),
        ({"invalidation_topic": "t"}, "invalidation_topic"),
        ({"memory_bytes": 1}, "memory_bytes"),
    ],
)
def test_what_cannot_work_is_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**settings)
    assert problem in str(caught.value)
