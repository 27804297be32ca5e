"""The strictest of architecture, dataflow and resource decides what a teardown may do."""

from pathlib import Path

import pytest

from director.documents.loading import load
from director.resources.catalogue import wanted


def policies(document: Path) -> dict[str, str]:
    return {one.kind: one.protection.policy for one in wanted(load(document), "air")}


def ephemeral(document: Path, more: str = "") -> None:
    text = document.read_text()
    document.write_text(text.replace("    services:", f"    lifecycle: {{strategy: ephemeral{more}}}\n    services:"))


def test_a_permanent_dataflow_keeps_everything_and_what_holds_data_above_all(document: Path) -> None:
    found = policies(document)
    assert {kind for kind, policy in found.items() if policy == "ABANDON"} == {"topics"}
    assert {policy for kind, policy in found.items() if kind != "topics"} == {"PREVENT"}


def test_an_ephemeral_one_deletes_unless_its_resources_are_kept(document: Path) -> None:
    ephemeral(document)
    assert set(policies(document).values()) == {"DELETE"}


def test_resources_of_a_test_may_be_kept(document: Path) -> None:
    ephemeral(document, ", keep_resources_on_test: true")
    assert set(policies(document).values()) == {"ABANDON"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("labels: {team: air}\n", "teardown_protection: true\n"),
        ("    services:", "    teardown_protection: true\n    services:"),
    ],
)
def test_protection_of_the_whole_wins_over_any_policy(document: Path, old: str, new: str) -> None:
    ephemeral(document)
    text = document.read_text().replace("- name: readings\n", "- name: readings\n          deletion_policy: DELETE\n")
    document.write_text(text.replace(old, new))
    assert set(policies(document).values()) == {"PREVENT"}


def test_a_resource_decides_for_itself_where_nobody_is_stricter(document: Path) -> None:
    document.write_text(
        document.read_text()
        .replace("- name: telemetry\n", "- name: telemetry\n          deletion_policy: DELETE\n")
        .replace("- name: readings-archive\n", "- name: readings-archive\n          deletion_policy: ABANDON\n")
        .replace(
            "- name: devices\n",
            "- {name: x, deletion_policy: DELETE, teardown_protection: true}\n        - name: devices\n",
        )
    )
    found = {one.full_name.rpartition("/")[2]: one.protection for one in wanted(load(document), "air")}
    assert found["readings-archive"].policy == "ABANDON"
    assert found["x"].because == "the resource has teardown_protection"
    [dataset] = [one for one in wanted(load(document), "air") if one.kind == "bigquery_datasets"]
    assert (dataset.protection.policy, dataset.protection.because) == ("DELETE", "its deletion_policy is DELETE")
