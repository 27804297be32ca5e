"""Shared by the director's tests: a small document, a cloud in memory, and the local one."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from director.documents.loading import Blueprint, load
from director.provisioning.clients import Clients
from director.retries import Retries
from localcloud.cloud import LocalCloud, in_thread
from tests.director.worlds import Killed, World

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
