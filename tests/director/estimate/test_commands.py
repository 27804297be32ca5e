"""`conductor estimate`: what it prints, and how it ends."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from director.conductor.endings import ended
from director.documents.loading import Blueprint
from director.estimate.commands import estimate
from director.estimate.prices import SHIPPED
from director.keys import table, topic
from director.provisioning.base import Observed
from director.provisioning.plan import Change, plan
from director.provisioning.plan_document import PlanDocument, Purpose, written
from director.resources.catalogue import wanted

Run = Callable[..., tuple[int, list[str]]]
FLOWING = ("--messages-per-second", "100", "--bytes", "500")


@pytest.fixture
def run(document: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command on the small document as the conductor does: its exit code, and the lines of its output."""

    def call(*words: str) -> tuple[int, list[str]]:
        parser = argparse.ArgumentParser("conductor estimate")
        estimate(parser)
        arguments = parser.parse_args([str(document), *words])
        code = ended(lambda: int(arguments.command(arguments)))
        told = capsys.readouterr()
        return code, (told.out + told.err).splitlines()

    return call


def plan_of(*changes: Change, purpose: Purpose = "apply", of: str = "plant", dataflow: str = "air") -> str:
    facts = dict.fromkeys((change.key for change in changes), "")
    return written([PlanDocument(of, dataflow, purpose, changes, facts).hashed()])


def test_it_says_what_everything_costs(run: Run) -> None:
    code, told = run(*FLOWING)
    assert code == 0
    assert any(" topics " in line and "published: 0.1195 TiB at 40.00" in line for line in told)
    assert any("USD a month: dataflow air, all of it" in line for line in told)
    assert "free tiers" in told[-1]


def test_it_is_the_same_every_time_also_as_json(run: Run) -> None:
    code, told = run(*FLOWING, "--json")
    assert code == 0
    assert json.loads("\n".join(told))["estimates"][0]["dataflow"] == "air"
    assert run(*FLOWING, "--json") == (code, told)


def test_of_a_plan_it_says_what_that_creates(run: Run, blueprint: Blueprint, tmp_path: Path) -> None:
    project, file = blueprint.architecture.project_id, tmp_path / "plan.json"
    made, left = Change("create", *topic(project, "readings")), Change("none", *table(project, "telemetry", "rows"))
    file.write_text(plan_of(made, left))
    code, told = run(*FLOWING, "--plan", str(file), "--json")
    [found] = json.loads("\n".join(told))["estimates"]
    assert (code, found["of"]) == (0, "plan")
    assert {(line["kind"], line["what"]) for line in found["lines"]} == {
        ("topics", "published"),
        ("topics", "retained"),
    }
    assert found["not_reckoned"] == []


def test_a_plan_from_nothing_costs_what_the_document_costs_and_one_of_all_there_is_nothing(
    run: Run, blueprint: Blueprint, tmp_path: Path
) -> None:
    resources, file = wanted(blueprint, "air"), tmp_path / "plan.json"
    file.write_text(plan_of(*plan(resources, {one.key: None for one in resources})))
    of_document, of_plan = run(*FLOWING, "--json"), run(*FLOWING, "--json", "--plan", str(file))
    assert [line.replace('"plan"', '"document"') for line in of_plan[1]] == of_document[1]
    file.write_text(plan_of(*plan(resources, {one.key: Observed(one.state, one.owner) for one in resources})))
    code, told = run(*FLOWING, "--plan", str(file), "--json")
    assert (code, json.loads("\n".join(told))["total_per_month"]) == (0, 0)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"purpose": "teardown"}, "is for the teardown of 'plant'"),
        ({"of": "other"}, "is for the apply of 'other'"),
        ({"dataflow": "water"}, "is for water, and not for air"),
    ],
)
def test_a_plan_for_something_else_is_refused(run: Run, tmp_path: Path, other: Any, why: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(plan_of(**other))
    code, [told] = run(*FLOWING, "--plan", str(file))
    assert (code, why in told) == (2, True)


def test_a_file_that_is_no_plan_is_refused(run: Run, tmp_path: Path) -> None:
    assert run(*FLOWING, "--plan", str(tmp_path / "none"))[0] == 2
    (tmp_path / "none").write_text("{}")
    assert run(*FLOWING, "--plan", str(tmp_path / "none"))[0] == 2


def test_somebody_has_to_say_how_much_flows(run: Run) -> None:
    code, [told] = run("--bytes", "5")
    assert code == 2
    assert "--messages-per-second N --bytes N, or --usage FILE" in told


def test_a_usage_and_a_table_of_ones_own_are_taken(run: Run, tmp_path: Path) -> None:
    usage, prices = tmp_path / "usage.yaml", tmp_path / "prices.yaml"
    usage.write_text("topics: {readings: {messages_per_second: 100, bytes: 500}}\n")
    prices.write_text(SHIPPED.read_text().replace("USD", "EUR").replace("throughput_tib: 40.0", "throughput_tib: 80"))
    code, told = run("--usage", str(usage), "--prices", str(prices))
    assert code == 0
    assert any(line.startswith("        9.56 subscriptions") for line in told)
    assert any("EUR a month" in line for line in told)


def test_bad_documents_are_told_with_file_and_line(run: Run, tmp_path: Path) -> None:
    usage = tmp_path / "usage.yaml"
    usage.write_text("topics:\n  reading: {share: 1}\n")
    code, told = run("--usage", str(usage))
    assert code == 2
    assert f"{usage}:2:3: topics.reading" in "\n".join(told)
    assert "did you mean 'readings'?" in "\n".join(told)
    code, told = run(*FLOWING, "--prices", str(usage))
    assert code == 2
    assert f"{usage}:1:1: topics: unknown key" in "\n".join(told)


def test_an_unknown_dataflow_is_told(run: Run) -> None:
    code, [told] = run(*FLOWING, "--dataflow", "water")
    assert (code, "there are air" in told) == (2, True)


@pytest.mark.parametrize("words", [("--bytes", "-1"), ("--messages-per-second", "nan"), ("--bytes", "many")])
def test_numbers_that_cannot_be_are_refused(run: Run, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*words)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--messages-per-second", "many"), "--messages-per-second: a number of messages, such as 100 or 0.5"),
        (("--bytes", "1.5"), "--bytes: a number of bytes up to 10,000,000, which Pub/Sub takes"),
    ],
)
def test_what_is_no_number_is_told_with_what_would_be_one(
    run: Run, capsys: pytest.CaptureFixture[str], words: tuple[str, str], told: str
) -> None:
    with pytest.raises(SystemExit):
        run(*words)
    assert told in capsys.readouterr().err
