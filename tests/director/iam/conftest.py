"""An architecture in which every kind of link occurs, its resources made in the local cloud, and who plans on it."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from director.documents.loading import Blueprint, load
from director.documents.model import Architecture
from director.iam.claim_stores import FileClaims, FirestoreClaims
from director.iam.claims import Claims
from director.iam.doors import Doors
from director.iam.iam import Iam
from director.iam.polling import Polling
from director.provisioning.clients import Clients
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.retries import Retries
from localcloud.cloud import LocalCloud

NUMBERS = itertools.count(1)
LINKED = """\
name: {name}
project_id: {project}
region: europe-west1
location: EU
dataflows:
  air:
    services:
      bridge:
        service_account: bridge-sa
        config: {{broker: {{password: {{secret: projects/{project}/secrets/mqtt/versions/3}}}}}}
      jobs: {{service_account: jobs-sa}}
      reader: {{service_account: reader-sa}}
    resources:
      topics:
        - name: readings
          message_retention_duration: 1d
          producers: [{{name: bridge, lookup: {{key: topic}}}}]
        - name: changes
          message_retention_duration: 1d
          consumers: [{{name: jobs, lookup: {{key: changes}}}}]
        - name: dead
          message_retention_duration: 1d
      subscriptions:
        - name: readings-jobs
          topic: readings
          dead_letter_policy: {{topic: dead, max_delivery_attempts: 5}}
          consumer_service: {{name: jobs, lookup: {{key: subscription}}}}
        - name: dead-rows
          topic: dead
          bigquery: {{table: dead, write_metadata: true}}
        - name: dead-files
          topic: dead
          ack_deadline_seconds: 300
          cloud_storage: {{bucket: {project}-dead}}
      bigquery_datasets:
        - name: telemetry
      bigquery_tables:
        - name: rows
          dataset: telemetry
          schema: [{{name: device, type: STRING}}, {{name: at, type: TIMESTAMP}}]
          producers: [{{name: jobs, lookup: {{key: table}}}}]
          consumers: [{{name: reader, lookup: {{key: table}}}}]
        - name: dead
          dataset: telemetry
          schema:
            - {{name: subscription_name, type: STRING}}
            - {{name: message_id, type: STRING}}
            - {{name: publish_time, type: TIMESTAMP}}
            - {{name: data, type: BYTES}}
            - {{name: attributes, type: JSON}}
      bigquery_views:
        - name: once
          dataset: telemetry
          deduplicate: {{table: rows, key: [device], order_by: [at]}}
        - name: devices
          dataset: telemetry
          query: SELECT device FROM `{project}.telemetry.once`
          consumers: [{{name: bridge, lookup: {{key: view}}}}]
      gcs_buckets:
        - name: {project}-archive
          producers: [{{name: jobs, lookup: {{key: bucket}}}}]
          consumers: [{{name: reader, lookup: {{key: bucket}}}}]
        - name: {project}-dead
      firestore_collections:
        - name: devices
          producers: [{{name: bridge, lookup: {{key: devices}}}}]
          consumers: [{{name: jobs, lookup: {{key: devices}}}}]
  water:
    services:
      gauge: {{service_account: jobs-sa}}
      pump: {{service_account: pump-sa}}
    resources:
      firestore_collections:
        - name: pumps
          consumers: [{{name: gauge, lookup: {{key: pumps}}}}]
      topics:
        - name: levels
          message_retention_duration: 1d
          producers: [{{name: pump, lookup: {{key: topic}}}}]
"""
EVERYTHING = Path(__file__).with_name("everything.yaml")
Make = Callable[..., Iam]


def member(architecture: Architecture, account: str) -> str:
    return f"serviceAccount:{account}@{architecture.project_id}.iam.gserviceaccount.com"


@pytest.fixture
def text() -> str:
    """The document, in a project that no other test uses."""
    return LINKED.format(name="plant", project=f"linked-{os.getpid()}-{next(NUMBERS)}")


@pytest.fixture
def blueprint(text: str, tmp_path: Path) -> Blueprint:
    file = tmp_path / "architecture.yaml"
    file.write_text(text)
    return load(file)


@pytest.fixture
def everything() -> Blueprint:
    """A document in which every kind of resource occurs."""
    return load(EVERYTHING)


@pytest.fixture
def architecture(blueprint: Blueprint) -> Architecture:
    return blueprint.architecture


@pytest.fixture
def made(blueprint: Blueprint, clients: Clients, cloud: LocalCloud, retries: Retries) -> Blueprint:
    """Its resources are there, and the secret it refers to."""
    provisioner = Provisioner(providers(clients, blueprint), retries)
    for dataflow in blueprint.architecture.dataflows:
        for outcome in provisioner.apply(wanted(blueprint, dataflow)):
            assert outcome.good, outcome
    secret(blueprint.architecture.project_id, cloud)
    return blueprint


def secret(project: str, cloud: LocalCloud) -> None:
    import grpc
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient
    from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
        SecretManagerServiceGrpcTransport,
    )

    with grpc.insecure_channel(cloud.grpc_address) as opened:
        client = SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=opened))
        wanted = {"parent": f"projects/{project}", "secret_id": "mqtt", "secret": {"replication": {"automatic": {}}}}
        client.create_secret(request=wanted)


@pytest.fixture
def doors(clients: Clients) -> Doors:
    return Doors.open(clients)


@pytest.fixture(params=["firestore", "file"])
def claims(request: pytest.FixtureRequest, clients: Clients, tmp_path: Path) -> Iterator[Claims]:
    if request.param == "firestore":
        yield FirestoreClaims(clients.firestore)
    else:
        yield FileClaims(tmp_path / "claims.json")


@pytest.fixture
def make(doors: Doors, claims: Claims, retries: Retries) -> Make:
    """Plans on an architecture without ever waiting."""

    def made_of(architecture: Architecture, polling: Polling | None = None) -> Iam:
        still = polling or Polling(every=1.0, limit=0.0)
        return Iam(architecture, doors, claims, retries, effect=still, accounts=still)

    return made_of
