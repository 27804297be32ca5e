"""Peers come from their own package managers; one that cannot be had says why."""

from pathlib import Path

import pytest
from google.oauth2 import service_account

from benchmarks.bridge import installs
from benchmarks.race import Absent


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `.bench/`, and a PATH with nothing on it but what a test puts into `bin/`."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    monkeypatch.setattr(installs, "BENCH", tmp_path)
    monkeypatch.setattr(installs, "TELEGRAF_BINARY", tmp_path / "telegraf" / "telegraf")
    monkeypatch.setattr(installs, "SERVICE_ACCOUNT", tmp_path / "service-account.json")
    monkeypatch.setattr(installs, "NODE_MODULES", tmp_path / "node" / "node_modules")
    monkeypatch.setattr(installs, "SUB_IN_BENCH", tmp_path / "mosquitto" / "usr" / "bin" / "mosquitto_sub")
    return tmp_path


def program(bench: Path, name: str, script: str) -> None:
    file = bench / "bin" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_without_node_its_bridge_is_absent(bench: Path) -> None:
    with pytest.raises(Absent, match="node and npm are not on the PATH"):
        installs.node()


def test_without_apt_and_the_client_it_says_which_package_to_install(bench: Path) -> None:
    with pytest.raises(Absent, match="install the package mosquitto-clients"):
        installs.mosquitto_sub()


def test_a_package_manager_that_fails_is_quoted(bench: Path) -> None:
    program(bench, "go", "echo first; echo 'no such host' >&2; exit 1")
    with pytest.raises(Absent, match="no such host"):
        installs.telegraf()


def test_telegraf_is_built_in_the_bench_folder_with_the_parts_it_needs(bench: Path) -> None:
    program(bench, "go", 'echo "$GOBIN $GOPATH $*" > "$GOPATH/said"')
    installs.telegraf()
    said = (bench / "go" / "said").read_text()
    assert said.startswith(f"{bench / 'telegraf'} {bench / 'go'} install -tags custom,inputs.mqtt_consumer,")
    assert said.strip().endswith(installs.TELEGRAF)


def test_what_is_there_is_not_fetched_again(bench: Path) -> None:
    installs.TELEGRAF_BINARY.parent.mkdir()
    installs.TELEGRAF_BINARY.touch()
    program(bench, "go", "exit 1")
    installs.telegraf()


def test_the_throw_away_account_is_one_that_google_s_library_takes(bench: Path) -> None:
    installs.TELEGRAF_BINARY.parent.mkdir()
    installs.TELEGRAF_BINARY.touch()
    installs.telegraf()
    account = service_account.Credentials.from_service_account_file(str(installs.SERVICE_ACCOUNT))
    assert account.service_account_email.startswith("nobody@")
