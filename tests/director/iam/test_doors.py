"""The policies of each kind over the wire: read and written whole, with what we know nothing of."""

import pytest
from google.api_core.exceptions import Conflict, NotFound, PreconditionFailed
from google.cloud.storage import Client as Storage

from director import keys
from director.documents.loading import Blueprint
from director.documents.model import Architecture
from director.iam.bindings import ACCOUNTS, PROJECTS, SECRETS
from director.iam.doors import Doors
from director.iam.policies import changed, unconditional
from director.keys import Key
from director.provisioning.clients import Clients

CONDITION = {"title": "until May", "expression": "request.time < timestamp('2030-05-01T00:00:00Z')"}
GRANT = "roles/storage.objectViewer", "user:anna@example.com"
KINDS = (keys.TOPICS, keys.SUBSCRIPTIONS, keys.TABLES, keys.VIEWS, keys.BUCKETS, SECRETS, PROJECTS, ACCOUNTS)


@pytest.fixture(params=KINDS)
def resource(request: pytest.FixtureRequest, architecture: Architecture, made: Blueprint) -> Key:
    project = architecture.project_id
    return {
        keys.TOPICS: keys.topic(project, "readings"),
        keys.SUBSCRIPTIONS: keys.subscription(project, "readings-jobs"),
        keys.TABLES: keys.table(project, "telemetry", "rows"),
        keys.VIEWS: keys.view(project, "telemetry", "devices"),
        keys.BUCKETS: keys.bucket(f"{project}-archive"),
        SECRETS: (SECRETS, f"projects/{project}/secrets/mqtt"),
        PROJECTS: (PROJECTS, project),
        ACCOUNTS: (ACCOUNTS, f"push@{project}.iam.gserviceaccount.com"),
    }[request.param]


def test_there_is_a_door_for_every_kind(doors: Doors) -> None:
    assert set(doors.by_kind) == set(KINDS)


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
