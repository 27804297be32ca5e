"""From links to bindings: the least that each link needs, each with its reason."""

import json
from pathlib import Path

from director.documents.access import WITH_POLICIES
from director.documents.loading import load, load_texts
from director.documents.model import Architecture
from director.iam.bindings import ACCOUNTS, PROJECTS, SECRETS, Binding
from director.iam.doors import Doors
from director.iam.links import bindings, needs_number
from director.iam.roles import too_broad
from director.iam.scope import agent_of
from director.keys import BUCKETS, SUBSCRIPTIONS, TABLES, TOPICS, VIEWS
from director.provisioning.clients import Clients

DECLARED = """\
name: plant
project_id: plant-project
region: europe-west1
location: EU
dataflows:
  air:
    services:
      bridge:
        service_account: bridge-sa
        deployment:
          secret_environment_vars:
            - {name: A, value_from: mqtt}
            - {name: B, value_from: projects/far/secrets/x/versions/3}
    resources:
      topics:
        - name: readings
          message_retention_duration: 1d
          iam_access_policy:
            - {name: bridge, role: roles/pubsub.viewer}
            - {name: other-sa, role: projects/plant-project/roles/reads, type: service-account}
            - {name: far-sa@far.iam.gserviceaccount.com, role: roles/pubsub.publisher, type: service-account}
      bigquery_datasets: [{name: telemetry}]
      bigquery_tables:
        - name: rows
          dataset: telemetry
          schema: [{name: a, type: STRING}]
          iam_access_policy: [{name: bridge, role: roles/bigquery.metadataViewer}]
      secrets:
        - {name: token, iam_access_policy: [{name: bridge, role: roles/secretmanager.viewer}]}
"""
EXAMPLE = Path(__file__).parents[3] / "examples/environment/architecture.yaml"
NUMBER = "42"
AGENT = agent_of(NUMBER)


def planned(architecture: Architecture) -> set[tuple[str, str, str, str]]:
    """Kind, name, role and member, without what is the same in all of them."""
    project = architecture.project_id

    def short(one: Binding) -> tuple[str, str, str, str]:
        member = "agent" if one.member == AGENT else one.member.removeprefix("serviceAccount:").partition("@")[0]
        name = one.name.replace(f"projects/{project}/", "").replace(f"{project}-", "").replace(f"{project}.", "")
        role = one.role.removeprefix("roles/").replace(f"projects/{project}/roles/", "custom:")
        return one.kind, name.removeprefix("topics/").removeprefix("subscriptions/"), role, member

    return {short(one) for one in bindings(architecture, NUMBER)}


def test_each_link_means_the_least_role_on_the_smallest_resource(architecture: Architecture) -> None:
    project = architecture.project_id
    assert planned(architecture) == {
        (TOPICS, "readings", "pubsub.publisher", "bridge-sa"),
        (TOPICS, "levels", "pubsub.publisher", "pump-sa"),
        (TOPICS, "changes", "pubsub.subscriber", "jobs-sa"),
        (PROJECTS, project, "custom:iotOwnSubscriptions", "jobs-sa"),
        (SUBSCRIPTIONS, "readings-jobs", "pubsub.subscriber", "jobs-sa"),
        (TABLES, "telemetry.rows", "bigquery.dataEditor", "jobs-sa"),
        (TABLES, "telemetry.rows", "bigquery.dataViewer", "reader-sa"),
        (PROJECTS, project, "bigquery.jobUser", "reader-sa"),
        (BUCKETS, "archive", "storage.objectCreator", "jobs-sa"),
        (BUCKETS, "archive", "storage.objectViewer", "jobs-sa"),
        (BUCKETS, "archive", "storage.objectViewer", "reader-sa"),
        (PROJECTS, project, "datastore.user", "bridge-sa"),
        (PROJECTS, project, "datastore.viewer", "jobs-sa"),
        (SECRETS, "secrets/mqtt", "secretmanager.secretAccessor", "bridge-sa"),
        # A view reads with the rights of who asks, down to the last table.
        (VIEWS, "telemetry.devices", "bigquery.dataViewer", "bridge-sa"),
        (VIEWS, "telemetry.once", "bigquery.dataViewer", "bridge-sa"),
        (TABLES, "telemetry.rows", "bigquery.dataViewer", "bridge-sa"),
        (PROJECTS, project, "bigquery.jobUser", "bridge-sa"),
        # What Pub/Sub does by itself.
        (TOPICS, "dead", "pubsub.publisher", "agent"),
        (SUBSCRIPTIONS, "readings-jobs", "pubsub.subscriber", "agent"),
        (TABLES, "telemetry.dead", "bigquery.dataEditor", "agent"),
        (BUCKETS, "dead", "storage.objectCreator", "agent"),
        (BUCKETS, "dead", "storage.legacyBucketReader", "agent"),
    }


