"""What a service is told: its own words and the names of what it is linked to."""

from pathlib import Path

import pytest

from director.documents.configuration import merged
from director.documents.links import LinkDraft
from director.documents.loading import load

EXAMPLE = Path(__file__).parents[3] / "examples" / "environment" / "architecture.yaml"


def link(key: str, value: str) -> LinkDraft:
    return LinkDraft("bridge", key, value, ("links", key))


def test_each_service_gets_the_names_its_clients_take() -> None:
    slices = load(EXAMPLE).configurations
    bridge, enrichment, warehouse, archive = (
        slices["environment", name].config for name in ("bridge", "enrichment", "warehouse", "archive")
    )
    assert bridge["destinations"] == {"ingestion": "projects/local-project/topics/ingestion"}
    assert bridge["routes"]["environment"]["destination"] == "ingestion"
    assert enrichment["subscription"] == "projects/local-project/subscriptions/ingestion-enrichment"
    assert enrichment["collection"] == "devices"
    assert warehouse["table"] == "local-project.telemetry.environment"
    assert archive["bucket"] == "environment-archive"


def test_a_slice_says_whose_it_is_and_holds_nothing_of_others() -> None:
    found = load(EXAMPLE).configurations["environment", "archive"]
    assert (found.project, found.dataflow, found.service) == ("local-project", "environment", "archive")
    assert set(found.config) == {"prefix", "key", "subscription", "bucket", "dead_letter_topic"}


def test_a_value_goes_to_the_end_of_its_dotted_path_and_the_rest_stays() -> None:
    written = {"destinations": {"other": "x"}, "keep": [1]}
    config, conflicts = merged(written, [link("destinations.up", "t"), link("deep.er.key", "v")])
    assert config == {"destinations": {"other": "x", "up": "t"}, "keep": [1], "deep": {"er": {"key": "v"}}}
    assert conflicts == []
    assert written == {"destinations": {"other": "x"}, "keep": [1]}


def test_a_value_written_as_it_would_be_injected_is_no_conflict() -> None:
    assert merged({"topic": "t"}, [link("topic", "t")]) == ({"topic": "t"}, [])


@pytest.mark.parametrize(
    ("written", "links", "expected"),
    [
        ({"a": "x"}, [link("a", "t")], "config of 'bridge': a is to hold 't', but has another value already; keep one"),
        ({}, [link("a", "t"), link("a", "u")], "config of 'bridge': a is to hold 'u', but has another value already"),
        ({"a": 1}, [link("a.b", "t")], "config of 'bridge': a.b is to hold 't', but a is a value; rename one of them"),
        ({"a": {"b": 1}}, [link("a", "t")], "config of 'bridge': a is to hold 't', but has another value already"),
    ],
)
def test_a_key_with_two_values_is_a_conflict_at_its_link(
    written: dict[str, object], links: list[LinkDraft], expected: str
) -> None:
    conflicts = merged(written, links)[1]
    assert [location for location, _ in conflicts] == [links[-1].location]
    assert conflicts[0][1].startswith(expected)
