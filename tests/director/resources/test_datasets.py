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
    assert (observed.state, observed.owner) == (dataset.state, dataset.owner)


def test_every_changeable_field_can_be_set_and_taken_back(datasets: Datasets, dataset: Wanted[Any]) -> None:
    datasets.create(dataset)
    state = replace(dataset.state, description="Telemetry.", default_table_expiration_ms=86_400_000)
    for goal in (replace(dataset, state=state), dataset):
        observed = datasets.observe(goal)
        todo = change(goal, observed)
        assert todo.fields == {"description", "default_table_expiration_ms"}
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
