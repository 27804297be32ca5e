"""From links to bindings: the least that each link needs, each with its reason."""

from pathlib import Path

from director.documents.loading import load
from director.documents.model import Architecture
from director.iam.bindings import ACCOUNTS, PROJECTS, SECRETS, Binding
from director.iam.links import agent_of, bindings, needs_agent
from director.iam.roles import too_broad
from director.keys import BUCKETS, SUBSCRIPTIONS, TABLES, TOPICS, VIEWS

EXAMPLE = Path(__file__).parents[3] / "examples/environment/architecture.yaml"
AGENT = agent_of("42")


def planned(architecture: Architecture) -> set[tuple[str, str, str, str]]:
    """Kind, name, role and member, without what is the same in all of them."""
    project = architecture.project_id

    def short(one: Binding) -> tuple[str, str, str, str]:
        member = "agent" if one.member == AGENT else one.member.removeprefix("serviceAccount:").partition("@")[0]
        name = one.name.replace(f"projects/{project}/", "").replace(f"{project}-", "").replace(f"{project}.", "")
        role = one.role.removeprefix("roles/").replace(f"projects/{project}/roles/", "custom:")
        return one.kind, name.removeprefix("topics/").removeprefix("subscriptions/"), role, member

    return {short(one) for one in bindings(architecture, AGENT)}


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


def test_a_grant_that_several_links_want_is_one_with_all_their_reasons(architecture: Architecture) -> None:
    [shared] = [one for one in bindings(architecture, AGENT) if one.role == "roles/datastore.viewer"]
    assert shared.dataflows == {"air", "water"}
    assert shared.reasons == (
        "air/jobs reads collection devices; Firestore has no policies below the project",
        "water/gauge reads collection pumps; Firestore has no policies below the project",
    )


def test_bindings_are_sorted_and_each_is_there_once(architecture: Architecture) -> None:
    found = bindings(architecture, AGENT)
    assert list(found) == sorted(found)
    assert len({(one.resource, one.grant) for one in found}) == len(found)


def test_every_binding_names_a_dataflow_and_a_reason(architecture: Architecture) -> None:
    for one in bindings(architecture, AGENT):
        assert one.reasons
        assert all(dataflow in " ".join(one.reasons) for dataflow in one.dataflows)


def test_one_version_of_a_secret_is_granted_as_the_secret(architecture: Architecture) -> None:
    [secret] = [one for one in bindings(architecture, AGENT) if one.kind == SECRETS]
    assert secret.name == f"projects/{architecture.project_id}/secrets/mqtt"
    assert secret.reasons == ("air/bridge reads it for its broker.password",)


def test_a_push_that_is_signed_lets_pubsub_sign_as_its_account(text: str, tmp_path: Path) -> None:
    push = "          push: {endpoint: https://example.com/, service_account: push@p.iam.gserviceaccount.com}"
    file = tmp_path / "pushing.yaml"
    pushing = f"        - name: pushed\n          topic: dead\n{push}\n      bigquery_datasets:\n"
    file.write_text(text.replace("      bigquery_datasets:\n", pushing))
    found = planned(load(file).architecture)
    assert (ACCOUNTS, "push@p.iam.gserviceaccount.com", "iam.serviceAccountTokenCreator", "agent") in found


def test_the_agent_is_needed_only_where_pubsub_does_something_by_itself(architecture: Architecture) -> None:
    assert needs_agent(architecture)
    water = architecture.model_copy(update={"dataflows": {"water": architecture.dataflows["water"]}})
    assert not needs_agent(water)


def test_the_example_asks_for_nothing_too_broad_and_for_nothing_open_to_everyone() -> None:
    found = bindings(load(EXAMPLE).architecture, AGENT)
    assert len(found) == 20
    assert [one for one in found if too_broad(one.role, one.member)] == []


def test_in_the_example_a_service_has_nothing_on_the_project_that_could_be_less() -> None:
    on_project = {one.grant for one in bindings(load(EXAMPLE).architecture, AGENT) if one.kind == PROJECTS}
    enrichment = "serviceAccount:enrichment-sa@local-project.iam.gserviceaccount.com"
    assert on_project == {
        ("roles/datastore.viewer", enrichment),
        ("projects/local-project/roles/iotOwnSubscriptions", enrichment),
    }
