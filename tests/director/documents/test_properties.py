"""However a document is cut into files, and whatever an environment only repeats, it stays the same document."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from director.documents.loading import Blueprint, load_texts
from director.strict import DocumentError

NAMES = st.from_regex(r"[a-z]{1,5}", fullmatch=True)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-2, 2), st.text("ab c\"'\\:#é\n", max_size=6))
THINGS = st.lists(
    st.fixed_dictionaries({"name": NAMES}, optional={"type": PLAIN, "of": st.lists(PLAIN, max_size=2)}),
    max_size=3,
    unique_by=lambda thing: str(thing["name"]),
)
CONFIG = st.recursive(
    st.one_of(PLAIN, THINGS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
)
SERVICE = st.fixed_dictionaries(
    {"service_account": st.just("some-account")},
    optional={
        "config": st.dictionaries(NAMES, CONFIG, max_size=4),
        "metadata": st.dictionaries(NAMES, NAMES, max_size=2),
    },
)


@st.composite
def dataflows(draw: Callable[..., Any], number: int) -> dict[str, Any]:
    services = draw(st.dictionaries(NAMES, SERVICE, max_size=2))
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    topics = [
        {"name": f"topic-{number}-{name}", "message_retention_duration": draw(st.sampled_from(["1d", "31d"]))}
        | draw(st.fixed_dictionaries({}, optional={"labels": st.dictionaries(NAMES, NAMES, max_size=2)}))
        for name in names
    ]
    rule = {"action": {"type": "Delete"}, "condition": {"age_in_days": draw(st.integers(1, 9))}}
    buckets = [
        {"name": f"bucket-{number}-{name}", "lifecycle_rules": draw(st.lists(st.just(rule), max_size=2))}
        for name in names
    ]
    flow: dict[str, Any] = {"resources": {"topics": topics, "gcs_buckets": buckets}, "services": services}
    return flow | draw(st.fixed_dictionaries({}, optional={"teardown_protection": st.booleans(), "description": NAMES}))


@st.composite
def documents(draw: Callable[..., Any]) -> dict[str, Any]:
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    return {
        "name": "plant",
        "project_id": "plant-project",
        "region": "europe-west1",
        "location": "EU",
        "labels": draw(st.dictionaries(NAMES, NAMES, max_size=2)),
        "dataflows": {name: draw(dataflows(number)) for number, name in enumerate(names)},
    }


@st.composite
def repeated(draw: Callable[..., Any], value: Any) -> Any:
    """A part of a document, as an environment may repeat it."""
    if isinstance(value, dict):
        kept = [key for key in value if draw(st.booleans())]
        return {key: draw(repeated(value[key])) for key in kept}
    if isinstance(value, list) and value and all(isinstance(one, dict) and "name" in one for one in value):
        kept = [one for one in value if draw(st.booleans())] or value[:1]
        return [{"name": one["name"]} | draw(repeated(one)) for one in kept]
    return value


def loaded(texts: dict[str, Any], environment: str | None = None) -> Blueprint:
    return load_texts({name: json.dumps(data) for name, data in texts.items()}, "hub.yaml", environment)


def told(blueprint: Blueprint) -> tuple[Any, ...]:
    return blueprint.architecture, blueprint.configurations, blueprint.seeds


@settings(max_examples=60, deadline=None)
@given(document=documents(), data=st.data())
def test_a_document_cut_into_files_is_the_same(document: dict[str, Any], data: Any) -> None:
    texts: dict[str, Any] = {"hub.yaml": {**document, "dataflows": dict(document["dataflows"])}}
    for name, flow in document["dataflows"].items():
        if data.draw(st.booleans()):
            file = data.draw(st.sampled_from(["", "flows/", "flows/deeper/"])) + f"{name}.yaml"
            texts["hub.yaml"]["dataflows"][name] = {"file": file}
            texts[file] = flow
    assert loaded(texts) == loaded({"hub.yaml": document})


@settings(max_examples=60, deadline=None)
@given(document=documents(), data=st.data())
def test_an_environment_that_only_repeats_changes_nothing(document: dict[str, Any], data: Any) -> None:
    again = {key: value for key, value in document.items() if key != "name"}
    hub = {**document, "deployment_environments": {"same": data.draw(repeated(again))}}
    assert told(loaded({"hub.yaml": hub}, "same")) == told(loaded({"hub.yaml": hub}))


KNOWN = """
    name project_id region location labels name_suffix default_environment deployment_environments dataflows services
    resources topics subscriptions topic bigquery_datasets bigquery_tables bigquery_views dataset query deduplicate
    table schema firestore_collections documents_file secrets create service_manager_spec command_topic lifecycle
    strategy teardown_protection deletion_policy producers consumers lookup key method iam_access_policy role type
    service_account deployment environment_vars secret_environment_vars config file
"""
KEYS = st.sampled_from(KNOWN.split())
WORDS = st.sampled_from(
    ["a", "b", "env", "service-account", "a.yaml", "${project_id}", "roles/x.y", "p", "", "a-b", "p.a.b"]
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 2), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=40,
)
ODD_FLOW = st.dictionaries(KEYS, ANYTHING, max_size=5) | st.fixed_dictionaries(
    {"services": ANYTHING, "resources": st.dictionaries(KEYS, st.lists(st.dictionaries(KEYS, ANYTHING, max_size=5)))}
)


@settings(max_examples=300, deadline=None)
@given(
    hub=st.dictionaries(KEYS, ANYTHING, max_size=6),
    flows=ANYTHING | st.dictionaries(WORDS, ODD_FLOW, max_size=3),
    layers=ANYTHING | st.dictionaries(WORDS, st.fixed_dictionaries({"dataflows": ANYTHING}), max_size=2),
    file=ODD_FLOW | ANYTHING,
    asked=st.none() | WORDS,
)
def test_whatever_is_written_ends_in_problems_and_in_nothing_else(
    hub: Any, flows: Any, layers: Any, file: Any, asked: str | None
) -> None:
    written = {**hub, "name_suffix": "x", "dataflows": flows, "deployment_environments": layers}
    texts = {"hub.yaml": json.dumps(written), "a.yaml": json.dumps(file)}
    with suppress(DocumentError):
        load_texts(texts, "hub.yaml", asked)
