"""Datasets, through Google's BigQuery client."""

from dataclasses import replace
from typing import Any

import pytest

from director.documents.loading import Blueprint
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.resources.catalogue import wanted
from director.resources.datasets import Datasets


@pytest.fixture
def datasets(clients: Clients) -> Datasets:
    return Datasets(clients.bigquery)


@pytest.fixture
def dataset(blueprint: Blueprint) -> Wanted[Any]:
    return next(one for one in wanted(blueprint, "air") if one.kind == "bigquery_datasets")


def test_a_created_dataset_is_as_wanted(datasets: Datasets, dataset: Wanted[Any]) -> None:
    assert datasets.observe(dataset) is None
    datasets.create(dataset)
    observed = datasets.observe(dataset)
    assert observed is not None
    assert (change(dataset, observed).action, observed.owner) == ("none", dataset.owner)


def test_every_changeable_field_can_be_set_and_taken_back(datasets: Datasets, dataset: Wanted[Any]) -> None:
    datasets.create(dataset)
    expirations = {"default_table_expiration_ms": 86_400_000, "default_partition_expiration_ms": 86_400_000}
    state = replace(dataset.state, description="Telemetry.", **expirations)
    for goal in (replace(dataset, state=state), dataset):
        observed = datasets.observe(goal)
        todo = change(goal, observed)
        assert todo.fields == {"description", *expirations}
        datasets.update(goal, observed, todo.fields)  # type: ignore[arg-type]
        assert change(goal, datasets.observe(goal)).reasons == ()


def test_labels_of_others_survive_an_update(datasets: Datasets, dataset: Wanted[Any], clients: Clients) -> None:
    datasets.create(dataset)
    live = clients.bigquery.get_dataset(dataset.full_name)
    live.labels = {**live.labels, "cost": "x", "team": "sea"}
    clients.bigquery.update_dataset(live, ["labels"])
    datasets.update(dataset, datasets.observe(dataset), frozenset({"labels"}))  # type: ignore[arg-type]
    assert clients.bigquery.get_dataset(dataset.full_name).labels == {**dataset.state.labels, "cost": "x"}


def test_another_location_is_refused(datasets: Datasets, dataset: Wanted[Any]) -> None:
    datasets.create(dataset)
    moved = replace(dataset, state=replace(dataset.state, location="US"))
    assert change(moved, datasets.observe(moved)).action == "refuse"


def test_a_deleted_dataset_is_gone(datasets: Datasets, dataset: Wanted[Any]) -> None:
    datasets.create(dataset)
    datasets.delete(dataset)
    assert datasets.observe(dataset) is None


KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"


def test_key_and_time_travel_are_set_and_left_alone_where_unsaid(datasets: Datasets, dataset: Wanted[Any]) -> None:
    datasets.create(dataset)
    said = replace(dataset.state, default_encryption_configuration=KEY, max_time_travel_hours=48)
    goal = replace(dataset, state=said)
    observed = datasets.observe(goal)
    todo = change(goal, observed)
    assert todo.fields == {"default_encryption_configuration", "max_time_travel_hours"}
    datasets.update(goal, observed, todo.fields)  # type: ignore[arg-type]
    assert change(goal, datasets.observe(goal)).action == "none"
    unsaid = replace(dataset, state=replace(dataset.state, description="Telemetry."))
    observed = datasets.observe(unsaid)
    todo = change(unsaid, observed)
    assert todo.fields == {"description"}
    datasets.update(unsaid, observed, todo.fields)  # type: ignore[arg-type]
    assert change(goal, datasets.observe(goal)).fields == {"description"}


def test_a_dataset_is_made_with_them(datasets: Datasets, dataset: Wanted[Any]) -> None:
    goal = replace(
        dataset, state=replace(dataset.state, default_encryption_configuration=KEY, max_time_travel_hours=72)
    )
    datasets.create(goal)
    assert change(goal, datasets.observe(goal)).reasons == ()
