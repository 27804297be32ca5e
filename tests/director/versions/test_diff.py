"""What one version changes of another: the texts, and what they mean."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from director.versions.diff import Diff, diff
from director.versions.version import Contents

Change = Callable[[str, str], Contents]
LINES = st.lists(st.sampled_from(["a", "b", "", "\r", "- x", "\x0c", "é"]), max_size=4).map("\n".join)


def said(found: Diff) -> list[str]:
    return [str(effect) for effect in found.effects]


def test_the_same_is_no_difference(contents: Contents) -> None:
    found = diff(contents, contents)
    assert found == Diff((), ())
    assert str(found) == "no difference"


def test_a_changed_value_is_shown_in_its_file_and_as_what_it_changes(contents: Contents, changed: Change) -> None:
    found = diff(contents, changed("filter: a/#", "filter: b/#"))
    assert [(one.file, one.how) for one in found.files] == [("architecture.yaml", "changed")]
    lines = found.files[0].unified.splitlines()
    assert lines[:2] == ["--- a/architecture.yaml", "+++ b/architecture.yaml"]
    assert [line[0] for line in lines[3:] if line[0] != " "] == ["-", "+"]
    assert said(found) == ["changed air: service bridge: config.routes.up.filter"]


def test_a_resource_changes_by_fields_and_a_renamed_one_goes_and_comes(contents: Contents, changed: Change) -> None:
    assert said(diff(contents, changed("ack_deadline_seconds: 20", "ack_deadline_seconds: 30"))) == [
        f"changed air: subscriptions projects/{project(contents)}/subscriptions/readings-archive: ack_deadline_seconds"
    ]
    tables = f"bigquery_tables {project(contents)}.telemetry"
    assert said(diff(contents, changed("- name: rows", "- name: lines"))) == [
        f"removed air: {tables}.rows",
        f"added   air: {tables}.lines",
    ]


def test_the_name_of_a_resource_shows_in_the_services_linked_to_it(contents: Contents, changed: Change) -> None:
    found = diff(contents, changed("- name: readings\n", "- name: readings-new\n"))
    assert found.unreadable.startswith("'to' no longer loads, so only texts are compared: architecture.yaml:")
    whole = Contents(
        contents.hub,
        {name: text.replace("name: readings\n", "name: news\n").replace("topic: readings", "topic: news")
         for name, text in contents.texts.items()},
    )  # fmt: skip
    assert "changed air: service bridge: config.destinations.up" in said(diff(contents, whole))


def test_seed_documents_and_files_that_come_and_go_are_told(contents: Contents) -> None:
    seeds = {**contents.texts, "devices.yaml": "d-1: {name: one, location: hall-3}\n"}
    assert said(diff(contents, Contents(contents.hub, seeds))) == [
        "changed air: seed documents devices: d-1.location, d-2"
    ]
    added = diff(contents, Contents(contents.hub, {**contents.texts, "notes.yaml": "a: 1\n"}))
    assert [(one.file, one.how) for one in added.files] == [("notes.yaml", "added")]
    assert added.files[0].unified.startswith("--- /dev/null\n+++ b/notes.yaml\n")
    assert added.effects == ()


def test_what_belongs_to_no_service_is_told_too(contents: Contents, changed: Change) -> None:
    assert said(diff(contents, changed("team: air", "team: water"))) == ["changed architecture: labels.team"]
    assert said(diff(contents, changed("idle-sa", "lazy-sa"))) == [
        "changed air: dataflow: services.idle.service_account"
    ]


def test_it_can_be_written_as_json(contents: Contents, changed: Change) -> None:
    found = diff(contents, changed("filter: a/#", "filter: b/#")).to_json()
    assert found["effects"] == (
        {
            "how": "changed",
            "dataflow": "air",
            "kind": "service",
            "name": "bridge",
            "fields": ("config.routes.up.filter",),
        },
    )
    assert found["unreadable"] == ""


def test_what_is_very_long_is_not_compared_line_by_line() -> None:
    """Comparing lines takes time by their square, and a director has other things to do."""
    long = Contents("h", {"h": "".join(f"a{number % 97}\n" for number in range(150_000))})
    found = diff(long, Contents("h", {"h": f"{long.texts['h']}b\n"}))
    assert found.files[0].unified.endswith("(too long to compare: 150,000 and 150,001 lines)\n")


@given(LINES, LINES)
def test_both_texts_are_in_the_unified_diff_to_the_last_character(before: str, after: str) -> None:
    """They are so short that all of their lines are shown."""
    found = diff(Contents("h", {"h": before}), Contents("h", {"h": after})).files
    if before == after:
        assert found == ()
    else:
        assert side(found[0].unified, " -") == before
        assert side(found[0].unified, " +") == after


def side(unified: str, signs: str) -> str:
    text, sign = "", ""
    for line in unified.split("\n")[3:-1]:
        if not line.startswith("\\"):
            sign = line[0]
            text += f"{line[1:]}\n" if sign in signs else ""
        elif sign in signs:
            text = text[:-1]
    return text


def project(contents: Contents) -> str:
    lines = contents.texts[contents.hub].splitlines()
    return next(line.split()[1] for line in lines if line.startswith("project_id"))
