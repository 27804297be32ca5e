"""A director follows its store: what becomes current is in force soon, and what cannot be used leaves the last good."""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from director.documents.loading import Blueprint, load
from director.errors import Misconfigured, Rejected, Unavailable, Unknown
from director.renewal import ReadOnly, Renewal
from director.retries import Retries
from director.service import Director
from director.versions import changes
from director.versions.documents import gathered
from director.versions.file import FileVersions
from director.versions.version import Added, Contents, Version

ANNA = Added("anna")
WATER = """\
  water:
    services: {pump: {service_account: pump-sa, config: {level: 3}}}
    resources:
      topics: [{name: levels, message_retention_duration: 1d, producers: [{name: pump, lookup: {key: topic}}]}]
"""


class Stage:
    """A director, its store and what was told of it."""

    def __init__(self, document: Path, world: Any, retries: Retries) -> None:
        self.contents = gathered(document)
        self.versions = FileVersions()
        self.version, _ = changes.add(self.versions, self.contents, None, ANNA)
        served = load(document)
        self.director = Director(served, world.provide, retries, workers=1)
        self.renewed: list[Blueprint] = []
        self.told: list[int] = []
        self.world = world
        self.served = served
        self.renewal = self.another()

    def another(self, **settings: Any) -> Renewal:
        found = Renewal(self.versions, self.version, self.served, self.renew, **settings)
        found.follow(self.follow)
        return found

    def renew(self, new: Blueprint) -> None:
        self.director.renew(new)
        self.renewed.append(new)

    def follow(self, old: Blueprint, new: Blueprint, version: Version) -> None:
        assert old is not new
        self.told.append(version.number)

    def changed(self, old: str, new: str) -> Contents:
        text = self.contents.texts[self.contents.hub]
        assert old in text
        return Contents(self.contents.hub, {**self.contents.texts, self.contents.hub: text.replace(old, new)})

    def filter(self) -> str:
        return str(self.director.configuration("air", "bridge").config["routes"]["up"]["filter"])


@pytest.fixture
def stage(document: Path, world: Any, retries: Retries) -> Iterator[Stage]:
    made = Stage(document, world, retries)
    yield made
    made.renewal.stop()


def test_what_somebody_else_adds_is_in_force_soon(stage: Stage, eventually: Callable[..., None]) -> None:
    renewal = stage.another(seconds=0.02)
    renewal.start()
    changes.add(stage.versions, stage.changed("a/#", "b/#"), 1, ANNA)
    eventually(lambda: stage.filter() == "b/#")
    eventually(lambda: stage.told == [2])
    assert (renewal.version.number, renewal.remark) == (2, None)
    renewal.stop()


def test_what_is_added_here_is_in_force_at_once(stage: Stage) -> None:
    assert stage.renewal.add(stage.changed("a/#", "b/#"), 1, ANNA)[0].number == 2
    assert stage.filter() == "b/#"
    assert stage.renewal.roll_back(1, 2, Added("anna", restores=1))[0].number == 3
    assert stage.filter() == "a/#"
    assert stage.told == [2, 3]


def test_nothing_new_changes_nothing(stage: Stage) -> None:
    stage.renewal.look()
    stage.renewal.add(stage.contents, 1, ANNA)
    assert (stage.renewed, stage.told) == ([], [])