def test_what_a_resource_declares_is_granted_with_where_it_stands() -> None:
    found = bindings(load_texts({"a.yaml": DECLARED}, "a.yaml").architecture, NUMBER)
    bridge, other = (
        f"serviceAccount:{name}@plant-project.iam.gserviceaccount.com" for name in ("bridge-sa", "other-sa")
    )
    topic, table = "projects/plant-project/topics/readings", "plant-project.telemetry.rows"
    of_topic = ("declared at air's topics readings",)
    declared = [
        (one.kind, one.name, one.role, one.member, one.reasons) for one in found if "declared" in str(one.reasons)
    ]
    assert declared == [
        (TABLES, table, "roles/bigquery.metadataViewer", bridge, ("declared at air's bigquery_tables rows",)),
        (
            SECRETS,
            "projects/plant-project/secrets/token",
            "roles/secretmanager.viewer",
            bridge,
            ("declared at air's secrets token",),
        ),
        (TOPICS, topic, "projects/plant-project/roles/reads", other, of_topic),
        (TOPICS, topic, "roles/pubsub.publisher", "serviceAccount:far-sa@far.iam.gserviceaccount.com", of_topic),
        (TOPICS, topic, "roles/pubsub.viewer", bridge, of_topic),
    ]


def test_secrets_that_fill_variables_are_read_by_their_service() -> None:
    found = bindings(load_texts({"a.yaml": DECLARED}, "a.yaml").architecture, NUMBER)
    read = {one.name: one.reasons for one in found if one.role == "roles/secretmanager.secretAccessor"}
    assert read == {
        "projects/plant-project/secrets/mqtt": ("air/bridge reads it as its variable A",),
        "projects/far/secrets/x": ("air/bridge reads it as its variable B",),
    }


def test_what_can_be_declared_has_a_door_to_its_policy(clients: Clients) -> None:
    assert set(Doors.open(clients).by_kind) >= WITH_POLICIES


def test_a_grant_that_several_links_want_is_one_with_all_their_reasons(architecture: Architecture) -> None:
    [shared] = [one for one in bindings(architecture, NUMBER) if one.role == "roles/datastore.viewer"]
    assert shared.dataflows == {"air", "water"}
    assert shared.reasons == (
        "air/jobs reads collection devices; Firestore has no policies below the project",
        "water/gauge reads collection pumps; Firestore has no policies below the project",
    )


def test_bindings_are_sorted_and_each_is_there_once(architecture: Architecture) -> None:
    found = bindings(architecture, NUMBER)
    assert list(found) == sorted(found)
    assert len({(one.resource, one.grant) for one in found}) == len(found)


def test_every_binding_names_a_dataflow_and_a_reason(architecture: Architecture) -> None:
    for one in bindings(architecture, NUMBER):
        assert one.reasons
        assert all(dataflow in " ".join(one.reasons) for dataflow in one.dataflows)


def test_one_version_of_a_secret_is_granted_as_the_secret(architecture: Architecture) -> None:
    [secret] = [one for one in bindings(architecture, NUMBER) if one.kind == SECRETS]
    assert secret.name == f"projects/{architecture.project_id}/secrets/mqtt"
    assert secret.reasons == ("air/bridge reads it for its broker.password",)


