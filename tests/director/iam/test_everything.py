"""One document with every kind of resource: its whole plan, what it must never have, and when each right is given."""

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml
from google.api_core.exceptions import BadRequest

from director import keys
from director.documents.access import WITH_POLICIES
from director.documents.kinds import kinds
from director.documents.loading import Blueprint, load_texts
from director.iam.bindings import ACCOUNTS, PROJECTS, Binding
from director.iam.links import bindings, made
from director.iam.own_role import given_on_projects
from director.iam.rights import GRANTS, Rights
from director.iam.roles import BASIC, EVERYONE, too_broad
from director.keys import Key
from director.ledger.file import FileLedger
from director.resources.catalogue import wanted
from director.retries import Retries
from director.service import Director
from director.strict import DocumentError
from tests.director.iam import worlds
from tests.director.worlds import World

NUMBER, PROJECT, REGION = "42", "plant-project", "europe-west1"
EVERYTHING, GOLDEN = (Path(__file__).with_name(f"everything.{ending}") for ending in ("yaml", "plan"))
REGISTRY = keys.cloud_run_service(PROJECT, REGION, "registry")


def shown(one: Binding) -> str:
    return f"{one}\n" + "".join(f"    {reason}\n" for reason in one.reasons)


def account(name: str) -> str:
    return f"serviceAccount:{name}@{PROJECT}.iam.gserviceaccount.com"


@pytest.fixture
def policies() -> worlds.World:
    return worlds.World()


@pytest.fixture
def director(everything: Blueprint, world: World, policies: worlds.World, retries: Retries) -> Director:
    policies.absent = worlds.Unmade(made(everything.architecture), world.things)
    entitled = lambda of: Rights(policies.iam(of.architecture))  # noqa: E731
    return Director(everything, world.provide, retries, workers=1, ledger=FileLedger(), rights=entitled)


def test_every_kind_occurs(everything: Blueprint) -> None:
    resources = everything.architecture.dataflows["air"].resources
    assert [kind for kind in kinds() if not getattr(resources, kind)] == []


def test_the_plan_is_the_one_that_somebody_has_read(everything: Blueprint) -> None:
    assert "".join(shown(one) for one in bindings(everything.architecture, NUMBER)) == GOLDEN.read_text()


def test_nothing_is_basic_or_open_or_may_change_what_it_is_on(everything: Blueprint) -> None:
    found = bindings(everything.architecture, NUMBER)
    assert [one for one in found if one.role in BASIC or one.member in EVERYONE or too_broad(*one.grant)] == []
    assert {one.member.partition(":")[0] for one in found} == {"serviceAccount"}


def test_every_service_has_an_account_of_its_own(everything: Blueprint) -> None:
    services = everything.architecture.dataflows["air"].services.values()
    assert set(Counter(service.service_account for service in services).values()) == {1}


def test_on_the_project_is_only_what_can_be_nowhere_else(everything: Blueprint) -> None:
    on_project = {one.role for one in bindings(everything.architecture, NUMBER) if one.kind == PROJECTS}
    assert on_project <= set(given_on_projects(PROJECT))


def test_rights_are_on_what_is_made_under_the_very_same_names(everything: Blueprint) -> None:
    named = {key for key in made(everything.architecture) if key[0] in WITH_POLICIES}
    provided = {one.key for one in wanted(everything, "air") if one.kind in WITH_POLICIES}
    referred = keys.secret(PROJECT, "mqtt")
    assert provided - {referred} == named
    places = {one.resource for one in bindings(everything.architecture, NUMBER)}
    assert places - named == {(PROJECTS, PROJECT), referred}


def test_what_is_about_to_be_made_is_planned_as_granted(director: Director, policies: worlds.World) -> None:
    planned = [change for change in director.plan("air") if change.kind == GRANTS]
    assert {change.action for change in planned} == {"grant"}
    assert len(planned) == GOLDEN.read_text().count("roles/")


@pytest.mark.parametrize(
    ("made_with_it", "right"),
    [
        (REGISTRY, (keys.secret(PROJECT, "token"), ("roles/secretmanager.secretAccessor", account("registry-sa")))),
        (
            keys.secret(PROJECT, "token"),
            (
                keys.topic(PROJECT, "reminders"),
                (
                    "roles/pubsub.publisher",
                    f"serviceAccount:service-{NUMBER}@gcp-sa-secretmanager.iam.gserviceaccount.com",
                ),
            ),
        ),
        (
            keys.dataflow_job(PROJECT, REGION, "enrichment"),
            ((PROJECTS, PROJECT), ("roles/dataflow.worker", account("enrichment-sa"))),
        ),
        (
            keys.dataflow_job(PROJECT, REGION, "enrichment"),
            (keys.bucket("plant-files"), ("roles/storage.objectUser", account("enrichment-sa"))),
        ),
        (
            keys.cloud_run_service(PROJECT, REGION, "mqtt-bridge"),
            (keys.secret(PROJECT, "mqtt"), ("roles/secretmanager.secretAccessor", account("bridge-sa"))),
        ),
    ],
    ids=[
        "a secret of a service on Cloud Run",
        "a topic of a secret",
        "a worker's work",
        "a job's files",
        "another's secret",
    ],
)
def test_what_a_program_needs_is_granted_before_it_is_made(
    director: Director, world: World, policies: worlds.World, made_with_it: Key, right: tuple[Key, tuple[str, str]]
) -> None:
    seen = []

    def strike(call: str, key: Key, when: str) -> None:
        if (call, key, when) == ("create", made_with_it, "before"):
            seen.append(right in policies.live())

    world.strike = strike
    director.apply("air")
    assert seen == [True]


