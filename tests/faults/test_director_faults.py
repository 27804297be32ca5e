"""The director killed at every call, doubled, and stopped past its lease: it converges, and destroys nothing of others.

Everything is done to the example architecture, made ephemeral so that a teardown has something to delete.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from director import keys
from director.documents.loading import Blueprint, load
from director.ledger.file import FileLedger
from director.ledger.firestore import FirestoreLedger
from director.ledger.ledger import Record
from director.provisioning.base import Holding
from director.provisioning.clients import Clients
from director.resources import subscriptions
from director.resources.catalogue import providers, wanted
from director.retries import Retries
from director.service import Director
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.worlds import Death, Killed, Mortal, World, always, mortal

EXAMPLE = Path(__file__).parents[2] / "examples" / "environment"
FLOW = "environment"
RETRIES = Retries(sleep=lambda seconds: None)
PROJECTS = itertools.count(1)
# Pub/Sub delivers these itself, so nobody can see that they are empty.
EXPORTS = frozenset({"rollups-bigquery", "dead-letters-bigquery", "dead-letters-archive"})
Start = Callable[..., "subprocess.Popen[str]"]


class Clock:
    """Time as the ledger sees it; a lease of the dead runs out when somebody says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The example in a project of this test's own."""
    project = f"faults-{os.getpid()}-{next(PROJECTS)}"
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "architecture.yaml"
    for one in (path, tmp_path / "dataflows" / "environment.yaml"):
        text = one.read_text().replace("local-project", project).replace("environment-archive", f"{project}-archive")
        text = text.replace("strategy: permanent", "strategy: ephemeral").replace(f"enriched-{project}", "enriched")
        one.write_text(text)
    return path


@pytest.fixture
def blueprint(file: Path) -> Blueprint:
    return load(file)


@pytest.fixture
def start(cloud: LocalCloud) -> Iterator[Start]:
    """Starts `python -m director …` against the local cloud; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str | Path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "director", *map(str, arguments)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=20)


def complete(records: Sequence[Record]) -> bool:
    """Every intent has what came of it, and no token ever fell."""
    intents = {record.id for record in records if record.phase == "intent"}
    concluded = Counter(record.intent for record in records if record.phase != "intent")
    tokens = [record.token for record in records]
    return concluded == Counter(intents) and tokens == sorted(tokens)


def made(records: Sequence[Record], action: str) -> Counter[tuple[str, str]]:
    """How often something was done, or found done by a run that died."""
    ends = (one for one in records if one.action == action and (one.phase == "done" or one.detail.startswith("found")))
    return Counter(one.key for one in ends)


class Stage:
    """A world in memory, a ledger that outlives directors, and directors that die at a call."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.world = World()
        self.clock = Clock()
        self.ledger = FileLedger(clock=self.clock)
        resources = wanted(blueprint, FLOW)
        self.wanted = {one.key: one.state for one in resources}
        self.data = {one.key: Holding("rows") for one in resources if one.kind in (keys.TABLES, keys.BUCKETS)}
        self.named = frozenset(name for _, name in self.data)

    def director(self, death: Death | None = None) -> Director:
        """Each call of a provider and of the ledger counts for its death."""
        if death is None:
            return Director(self.blueprint, self.world.provide, RETRIES, 1, self.ledger)
        mortal_ledger: Any = Mortal(self.ledger, death)
        return Director(self.blueprint, always(mortal(self.world.providers(), death)), RETRIES, 1, mortal_ledger)

    def teardown(self, director: Director) -> Any:
        return director.teardown(FLOW, confirmed=self.named)

    def time_passes(self) -> None:
        self.clock.now += 31

    def applied(self) -> "Stage":
        self.director().apply(FLOW)
        self.world.data = dict(self.data)
        return self