def test_a_version_that_does_not_load_leaves_the_last_good_and_is_told(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    future = stage.changed("idle: {service_account: idle-sa}", "idle: {service_account: idle-sa, moods: [canary]}")
    stage.versions.add(future, 1, ANNA)  # by a director of a newer release
    stage.renewal.look()
    stage.renewal.look()
    assert stage.filter() == "a/#"
    assert stage.renewal.remark == "version 2 cannot be used, see the log; version 1 is served"
    assert stage.renewal.version.number == 1
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len([one for one in errors if "services.idle.moods: unknown key" in one]) == 1, "told once"
    changes.add(stage.versions, stage.changed("a/#", "c/#"), 2, ANNA)
    stage.renewal.look()
    assert (stage.filter(), stage.renewal.remark, stage.told) == ("c/#", None, [3])


def test_a_version_of_another_project_is_not_served(stage: Stage) -> None:
    stage.versions.add(stage.changed("project_id: ", "project_id: x-"), 1, ANNA)
    stage.renewal.look()
    assert stage.renewal.remark == "version 2 cannot be used, see the log; version 1 is served"
    assert stage.director.architecture == "plant"


def test_a_bug_while_it_is_put_to_use_shows_and_is_not_the_end(stage: Stage) -> None:
    def broken(new: Blueprint) -> None:
        raise RuntimeError("a bug")

    renewal = Renewal(stage.versions, stage.version, stage.served, broken)
    changes.add(stage.versions, stage.changed("a/#", "b/#"), 1, ANNA)
    renewal.look()
    assert renewal.remark == "version 2 cannot be used, see the log; version 1 is served"
    renewal.look()
    assert renewal.remark == "version 2 cannot be used, see the log; version 1 is served"


def test_a_store_that_is_away_is_told_until_it_answers_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise Unavailable("nobody there")

    with monkeypatch.context() as patched:
        patched.setattr(stage.versions, "current", away)
        stage.renewal.look()
        stage.renewal.look()
        assert stage.renewal.remark == "the store of versions does not answer, see the log; version 1 is served"
    assert caplog.text.count("cannot look for a newer version: nobody there") == 1
    changes.add(stage.versions, stage.changed("a/#", "b/#"), 1, ANNA)
    stage.renewal.look()
    assert (stage.filter(), stage.renewal.remark) == ("b/#", None)


def test_texts_that_cannot_be_read_are_told_once_until_they_can(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def damaged(number: int) -> Contents:
        raise Rejected("version 2 is not what was written there")

    changes.add(stage.versions, stage.changed("a/#", "b/#"), 1, ANNA)
    with monkeypatch.context() as patched:
        patched.setattr(stage.versions, "contents", damaged)
        for _ in range(3):
            stage.renewal.look()
        assert stage.renewal.remark == "the store of versions cannot be read, see the log; version 1 is served"
    assert caplog.text.count("version 2 is not what was written there") == 1
    assert "answers again" not in caplog.text
    stage.renewal.look()
    assert (stage.filter(), stage.renewal.remark) == ("b/#", None)


def test_begun_with_an_older_version_since_the_newest_does_not_load_it_says_so(stage: Stage) -> None:
    newest = stage.versions.add(Contents("architecture.yaml", {"architecture.yaml": "moods: []"}), 1, ANNA)
    renewal = stage.another(newest=newest)
    assert renewal.remark == "version 2 cannot be used, see the log; version 1 is served"
    renewal.look()
    assert (stage.told, renewal.version.number) == ([], 1)


def test_to_a_file_nobody_adds(stage: Stage) -> None:
    renewal = stage.another(writable=False)
    for add in (lambda: renewal.add(stage.contents, 1, ANNA), lambda: renewal.roll_back(1, 1, ANNA)):
        with pytest.raises(ReadOnly, match="serves a file"):
            add()


def test_what_runs_keeps_to_its_end_what_it_began_with(stage: Stage, eventually: Callable[..., None]) -> None:
    """Its dataflow may have vanished meanwhile; what comes after it sees the new ones."""
    go_on, reached = threading.Event(), threading.Event()

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if call == "create" and when == "before":
            reached.set()
            assert go_on.wait(20)

    hub = stage.contents.texts[stage.contents.hub]
    only_water = hub[: hub.index("  air:")] + WATER
    stage.world.strike = strike
    reports: list[Any] = []
    thread = threading.Thread(target=lambda: reports.append(stage.director.apply("air")))
    thread.start()
    assert reached.wait(20)
    stage.renewal.add(Contents(stage.contents.hub, {stage.contents.hub: only_water}), 1, ANNA)
    assert stage.director.dataflows() == ("water",)
    with pytest.raises(Unknown):
        stage.director.plan("air")
    go_on.set()
    thread.join(20)
    assert {outcome.result for outcome in reports[0]} == {"created"}
    assert {key[0] for key in stage.world.created} > {"topics", "subscriptions", "bigquery_tables"}
    assert {outcome.result for outcome in stage.director.apply("water")} == {"created"}


def test_a_director_that_runs_takes_no_other_architecture(stage: Stage, document: Path) -> None:
    document.write_text(document.read_text().replace("name: plant", "name: factory"))
    with pytest.raises(Misconfigured, match=r"'factory' .* cannot take the place of 'plant'"):
        stage.director.renew(load(document))
    assert stage.director.architecture == "plant"
