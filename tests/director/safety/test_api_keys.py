"""API keys: kept as hashes in a file of one's own, and compared without telling anything by the time it takes."""

import os
from pathlib import Path

import pytest

from director.errors import Misconfigured
from director.safety.api_keys import ApiKeys, hashed, minted, new_key
from director.safety.authentication import Identity, Unauthenticated
from director.strict import DocumentError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.yaml"


def write(file: Path, text: str) -> Path:
    file.write_text(text)
    file.chmod(0o600)
    return file


def entry(name: str, key: str) -> str:
    return f"- {{name: {name}, sha256: {hashed(key)}}}\n"


def test_a_key_names_its_owner_and_the_file_holds_no_key(file: Path) -> None:
    anna, ben = new_key(), new_key()
    keys = ApiKeys.of(write(file, "keys:\n" + entry("anna", anna) + entry("ben@example.com", ben)))
    assert keys.identify(f"Bearer {anna}") == Identity("anna", "api_key")
    assert keys.identify(f"Bearer {ben}") == Identity("ben@example.com", "api_key")
    assert anna not in file.read_text()


def test_a_key_has_32_random_bytes() -> None:
    assert len({new_key() for _ in range(100)}) == 100
    assert min(len(new_key()) for _ in range(100)) == len("director_") + 43


@pytest.mark.parametrize("given", [None, "Bearer", "Bearer x", "Basic abc", "Bearer director_" + "a" * 43])
def test_any_other_key_is_nobodys(file: Path, given: str | None) -> None:
    keys = ApiKeys.of(write(file, "keys:\n" + entry("anna", new_key())))
    with pytest.raises(Unauthenticated):
        keys.identify(given)


def test_a_short_key_is_refused_even_where_its_hash_is_in_the_file(file: Path) -> None:
    keys = ApiKeys.of(write(file, "keys:\n" + entry("anna", "hunter2")))
    with pytest.raises(Unauthenticated):
        keys.identify("Bearer hunter2")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o700])
def test_a_file_that_others_may_use_is_refused(file: Path, mode: int) -> None:
    write(file, "keys:\n" + entry("anna", new_key())).chmod(mode)
    with pytest.raises(Misconfigured, match="is open to others; run `chmod 600"):
        ApiKeys.of(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_file_of_somebody_else_is_refused(file: Path) -> None:
    os.chown(write(file, "keys:\n" + entry("anna", new_key())), 12345, -1)
    with pytest.raises(Misconfigured, match="as its owner"):
        ApiKeys.of(file)


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        ApiKeys.of(file)


@pytest.mark.parametrize(
    "text", ["keys: []\n", "keys: [{name: A b, sha256: x}]\n", "{}", "key: 1\n", "keys:\n" + 2 * entry("anna", "k")]
)
def test_what_is_wrong_in_it_is_told(file: Path, text: str) -> None:
    with pytest.raises(DocumentError):
        ApiKeys.of(write(file, text))


def test_a_file_knows_a_key_by_its_hash_alone(file: Path) -> None:
    key, line = minted("anna")
    assert key not in line
    assert ApiKeys.of(write(file, f"keys:\n{line}\n")).identify(f"Bearer {key}").name == "anna"
