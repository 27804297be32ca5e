"""Grants, strictly read: what names nothing in the architecture is refused, all at once."""

from pathlib import Path

import pytest

from director.documents.loading import Blueprint
from director.safety.policy import load, own_slices
from director.strict import DocumentError


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    return file


def test_grants_are_read(tmp_path: Path, blueprint: Blueprint) -> None:
    policy = load(
        written(
            tmp_path,
            "grants:\n"
            '- {identity: anna@example.com, role: admin, dataflows: ["*"]}\n'
            "- {identity: on-call, role: operator, dataflows: [air]}\n"
            "- {identity: b@p.iam.gserviceaccount.com, role: service, dataflow: air, service: bridge}\n",
        ),
        blueprint.architecture,
    )
    assert [grant.role for grant in policy.grants] == ["admin", "operator", "service"]
    assert [grant.covers("air") for grant in policy.grants] == [True, True, True]
    assert [grant.covers("water") for grant in policy.grants] == [True, False, False]


def test_everything_wrong_is_told_at_once_with_its_place(tmp_path: Path, blueprint: Blueprint) -> None:
    file = written(
        tmp_path,
        "grants:\n"
        "- {identity: Anna@Example.com, role: admin, dataflows: [air]}\n"
        "- {identity: ben@example.com, role: root, dataflows: [air]}\n"
        "- {identity: ben@example.com, role: viewer, dataflows: [are]}\n"
        "- {identity: b@p.iam.gserviceaccount.com, role: service, dataflow: air, service: brigde}\n",
    )
    with pytest.raises(DocumentError) as caught:
        load(file, blueprint.architecture)
    lines = {problem.line: problem.message for problem in caught.value.problems}
    assert set(lines) == {2, 3, 4, 5}
    assert "did you mean 'air'?" in lines[4]
    assert "did you mean 'bridge'?" in lines[5]


@pytest.mark.parametrize(
    "grant",
    [
        "{identity: a, role: viewer}",
        "{identity: a, role: viewer, dataflows: []}",
        "{identity: a, role: viewer, dataflows: [air], service: bridge}",
        "{identity: a, role: viewer, dataflow: air}",
        "{identity: a, role: service, dataflow: air}",
        "{identity: a, role: service, service: bridge}",
        '{identity: a, role: service, dataflow: air, service: bridge, dataflows: ["*"]}',
        "{identity: '*', role: admin, dataflows: [air]}",
        "{identity: a, role: admin, dataflows: [air], group: all}",
        "{role: admin, dataflows: [air]}",
    ],
)
def test_a_grant_that_is_not_quite_one_is_refused(tmp_path: Path, blueprint: Blueprint, grant: str) -> None:
    with pytest.raises(DocumentError):
        load(written(tmp_path, f"grants:\n- {grant}\n"), blueprint.architecture)


@pytest.mark.parametrize("text", ["", "[]", "grants: []", "grants: {}", "grants: [7]"])
def test_a_document_of_no_grants_is_refused(tmp_path: Path, blueprint: Blueprint, text: str) -> None:
    with pytest.raises(DocumentError):
        load(written(tmp_path, text), blueprint.architecture)


def test_the_architecture_itself_gives_each_service_its_slice(blueprint: Blueprint) -> None:
    project = blueprint.architecture.project_id
    found = {
        (grant.identity, grant.dataflow, grant.service, grant.role) for grant in own_slices(blueprint.architecture)
    }
    assert (f"bridge-sa@{project}.iam.gserviceaccount.com", "air", "bridge", "service") in found
    assert len(found) == 3
