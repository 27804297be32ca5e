"""`python -m director config`: what goes in comes out again, and every no is one a person can act on."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from director.__main__ import main
from director.documents.loading import load
from director.renewal import Renewal
from director.rest.app import close, create_app
from director.retries import Retries
from director.service import Director
from director.versions.documents import gathered
from director.versions.file import FileVersions
from director.versions.version import Added
from tests.director.rest.conftest import serving

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=["file", "director", "firestore"])
def where(
    request: pytest.FixtureRequest, tmp_path: Path, document: Path, world: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """The options that name a store, with the document as its first version."""
    if request.param == "firestore":
        request.getfixturevalue("cloud")
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", load(document).architecture.project_id)
        assert main(["config", "import", str(document), "--comment", "the first"]) == 0
        yield []
    elif request.param == "file":
        store = ["--store", str(tmp_path / "versions.db")]
        assert main(["config", "import", str(document), "--comment", "the first", *store]) == 0
        yield store
    else:
        yield from _served(document, world)


def _served(document: Path, world: Any) -> Iterator[list[str]]:
    """By a director over REST."""
    versions, blueprint = FileVersions(), load(document)
    first = versions.add(gathered(document), 0, Added("anna", "the first"))
    director = Director(blueprint, world.provide, Retries(), workers=1)
    renewal = Renewal(versions, first, blueprint, director.renew)
    app = create_app(director, renewal=renewal)
    for url in serving(app):
        yield ["--director_url", url]
    close(app)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], where: list[str]) -> Run:
    def command(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["config", *map(str, arguments), *where])
        found = capsys.readouterr()
        return code, found.out, found.err

    return command


def edit(document: Path, old: str, new: str) -> None:
    text = document.read_text()
    assert old in text
    document.write_text(text.replace(old, new))


def test_a_change_is_compared_imported_shown_and_taken_back(run: Run, document: Path) -> None:
    edit(document, "a/#", "b/#")
    code, out, _ = run("diff", "--file", document)
    assert code == 1
    assert "+      bridge: {service_account: bridge-sa, config: {routes: {up: {filter: b/#}}}}" in out.splitlines()
    assert out.splitlines()[-1] == "changed air: service bridge: config.routes.up.filter"
    assert run("import", document, "--comment", "wider", "--expected", "1")[:2] == (0, "version 2 is current\n")
    assert run("diff", "--file", document)[:2] == (0, "no difference\n")
    assert run("rollback", "1")[:2] == (0, "version 3 is current, with the texts of 1\n")
    assert run("rollback", "1")[:2] == (0, "version 3 is current and has the texts of 1\n")
    lines = run("history")[1].splitlines()
    assert [line.split()[0] for line in lines] == ["3", "2", "1"]
    assert lines[0].endswith("(the texts of 1)")
    assert lines[1].endswith(": wider")
    found = json.loads(run("diff", "--from", "1", "--to", "2", "--json")[1])
    assert [effect["fields"] for effect in found["effects"]] == [["config.routes.up.filter"]]
    assert run("diff", "--from", "1", "--to", "3")[0] == 0


def test_other_ends_of_lines_are_a_difference_that_shows(run: Run, document: Path) -> None:
    document.write_bytes(document.read_bytes().replace(b"\n", b"\r\n", 1))
    code, out, _ = run("diff", "--file", document)
    assert code == 1
    [new] = [line for line in out.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert new.endswith("\\r")


def test_what_was_imported_is_exported_byte_for_byte(run: Run, document: Path, tmp_path: Path) -> None:
    (tmp_path / "devices.yaml").write_bytes(b"d-1: {name: one}\r\n# \xc3\xa9, no line feed at the end")
    document.write_bytes(b"\xef\xbb\xbf" + document.read_bytes())
    assert run("import", document)[0] == 0
    folder = tmp_path / "elsewhere"
    assert run("export", folder)[0] == 0
    for name in ("architecture.yaml", "devices.yaml"):
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes()
    assert run("export", folder, "--version", "1")[0] == 0
    assert (folder / "devices.yaml").read_bytes() != (tmp_path / "devices.yaml").read_bytes()


def test_a_version_is_shown_with_its_files_or_one_of_them(run: Run, document: Path) -> None:
    code, out, _ = run("show")
    assert code == 0
    assert out.splitlines()[0].endswith(": the first")
    assert [line.split()[-1] for line in out.splitlines()[2:]] == ["architecture.yaml", "devices.yaml"]
    assert run("show", "architecture.yaml", "--version", "1")[1] == document.read_text()
    code, _, error = run("show", "other.yaml")
    assert (code, error) == (2, "director: version 1 has no file 'other.yaml'; see show without one\n")
    assert json.loads(run("show", "--json")[1])["files"]["architecture.yaml"] == document.read_text()


def test_what_cannot_be_is_told_in_a_line_and_changes_nothing(run: Run, document: Path, tmp_path: Path) -> None:
    edit(document, "a/#", "b/#")
    code, _, error = run("import", document, "--expected", "7")
    assert code == 1
    assert error.startswith("director: version 1 is current and not 7, so nothing was changed")
    assert [line.partition(":")[0].strip() for line in error.splitlines()[1:]] == ["expected", "current"]
    edit(document, "topic: readings", "topic: elsewhere")
    code, _, error = run("import", document)
    assert code == 2
    assert error.startswith(f"{document}:")
    for arguments in (("rollback", "9"), ("show", "--version", "9"), ("export", tmp_path / "x", "--version", "9")):
        code, _, error = run(*arguments)
        assert (code, error.count("\n")) == (2, 1)
        assert "version" in error
    assert run("import", document, "--comment", "x" * 1_001)[0] == 2
    assert len(run("history", "--json")[1].splitlines()) == 1


def test_a_folder_that_cannot_be_written_is_told(run: Run, document: Path) -> None:
    code, _, error = run("export", document / "inside")
    assert (code, error.count("\n")) == (2, 1)
    assert "cannot be written" in error


@pytest.mark.parametrize("arguments", [["import", "x", "--expected", "-1"], ["rollback", "0"], ["rollback", "x"], []])
def test_what_is_no_number_of_a_version_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["config", *arguments])
    assert caught.value.code == 2
    assert "_number" not in capsys.readouterr().err


def test_a_store_that_is_not_there_is_told(
    tmp_path: Path, document: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["config", "history", "--store", str(tmp_path / "none.db")]) == 2
    assert "is not there; make it with `python -m director config import FILE`" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()
    for option in (["show"], ["diff", "--file", str(document)]):
        FileVersions(tmp_path / "empty.db").close()
        assert main(["config", *option, "--store", str(tmp_path / "empty.db")]) == 2
        assert "the store has no version yet; add one" in capsys.readouterr().err
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    assert main(["config", "history"]) == 2
    assert "needs its project; add --store-project, or set GOOGLE_CLOUD_PROJECT" in capsys.readouterr().err
    assert main(["config", "history", "--director_url", "http://example.com"]) == 2
    assert "use https" in capsys.readouterr().err


def test_a_director_that_refuses_says_why_and_one_that_is_away_too(
    document: Path, world: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    director = Director(load(document), world.provide, Retries(), workers=1)
    for url in serving(create_app(director)):
        assert main(["config", "history", "--director_url", url]) == 2
        assert "no such version there, or it serves no store" in capsys.readouterr().err
    with FileVersionsServed(document, world) as url:
        edit(document, "a/#", "b/#")
        assert main(["config", "import", str(document), "--director_url", url]) == 1
        assert "read_only: this director serves a file" in capsys.readouterr().err


def test_what_is_no_director_at_all_is_named_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    other = Flask("other")
    other.add_url_rule("/v1/architecture", view_func=lambda: {"about": "buildings"})
    for url in serving(other):
        assert main(["config", "show", "--director_url", url]) == 1
        assert "no director that serves a store; check the address" in capsys.readouterr().err


class FileVersionsServed:
    """A director that serves a file, for as long as the block."""

    def __init__(self, document: Path, world: Any) -> None:
        versions, blueprint = FileVersions(), load(document)
        first = versions.add(gathered(document), 0, Added("file"))
        renewal = Renewal(versions, first, blueprint, lambda new: None, writable=False)
        self._served = serving(create_app(Director(blueprint, world.provide, Retries()), renewal=renewal))

    def __enter__(self) -> str:
        return next(self._served)

    def __exit__(self, *_: object) -> None:
        assert next(self._served, None) is None


def test_nobody_else_reads_a_store_in_a_file(document: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert main(["config", "import", str(document), "--store", str(tmp_path / "s.db")]) == 0
    finally:
        os.umask(before)
    assert (tmp_path / "s.db").stat().st_mode & 0o777 == 0o600