def test_a_push_that_is_signed_lets_pubsub_sign_as_its_account(text: str, tmp_path: Path) -> None:
    push = "          push: {endpoint: https://example.com/, service_account: push@p.iam.gserviceaccount.com}"
    file = tmp_path / "pushing.yaml"
    pushing = f"        - name: pushed\n          topic: dead\n{push}\n      bigquery_datasets:\n"
    file.write_text(text.replace("      bigquery_datasets:\n", pushing))
    found = planned(load(file).architecture)
    assert (ACCOUNTS, "push@p.iam.gserviceaccount.com", "iam.serviceAccountTokenCreator", "agent") in found


def test_an_account_that_an_export_writes_as_needs_the_rights_and_the_agent_may_sign_as_it(
    text: str, tmp_path: Path
) -> None:
    account = "writer@p.iam.gserviceaccount.com"
    file = tmp_path / "writing.yaml"
    text = text.replace("write_metadata: true}", f"write_metadata: true, service_account_email: {account}}}")
    file.write_text(text.replace("-dead}\n", f"-dead, service_account_email: {account}}}\n"))
    found = planned(load(file).architecture)
    assert found >= {
        (TABLES, "telemetry.dead", "bigquery.dataEditor", "writer"),
        (BUCKETS, "dead", "storage.objectCreator", "writer"),
        (BUCKETS, "dead", "storage.legacyBucketReader", "writer"),
        (ACCOUNTS, account, "iam.serviceAccountTokenCreator", "agent"),
    }
    assert not found & {(TABLES, "telemetry.dead", "bigquery.dataEditor", "agent")}


def test_the_agent_is_needed_only_where_pubsub_does_something_by_itself(architecture: Architecture) -> None:
    assert needs_number(architecture)
    water = architecture.model_copy(update={"dataflows": {"water": architecture.dataflows["water"]}})
    assert not needs_number(water)


def test_the_example_asks_for_nothing_too_broad_and_for_nothing_open_to_everyone() -> None:
    found = bindings(load(EXAMPLE).architecture, NUMBER)
    assert len(found) == 20
    assert [one for one in found if too_broad(one.role, one.member)] == []


def test_in_the_example_a_service_has_nothing_on_the_project_that_could_be_less() -> None:
    on_project = {one.grant for one in bindings(load(EXAMPLE).architecture, NUMBER) if one.kind == PROJECTS}
    enrichment = "serviceAccount:enrichment-sa@local-project.iam.gserviceaccount.com"
    assert on_project == {
        ("roles/datastore.viewer", enrichment),
        ("projects/local-project/roles/iotOwnSubscriptions", enrichment),
    }


def test_links_to_secrets_and_databases_are_united_with_what_configurations_refer_to(tmp_path: Path) -> None:
    link = {"lookup": {"key": "more.secret"}, "name": "bridge"}
    bridge = {
        "service_account": "bridge-sa",
        "config": {"broker": {"password": {"secret": "projects/plant-project/secrets/mqtt/versions/3"}}},
    }
    document = {
        "name": "plant",
        "project_id": "plant-project",
        "region": "europe-west1",
        "location": "EU",
        "dataflows": {
            "air": {
                "services": {"bridge": bridge, "turner": {"service_account": "turner-sa"}},
                "resources": {
                    "secrets": [{"name": "mqtt", "consumers": [link], "producers": [{**link, "name": "turner"}]}],
                    "firestore_databases": [
                        {"name": "archive", "producers": [{**link, "name": "turner", "lookup": {"key": "database"}}]}
                    ],
                },
            }
        },
    }
    file = tmp_path / "architecture.yaml"
    file.write_text(json.dumps(document))
    architecture = load(file).architecture
    assert planned(architecture) == {
        (SECRETS, "secrets/mqtt", "secretmanager.secretAccessor", "bridge-sa"),
        (SECRETS, "secrets/mqtt", "secretmanager.secretVersionAdder", "turner-sa"),
        (PROJECTS, "plant-project", "datastore.user", "turner-sa"),
    }
    [read] = [one for one in bindings(architecture, NUMBER) if one.role.endswith("Accessor")]
    assert read.reasons == ("air/bridge reads it for its broker.password", "air/bridge reads secret mqtt")