def test_an_apply_gives_all_of_it_and_nothing_more(
    director: Director, everything: Blueprint, policies: worlds.World
) -> None:
    director.apply("air")
    assert policies.live() == {(one.resource, one.grant) for one in bindings(everything.architecture, NUMBER)}
    assert policies.iam(everything.architecture).verify() == ()


@pytest.mark.parametrize(
    ("resource", "role", "member"),
    [
        (keys.schema(PROJECT, "reading"), "roles/pubsub.editor", account("bridge-sa")),
        (REGISTRY, "roles/run.invoker", "allUsers"),
        (REGISTRY, "roles/run.developer", account("bridge-sa")),
        (keys.cloud_run_service(PROJECT, REGION, "mqtt-bridge"), "roles/run.invoker", "allAuthenticatedUsers"),
        (keys.cloud_run_job(PROJECT, "europe-west4", "tidy"), "roles/run.invoker", account("bridge-sa")),
        (keys.service_account(PROJECT, "desk-sa"), "roles/iam.serviceAccountUser", account("bridge-sa")),
        (keys.secret(PROJECT, "token"), "roles/secretmanager.secretAccessor", account("bridge-sa")),
        ((PROJECTS, PROJECT), "roles/run.invoker", account("bridge-sa")),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else None,
)
def test_what_is_open_wider_than_planned_is_told_of_every_kind(
    director: Director, everything: Blueprint, policies: worlds.World, resource: Key, role: str, member: str
) -> None:
    director.apply("air")
    there = policies.policies.get(resource, {}).get("bindings", [])
    policies.put(resource, *there, {"role": role, "members": [member]})
    [finding] = policies.iam(everything.architecture).verify()
    assert (finding.problem, finding.binding.resource) == ("broader", resource)
    assert finding.binding.grant == (role, member)


def test_an_agent_that_google_has_not_made_yet_is_said_how_to_make(
    everything: Blueprint, policies: worlds.World
) -> None:
    agent = f"service-{NUMBER}@gcp-sa-secretmanager.iam.gserviceaccount.com"
    reminders = keys.topic(PROJECT, "reminders")

    def strike(effect: str, resource: Key, when: str) -> None:
        if (effect, resource, when) == ("put", reminders, "before"):
            raise BadRequest(f"Service account {agent} does not exist.")

    policies.strike = strike
    [failed] = [one for one in policies.iam(everything.architecture).apply() if not one.good]
    assert failed.binding.resource == reminders
    assert "gcloud beta services identity create --service secretmanager.googleapis.com" in failed.why


def test_an_account_that_is_only_named_is_for_people_to_create(everything: Blueprint, policies: worlds.World) -> None:
    air = everything.architecture.dataflows["air"]
    without = air.resources.model_copy(update={"service_accounts": ()})
    flows = {"air": air.model_copy(update={"resources": without})}
    pusher = keys.service_account(PROJECT, "pusher-sa")
    policies.absent = {pusher}
    said = []
    for architecture in (everything.architecture, everything.architecture.model_copy(update={"dataflows": flows})):
        [change] = [one for one in policies.iam(architecture).plan() if one.binding.kind == ACCOUNTS]
        said.append(change.why.rpartition("; ")[2])
    assert said == [
        "the resource is not there yet: apply the dataflow first",
        "the resource is not there yet: create it first",
    ]


def test_an_account_alone_comes_with_its_rights_on_what_is_there_without_the_dataflow(director: Director) -> None:
    planned = director.plan("air", resource="service_accounts/enrichment-sa")
    rights = {change.name.partition(" to ")[0] for change in planned if change.kind == GRANTS}
    assert rights == {f"roles/{role} on projects {PROJECT}" for role in ("dataflow.worker", "datastore.viewer")}


@pytest.mark.parametrize("kind", sorted(set(kinds()) - WITH_POLICIES))
def test_a_policy_where_there_is_none_is_refused_with_where_there_are_some(kind: str) -> None:
    document = yaml.safe_load(EVERYTHING.read_text())
    access = {"name": "bridge", "role": "roles/pubsub.viewer"}
    document["dataflows"]["air"]["resources"][kind][0]["iam_access_policy"] = [access]
    with pytest.raises(DocumentError) as refused:
        load_texts({"hub.json": json.dumps(document)}, "hub.json")
    assert f"{kind} have no policies of their own" in str(refused.value)
    assert all(other in str(refused.value) for other in WITH_POLICIES)
