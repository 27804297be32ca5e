"""The director's own role against the code that it is for."""

import ast
from pathlib import Path

import director.resources
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


def test_the_condition_allows_every_role_that_a_plan_has_on_a_project(architecture: Architecture) -> None:
    project = architecture.project_id
    planned = {one.role for one in bindings(architecture, "42") if one.kind == PROJECTS}
    assert planned == set(given_on_projects(project))
    assert all(f"'{role}'" in granting_condition(project) for role in planned)
