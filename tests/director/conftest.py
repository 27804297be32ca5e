"""Shared by the director's tests: a small document, a cloud in memory, and the local one."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import AlreadyExists

from director.documents import Blueprint, load
from director.resources.base import Observed, Wanted, owner_in
from director.resources.clients import Clients
from director.resources.retries import Retries
from localcloud.cloud import LocalCloud, in_thread

PROJECTS = itertools.count(1)
DOCUMENT = """\
name: plant
project_id: {project}
region: europe-west1
location: EU
labels: {{team: air}}
dataflows:
  air:
    description: Readings of the air.
    services:
      bridge: {{service_account: bridge-sa, config: {{routes: {{up: {{filter: a/#}}}}}}}}
      archive: {{service_account: archive-sa, dependencies: [bridge]}}
      idle: {{service_account: idle-sa}}
    resources:
      topics:
        - name: readings
          message_retention_duration: 1d
          producers: [{{name: bridge, lookup: {{key: destinations.up}}}}]
        - name: dead
          message_retention_duration: 1d
      subscriptions:
        - name: readings-archive
          topic: readings
          ack_deadline_seconds: 20
          dead_letter_policy: {{topic: dead, max_delivery_attempts: 5}}
          consumer_service: {{name: archive, lookup: {{key: subscription}}}}
      bigquery_datasets:
        - name: telemetry
      bigquery_tables:
        - name: rows
          dataset: telemetry
          time_partitioning_field: at
          clustering_fields: [device]
          schema: [{{name: at, type: TIMESTAMP, mode: REQUIRED}}, {{name: device, type: STRING}}]
      gcs_buckets:
        - name: {project}-archive
          producers: [{{name: archive, lookup: {{key: bucket}}}}]
      firestore_collections:
        - name: devices
          documents_file: devices.yaml
          consumers: [{{name: archive, lookup: {{key: devices}}}}]
"""
DEVICES = "d-1: {name: one, location: hall-1}\nd-2: {name: two, location: hall-2}\n"


class Killed(BaseException):
    """The process ends here, as by kill -9: nothing after this line runs."""


class Shelf:
    """A provider that keeps one kind in memory; `strike` is asked before and after every effect."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def observe(self, wanted: Wanted[Any]) -> Observed[Any] | None:
        self._world.strike("observe", wanted.key, "before")
        state = self._world.things.get(wanted.key)
        if state is None:
            return None
        return Observed(state, owner_in(state.labels) if hasattr(state, "labels") else None)

    def create(self, wanted: Wanted[Any]) -> None:
        self._world.strike("create", wanted.key, "before")
        if wanted.key in self._world.things:
            raise AlreadyExists(f"{wanted.full_name} exists")
        self._world.things[wanted.key] = wanted.state
        self._world.created.append(wanted.key)
        self._world.strike("create", wanted.key, "after")

    def update(self, wanted: Wanted[Any], observed: Observed[Any], fields: frozenset[str]) -> None:
        self._world.strike("update", wanted.key, "before")
        self._world.things[wanted.key] = wanted.state
        self._world.updated.append((wanted.key, fields))
        self._world.strike("update", wanted.key, "after")

    def delete(self, wanted: Wanted[Any]) -> None:
        del self._world.things[wanted.key]


class World:
    """Everything there is, and what was done to it."""

    def __init__(self) -> None:
        self.things: dict[tuple[str, str], Any] = {}
        self.created: list[tuple[str, str]] = []
        self.updated: list[tuple[tuple[str, str], frozenset[str]]] = []
        self.strike: Callable[[str, tuple[str, str], str], None] = lambda call, key, when: None

    def providers(self) -> dict[str, Shelf]:
        kinds = ("topics", "subscriptions", "bigquery_datasets", "bigquery_tables", "gcs_buckets")
        return {kind: Shelf(self) for kind in (*kinds, "firestore_collections")}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def killed() -> type[BaseException]:
    return Killed


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """The small document, in a project that no other test uses."""
    (tmp_path / "devices.yaml").write_text(DEVICES)
    file = tmp_path / "architecture.yaml"
    file.write_text(DOCUMENT.format(project=f"plant-{os.getpid()}-{next(PROJECTS)}"))
    return file


@pytest.fixture
def blueprint(document: Path) -> Blueprint:
    return load(document)


@pytest.fixture
def retries() -> Retries:
    """No waiting; pauses are only counted."""
    return Retries(sleep=lambda seconds: None, random=lambda: 0.5)


@pytest.fixture(scope="session")
def running_cloud() -> Iterator[LocalCloud]:
    with in_thread() as cloud:
        yield cloud


@pytest.fixture
def cloud(running_cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    for name, value in running_cloud.variables().items():
        monkeypatch.setenv(name, value)
    yield running_cloud
    running_cloud.faults.clear()


@pytest.fixture
def clients(cloud: LocalCloud, blueprint: Blueprint) -> Iterator[Clients]:
    with Clients.open(blueprint.architecture.project_id) as opened:
        yield opened
