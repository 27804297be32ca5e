"""`conductor iam`: what it prints, and how it ends."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from director.conductor.endings import ended
from director.documents.loading import Blueprint
from director.iam.commands import iam
from director.iam.own_role import DIRECTOR
from director.keys import topic
from director.provisioning.clients import Clients

Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command as the conductor does: its exit code, and the lines of its output."""

    def call(*words: str) -> tuple[int, list[str]]:
        parser = argparse.ArgumentParser("conductor iam")
        iam(parser)
        arguments = parser.parse_args(words)
        code = ended(lambda: int(arguments.command(arguments)))
        told = capsys.readouterr()
        return code, (told.out + told.err).splitlines()

    return call


@pytest.fixture
def file(made: Blueprint, tmp_path: Path) -> str:
    return str(tmp_path / "architecture.yaml")


def test_plan_apply_and_verify_follow_each_other(run: Run, file: str) -> None:
    code, lines = run("plan", file)
    assert code == 0
    assert {line.split()[0] for line in lines} == {"grant"}
    code, missing = run("verify", file)
    assert (code, {line.split()[0] for line in missing}) == (1, {"missing"})
    code, done = run("apply", file)
    assert (code, {line.split()[0] for line in done}) == (0, {"granted"})
    assert len(lines) == len(missing) == len(done)
    assert run("verify", file) == (0, ["every grant is there, and none beyond them"])


def test_apply_ends_with_1_where_something_is_not_granted(
    run: Run, file: str, clients: Clients, made: Blueprint
) -> None:
    clients.publisher.delete_topic(topic=topic(made.architecture.project_id, "readings")[1])
    code, lines = run("apply", file)
    assert code == 1
    assert [line.split()[0] for line in lines].count("waiting") == 1


def test_for_programs_it_is_json(run: Run, file: str) -> None:
    code, lines = run("plan", file, "--dataflow", "water", "--json")
    rows = json.loads("\n".join(lines))
    assert code == 0
    assert {tuple(row) for row in rows} == {("action", "kind", "name", "role", "member", "why")}
    assert {row["action"] for row in rows} == {"grant"}


def test_claims_can_be_kept_in_a_file(run: Run, file: str, tmp_path: Path) -> None:
    claims = tmp_path / "claims.json"
    assert run("apply", file, "--claims", str(claims))[0] == 0
    assert "plant/water" in claims.read_text()


def test_the_number_of_the_project_can_be_given(run: Run, file: str) -> None:
    assert any("service-7@gcp-sa-pubsub" in line for line in run("plan", file, "--project-number", "7")[1])


def test_a_document_with_problems_is_bad_input(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: plant\n")
    assert run("plan", str(bad))[0] == 2


def test_custom_roles_are_printed_as_gcloud_takes_them(run: Run) -> None:
    code, lines = run("roles", "iotDirector")
    assert code == 0
    assert json.loads("\n".join(lines))["includedPermissions"] == list(DIRECTOR.permissions)
    everything = json.loads("\n".join(run("roles")[1]))
    assert set(everything) == {"iotDirector", "iotDirectorGrants", "iotOwnSubscriptions"}


def test_a_role_that_is_not_there_is_bad_input(run: Run) -> None:
    code, lines = run("roles", "iotQueen")
    assert code == 2
    assert "no role 'iotQueen' here; there are iotDirector" in lines[-1]


def test_the_condition_of_the_granting_role_is_printed_as_gcloud_takes_it(run: Run) -> None:
    code, lines = run("condition", "my-project")
    assert code == 0
    printed = json.loads("\n".join(lines))
    assert set(printed) == {"title", "expression"}
    limit = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/"
    assert printed["expression"].startswith(limit)
    assert "'projects/my-project/roles/iotOwnSubscriptions'" in printed["expression"]
