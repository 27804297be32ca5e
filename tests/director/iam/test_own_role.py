"""The director's own role against the code that it is for."""

import ast
from pathlib import Path

import director.resources
from director import keys
from director.documents.access import WITH_POLICIES
from director.documents.loading import Blueprint
from director.documents.model import Architecture
from director.iam.bindings import PROJECTS
from director.iam.links import bindings
from director.iam.own_role import CALLS, CUSTOM_ROLES, DIRECTOR, GRANTING, given_on_projects, granting_condition

SOURCES = sorted(Path(director.resources.__file__).parent.glob("*.py"))


def calls(source: Path) -> set[str]:
    """Calls to Google in a module: all of them say how long they may take."""
    found = (node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Call))
    timed = (node.func for node in found if any(keyword.arg == "timeout" for keyword in node.keywords))
    return {f"{source.stem}.{called.attr}" for called in timed if isinstance(called, ast.Attribute)}


def test_every_call_of_a_provider_is_known_with_its_permissions_and_no_other() -> None:
    assert {call for source in SOURCES for call in calls(source)} == set(CALLS)


def test_the_director_has_what_its_calls_need_and_nothing_that_covers_more() -> None:
    assert {each for of in CALLS.values() for each in of} <= set(DIRECTOR.permissions)
    assert not [each for role in CUSTOM_ROLES for each in role.permissions if "*" in each or each.count(".") != 2]
    assert list(DIRECTOR.permissions) == sorted(set(DIRECTOR.permissions))


def test_the_projects_policy_is_a_role_apart_so_that_a_condition_can_limit_it() -> None:
    assert "resourcemanager.projects.setIamPolicy" not in DIRECTOR.permissions
    assert "resourcemanager.projects.setIamPolicy" in GRANTING.permissions


def test_the_condition_allows_the_roles_that_plans_have_on_a_project_and_no_others(
    architecture: Architecture, everything: Blueprint
) -> None:
    planned = {
        (of.project_id, one.role)
        for of in (architecture, everything.architecture)
        for one in bindings(of, "42")
        if one.kind == PROJECTS
    }
    projects = architecture.project_id, everything.architecture.project_id
    assert {role.rpartition("/")[2] for _, role in planned} == {
        role.rpartition("/")[2] for role in given_on_projects(projects[0])
    }
    for project, role in planned:
        assert f"'{role}'" in granting_condition(project)


def test_whatever_is_made_to_work_as_an_account_is_made_by_somebody_who_may_act_as_it() -> None:
    attaching = {call for call, permissions in CALLS.items() if "iam.serviceAccounts.actAs" in permissions}
    assert attaching == {
        "cloud_run_jobs.create_job",
        "cloud_run_jobs.update_job",
        "cloud_run_services.create_service",
        "dataflow_jobs.launch_flex_template",
        "rollouts.update_service",
        "scheduler_jobs.create_job",
        "scheduler_jobs.update_job",
        "subscriptions.create_subscription",
        "subscriptions.update_subscription",
    }


def test_the_director_may_read_and_write_the_policies_of_every_kind_that_has_some() -> None:
    services = {
        keys.SCHEMAS: "pubsub.schemas", keys.TOPICS: "pubsub.topics", keys.SUBSCRIPTIONS: "pubsub.subscriptions",
        keys.TABLES: "bigquery.tables", keys.VIEWS: "bigquery.tables", keys.BUCKETS: "storage.buckets",
        keys.SECRETS: "secretmanager.secrets", keys.SERVICE_ACCOUNTS: "iam.serviceAccounts",
        keys.CLOUD_RUN_SERVICES: "run.services", keys.CLOUD_RUN_JOBS: "run.jobs",
    }  # fmt: skip
    assert set(services) == WITH_POLICIES
    for kind in services.values():
        assert {f"{kind}.getIamPolicy", f"{kind}.setIamPolicy"} <= set(DIRECTOR.permissions)


def test_nobody_may_make_keys_of_accounts() -> None:
    assert not [each for role in CUSTOM_ROLES for each in role.permissions if "serviceAccountKeys" in each]
