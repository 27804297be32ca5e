"""The topics of the second door: those of dataflows, and none that would answer to itself or lose what it gets."""

from pathlib import Path

import pytest

from director.documents.loading import load
from director.documents.manager import places
from director.strict import DocumentError
from tests.director.commands.conftest import CONTROL, MANAGED


def written(document: Path, managed: str = MANAGED, control: str = CONTROL) -> Path:
    document.write_text(document.read_text().replace("dataflows:\n", managed + "dataflows:\n", 1) + control)
    return document


def problems(document: Path) -> list[str]:
    with pytest.raises(DocumentError) as told:
        load(document)
    return [f"{one.path}: {one.message}" for one in told.value.problems]


def test_names_are_those_of_the_project(document: Path) -> None:
    architecture = load(written(document)).architecture
    project = architecture.project_id
    found = places(architecture)
    assert found.commands == f"projects/{project}/subscriptions/commands-director"
    assert found.completions == f"projects/{project}/topics/completions"
    assert found.dead_letters == f"projects/{project}/topics/command-letters"


def test_dead_letters_go_where_those_of_the_subscription_go(document: Path) -> None:
    managed = MANAGED.replace("  dead_letter_topic: {name: command-letters}\n", "")
    policy = "topic: commands, dead_letter_policy: {topic: command-letters, max_delivery_attempts: 5}}"
    written(document, managed, CONTROL.replace("topic: commands}", policy))
    assert places(load(document).architecture).dead_letters.endswith("/topics/command-letters")


def test_older_documents_say_the_same_with_lookups(document: Path) -> None:
    lookup = "lookup: {key: COMMAND_TOPIC, method: env}"
    written(document, MANAGED.replace("{name: commands}", f"{{name: commands, {lookup}}}") + "  name: director\n")
    spec = load(document).architecture.service_manager_spec
    assert spec is not None
    assert (spec.name, spec.subscription) == ("director", "commands-director")


def test_without_one_there_are_no_places(document: Path) -> None:
    with pytest.raises(LookupError):
        places(load(document).architecture)


SUBSCRIPTION = "name: commands-director, topic: commands"
COMPLETION = "completion_topic: {name: completions}"
LETTERS = "dead_letter_topic: {name: command-letters}"
PUSH = "push: {endpoint: https://x.example/, service_account: push@p.iam.gserviceaccount.com}"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (COMPLETION, "completion_topic: {name: absent}", "no topic 'absent' in any dataflow"),
        (COMPLETION, "completion_topic: {name: commands}", "to which all would come back"),
        (LETTERS, "dead_letter_topic: {name: commands}", "to which all would come back"),
        (LETTERS, "", "commands that are refused have nowhere to go"),
        (SUBSCRIPTION, "name: other, topic: commands", "no subscription 'commands-director'"),
        (SUBSCRIPTION, "name: commands-director, topic: completions", "not of 'commands'"),
        (SUBSCRIPTION, f"{SUBSCRIPTION}, {PUSH}", "commands are pulled"),
        ("command_topic: {name: commands}", "command_topic: {name: goog-x}", "which Google keeps for itself"),
        ("command_topic:", "command_topics:", "unknown key; did you mean 'command_topic'?"),
    ],
)
def test_what_cannot_work_is_told_with_its_place(document: Path, old: str, new: str, problem: str) -> None:
    assert (MANAGED + CONTROL).count(old) == 1
    written(document, MANAGED.replace(old, new), CONTROL.replace(old, new))
    assert any(problem in one for one in problems(document)), problems(document)