def test_a_kill_at_any_call_of_an_apply_is_mended_by_the_next_apply(blueprint: Blueprint) -> None:
    alive = Death(sys.maxsize)
    Stage(blueprint).director(alive).apply(FLOW)
    assert alive.calls > 8 * 22  # each of 22 resources: observe, intent, create, outcome; before and after
    for last in range(alive.calls):
        stage = Stage(blueprint)
        with pytest.raises(Killed):
            stage.director(Death(last)).apply(FLOW)
        stage.time_passes()
        assert all(outcome.good for outcome in stage.director().apply(FLOW))
        assert stage.world.things == stage.wanted
        assert Counter(stage.world.created) == Counter(stage.wanted.keys())
        assert stage.world.updated == stage.world.deleted == []
        records = stage.director().history(FLOW)
        assert complete(records)
        assert made(records, "create").keys() == stage.wanted.keys()
        stage.ledger.close()


def test_a_kill_at_any_call_of_a_teardown_is_mended_by_the_next_teardown(blueprint: Blueprint) -> None:
    alive = Death(sys.maxsize)
    first = Stage(blueprint).applied()
    first.teardown(first.director(alive))
    assert first.world.things == {}
    assert alive.calls > 10 * 22
    for last in range(alive.calls):
        stage = Stage(blueprint).applied()
        with pytest.raises(Killed):
            stage.teardown(stage.director(Death(last)))
        stage.time_passes()
        assert all(outcome.good for outcome in stage.teardown(stage.director()))
        assert stage.world.things == {}
        assert Counter(stage.world.deleted) == Counter(stage.wanted.keys())
        records = stage.director().history(FLOW)
        assert complete(records)
        assert not any(entry.made or entry.pending for entry in stage.ledger.entries(scope(blueprint)).values())
        stage.ledger.close()


def scope(blueprint: Blueprint) -> str:
    return f"{blueprint.architecture.project_id}.{blueprint.architecture.name}.{FLOW}"


class DeathAt(Death):
    """Ends the process at the call of this number among those of one method, and remembers what they did."""

    def __init__(self, last: int, method: str, done: list[keys.Key]) -> None:
        super().__init__(last)
        self._method = method
        self._done = done

    def __call__(self, call: str, key: keys.Key, when: str) -> None:
        if call == self._method:
            if when == "after":
                self._done.append(key)
            super().__call__(call, key, when)


