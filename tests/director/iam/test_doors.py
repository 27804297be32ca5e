"""The policies of each kind over the wire: read and written whole, with what we know nothing of."""

import pytest
from google.api_core.exceptions import Conflict, NotFound, PreconditionFailed
from google.cloud.run_v2 import JobsClient, ServicesClient
from google.cloud.run_v2.services.jobs.transports import JobsGrpcTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport
from google.cloud.storage import Client as Storage

from director import keys
from director.documents.access import WITH_POLICIES
from director.documents.loading import Blueprint, load_texts
from director.documents.model import Architecture
from director.iam.bindings import ACCOUNTS, PROJECTS, SECRETS
from director.iam.doors import Doors
from director.iam.policies import changed, unconditional
from director.keys import Key
from director.provisioning.clients import Clients
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.retries import Retries

CONDITION = {"title": "until May", "expression": "request.time < timestamp('2030-05-01T00:00:00Z')"}
GRANT = "roles/storage.objectViewer", "user:anna@example.com"
KINDS = (
    keys.TOPICS, keys.SUBSCRIPTIONS, keys.TABLES, keys.VIEWS, keys.BUCKETS, SECRETS, PROJECTS, ACCOUNTS,
    keys.SCHEMAS, keys.CLOUD_RUN_SERVICES, keys.CLOUD_RUN_JOBS,
)  # fmt: skip
PROGRAMS = """\
name: programs
project_id: {project}
region: europe-west1
location: EU
dataflows:
  air:
    resources:
      schemas:
        - {{name: reading, type: avro, definition: '{{"type": "record", "name": "R", "fields": []}}'}}
      cloud_run_services:
        - {{name: registry, service_account: registry-sa, image: "example.com/registry:1.0"}}
      cloud_run_jobs:
        - {{name: tidy, service_account: tidy-sa, image: "example.com/tidy:1.0"}}
"""


@pytest.fixture
def programs(architecture: Architecture, clients: Clients, retries: Retries) -> None:
    """They are made in the project."""
    blueprint = load_texts({"hub.yaml": PROGRAMS.format(project=architecture.project_id)}, "hub.yaml")
    for outcome in Provisioner(providers(clients, blueprint), retries).apply(wanted(blueprint, "air")):
        assert outcome.good, outcome


@pytest.fixture(params=KINDS)
def resource(request: pytest.FixtureRequest, architecture: Architecture, made: Blueprint) -> Key:
    project = architecture.project_id
    if request.param in (keys.SCHEMAS, keys.CLOUD_RUN_SERVICES, keys.CLOUD_RUN_JOBS):
        request.getfixturevalue("programs")
    return {
        keys.TOPICS: keys.topic(project, "readings"),
        keys.SUBSCRIPTIONS: keys.subscription(project, "readings-jobs"),
        keys.TABLES: keys.table(project, "telemetry", "rows"),
        keys.VIEWS: keys.view(project, "telemetry", "devices"),
        keys.BUCKETS: keys.bucket(f"{project}-archive"),
        SECRETS: (SECRETS, f"projects/{project}/secrets/mqtt"),
        PROJECTS: (PROJECTS, project),
        keys.SCHEMAS: keys.schema(project, "reading"),
        keys.CLOUD_RUN_SERVICES: keys.cloud_run_service(project, "europe-west1", "registry"),
        keys.CLOUD_RUN_JOBS: keys.cloud_run_job(project, "europe-west1", "tidy"),
        ACCOUNTS: (ACCOUNTS, f"push@{project}.iam.gserviceaccount.com"),
    }[request.param]


def test_there_is_a_door_for_every_kind(doors: Doors) -> None:
    assert set(doors.by_kind) == set(KINDS) == WITH_POLICIES | {PROJECTS}


def test_a_policy_nobody_has_set_grants_nothing_and_has_an_etag(doors: Doors, resource: Key) -> None:
    policy = doors.by_kind[resource[0]].get(resource[1])
    assert unconditional(policy) == frozenset()
    assert policy["etag"]


def test_what_is_written_is_read_again_with_its_conditions(doors: Doors, resource: Key) -> None:
    door, name = doors.by_kind[resource[0]], resource[1]
    limited = {"role": "roles/storage.objectViewer", "members": ["user:ben@example.com"], "condition": CONDITION}
    policy = changed(door.get(name), {GRANT}, ())
    door.put(name, {**policy, "bindings": [*policy["bindings"], limited]})
    assert unconditional(door.get(name)) == {GRANT}
    assert limited in door.get(name)["bindings"]
    door.put(name, changed(door.get(name), (), {GRANT}))
    assert door.get(name)["bindings"] == [limited]


def test_a_policy_that_was_changed_meanwhile_is_refused(doors: Doors, resource: Key) -> None:
    door, name = doors.by_kind[resource[0]], resource[1]
    first, second = (changed(door.get(name), {GRANT}, ()) for _ in range(2))
    door.put(name, first)
    with pytest.raises((Conflict, PreconditionFailed)):
        door.put(name, second)


@pytest.mark.parametrize(
    "absent",
    [
        keys.topic("nowhere-project", "t-1"),
        keys.subscription("nowhere-project", "s-1"),
        keys.table("nowhere-project", "d", "t"),
        keys.bucket("nowhere-bucket-of-nobody"),
        (SECRETS, "projects/nowhere-project/secrets/s"),
        keys.cloud_run_service("nowhere-project", "europe-west1", "s"),
        keys.cloud_run_job("nowhere-project", "europe-west1", "j"),
    ],
    ids=lambda absent: absent[0],
)
def test_what_is_not_there_has_no_policy(doors: Doors, absent: Key) -> None:
    with pytest.raises(NotFound):
        doors.by_kind[absent[0]].get(absent[1])


def test_googles_own_client_sees_what_was_written(doors: Doors, made: Blueprint, clients: Clients) -> None:
    name = f"{made.architecture.project_id}-archive"
    doors.by_kind[keys.BUCKETS].put(name, changed(doors.by_kind[keys.BUCKETS].get(name), {GRANT}, ()))
    storage: Storage = clients.storage
    [binding] = storage.bucket(name).get_iam_policy(requested_policy_version=3).bindings
    assert (binding["role"], set(binding["members"])) == (GRANT[0], {GRANT[1]})


def test_googles_own_clients_of_cloud_run_see_what_was_written(
    doors: Doors, programs: None, architecture: Architecture, clients: Clients
) -> None:
    channel = clients.channel("run")
    services = ServicesClient(transport=ServicesGrpcTransport(channel=channel))
    jobs = JobsClient(transport=JobsGrpcTransport(channel=channel))
    grant, place = ("roles/run.invoker", "user:anna@example.com"), (architecture.project_id, "europe-west1")
    for client, (kind, name) in (
        (services, keys.cloud_run_service(*place, "registry")),
        (jobs, keys.cloud_run_job(*place, "tidy")),
    ):
        doors.by_kind[kind].put(name, changed(doors.by_kind[kind].get(name), {grant}, ()))
        [binding] = client.get_iam_policy(request={"resource": name}, timeout=10).bindings
        assert (binding.role, list(binding.members)) == (grant[0], [grant[1]])