def test_a_director_that_dies_around_each_of_its_effects_gets_there_in_the_end(
    blueprint: Blueprint, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through Google's own clients: each run dies before its first effect, or right after it; the next goes on."""
    monkeypatch.setattr(subscriptions, "PEEK_SECONDS", 0.02)
    clock = Clock()
    ledger = FileLedger(clock=clock)
    everything = Counter(one.key for one in wanted(blueprint, FLOW))
    with Clients.open(blueprint.architecture.project_id) as clients:
        real = providers(clients, blueprint)

        def runs(method: str, act: Callable[[Director], Any]) -> list[keys.Key]:
            """What all of them together did, the last of which nothing was left to do for."""
            done: list[keys.Key] = []
            for last in itertools.cycle((0, 1)):
                death = DeathAt(last, method, done)
                try:
                    act(Director(blueprint, always(mortal(real, death)), RETRIES, 1, ledger))
                except Killed:
                    clock.now += 31
                else:
                    return done
            raise AssertionError("unreachable")

        assert Counter(runs("create", lambda director: director.apply(FLOW))) == everything
        survivor = Director(blueprint, always(real), RETRIES, ledger=ledger)
        assert survivor.verify(FLOW) == ()
        assert {outcome.result for outcome in survivor.apply(FLOW)} == {"unchanged"}
        assert Counter(runs("delete", lambda director: director.teardown(FLOW, confirmed=EXPORTS))) == everything
        assert {change.action for change in survivor.plan(FLOW)} == {"create"}
        assert complete(survivor.history(FLOW))
    ledger.close()


def run(start: Start, *arguments: str | Path) -> tuple[int, str, str]:
    process = start(*arguments)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


@pytest.mark.parametrize(
    ("method", "when"),
    [("*tables.insert", "after"), ("firestore.Commit", "after")],
)
def test_kill_9_in_an_apply(
    file: Path, cloud: LocalCloud, start: Start, eventually: Callable[..., None], method: str, when: Any
) -> None:
    killed_at(cloud, start("apply", file, "--lease-seconds", "2"), eventually, method, when)
    code, output, errors = run(start, "apply", file)
    assert code == 0, output + errors
    assert len(output.splitlines()) == 22
    assert run(start, "verify", file)[0] == 0
    assert history_is_complete(file)


def test_kill_9_in_a_teardown(file: Path, cloud: LocalCloud, start: Start, eventually: Callable[..., None]) -> None:
    assert run(start, "apply", file)[0] == 0
    command = ["teardown", file, "--dataflow", FLOW, "--yes", "--lease-seconds", "2"]
    command += [word for name in sorted(EXPORTS) for word in ("--force-data-loss", name)]
    killed_at(cloud, start(*command), eventually, "pubsub.DeleteSubscription", "after")
    code, output, errors = run(start, *command)
    assert code == 0, output + errors
    assert {line.split()[0] for line in output.splitlines()} == {"deleted", "absent"}
    assert history_is_complete(file)


def killed_at(
    cloud: LocalCloud, process: "subprocess.Popen[str]", eventually: Callable[..., None], method: str, when: Any
) -> None:
    """kill -9 while a call hangs, its effect done or not."""
    struck = len(cloud.faults.log)
    fault = cloud.faults.add(Fault(method=method, action="hang", when=when))
    eventually(lambda: len(cloud.faults.log) > struck)
    process.kill()
    process.wait(10)
    cloud.faults.remove(fault)


def history_is_complete(file: Path) -> bool:
    blueprint = load(file)
    with Clients.open(blueprint.architecture.project_id) as clients:
        return complete(journal(clients, blueprint))


def journal(clients: Clients, blueprint: Blueprint) -> Sequence[Record]:
    return FirestoreLedger(clients.firestore, Retries()).records(scope(blueprint))


def test_a_second_director_is_told_who_is_at_work_and_until_when(
    file: Path, cloud: LocalCloud, start: Start, eventually: Callable[..., None]
) -> None:
    fault = cloud.faults.add(Fault(method="pubsub.CreateTopic", action="hang"))
    struck = len(cloud.faults.log)
    first = start("apply", file, "--lease-seconds", "3")
    eventually(lambda: len(cloud.faults.log) > struck)
    code, output, errors = run(start, "apply", file)
    assert (code, output) == (1, "")
    assert f"(process {first.pid}), whose lease lasts until 20" in errors.splitlines()[-1]
    assert errors.endswith("; ask again then\n")
    cloud.faults.remove(fault)


def test_a_director_stopped_past_its_lease_does_nothing_more_once_another_took_over(
    file: Path, cloud: LocalCloud, start: Start, eventually: Callable[..., None]
) -> None:
    """Its next intent is refused by Firestore, so what it had still to do is not done by it."""
    fault = cloud.faults.add(Fault(method="pubsub.CreateTopic", action="hang", when="after"))
    struck = len(cloud.faults.log)
    stale = start("apply", file, "--lease-seconds", "2")
    eventually(lambda: len(cloud.faults.log) > struck)
    stale.send_signal(signal.SIGSTOP)
    cloud.faults.remove(fault)
    code, output, errors = run(start, "apply", file)
    assert code == 0, output + errors
    blueprint = load(file)
    bucket = next(one for one in wanted(blueprint, FLOW) if one.kind == keys.BUCKETS)
    with Clients.open(blueprint.architecture.project_id) as clients:
        providers(clients, blueprint)[bucket.kind].delete(bucket)  # were it to go on, it would make this again
        before = len(journal(clients, blueprint))
        stale.send_signal(signal.SIGCONT)
        told, complaint = stale.communicate(timeout=60)
        assert stale.returncode == 1
        assert "created" not in told
        assert "went over to" in complaint or "was not renewed in time" in complaint
        assert providers(clients, blueprint)[bucket.kind].observe(bucket) is None
        records = journal(clients, blueprint)
    assert len(records) == before
    assert complete(records)
    assert {record.token for record in records} == {1, 2}
