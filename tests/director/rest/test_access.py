"""A door that would stand open is not opened, and a lock that was meant and does nothing is named."""

import argparse
from pathlib import Path

import pytest

from director.documents.loading import Blueprint
from director.errors import Misconfigured, Unavailable, Unknown
from director.rest import access
from director.safety.api_keys import ApiKeys, hashed, new_key
from director.safety.authentication import Anyone, Identity, IdTokens
from director.safety.authorization import Authorization, NotPermitted
from director.strict import DocumentError


def given(*words: str, host: str = "127.0.0.1") -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default=host)
    access.add_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys.yaml"
    file.write_text(f"keys: [{{name: anna, sha256: {hashed(new_key())}}}]")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.9.9.9"])
def test_on_loopback_nobody_need_be_asked(blueprint: Blueprint, host: str) -> None:
    access.check(given(host=host), blueprint.architecture)
    safety = access.safety(given(), blueprint.architecture)
    assert isinstance(safety.authenticator, Anyone)
    Authorization(safety.grants).authorize(Identity("local", "none"), "teardown", "air")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "10.0.0.1"])
def test_beyond_loopback_everybody_is_asked(blueprint: Blueprint, keys: Path, host: str) -> None:
    with pytest.raises(Misconfigured, match=r"use 127\.0\.0\.1, or --auth google"):
        access.check(given(host=host), blueprint.architecture)
    with pytest.raises(Misconfigured, match="API keys would travel beyond this machine"):
        access.check(given("--auth", "api_keys", "--api-keys", str(keys), host=host), blueprint.architecture)
    opened = ("--auth", "api_keys", "--api-keys", str(keys), "--open-to-network")
    access.check(given(*opened, host=host), blueprint.architecture)
    access.check(given("--auth", "google", "--audience", "https://d.example", host=host), blueprint.architecture)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--auth", "google"], "needs an audience; add --audience"),
        (["--auth", "google", "--audience", " "], "needs an audience; add --audience"),
        (["--auth", "api_keys"], "needs --api-keys FILE; make keys with"),
        (["--audience", "x"], "--audience does nothing with --auth none; add --auth google"),
        (["--api-keys", "x"], "--api-keys does nothing with --auth none; add --auth api_keys"),
        (["--auth", "google", "--audience", "x", "--api-keys", "x"], "--api-keys does nothing with --auth google"),
        (["--policy", "x"], "--policy does nothing with --auth none"),
    ],
)
def test_what_does_not_fit_together_is_refused(blueprint: Blueprint, words: list[str], message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        access.check(given(*words), blueprint.architecture)


def test_files_are_read_before_anything_is_served(blueprint: Blueprint, keys: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("grants: [{identity: anna, role: admin, dataflows: [fire]}]")
    locked = ("--auth", "api_keys", "--api-keys", str(keys))
    with pytest.raises(DocumentError, match="no dataflow 'fire'"):
        access.check(given(*locked, "--policy", str(policy)), blueprint.architecture)
    for option in ("--audit", "--operations"):
        with pytest.raises(Unavailable):
            access.check(given(option, str(tmp_path)), blueprint.architecture)
    keys.chmod(0o644)
    with pytest.raises(Misconfigured, match="is open to others"):
        access.check(given(*locked), blueprint.architecture)


def test_services_have_their_slices_and_people_what_the_policy_grants(
    blueprint: Blueprint, keys: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("grants: [{identity: anna, role: viewer, dataflows: [air]}]")
    words = ("--auth", "api_keys", "--api-keys", str(keys), "--policy", str(policy))
    safety = access.safety(given(*words), blueprint.architecture)
    assert isinstance(safety.authenticator, ApiKeys)
    authorization = Authorization(safety.grants)
    bridge = Identity(f"bridge-sa@{blueprint.architecture.project_id}.iam.gserviceaccount.com", "api_key")
    authorization.authorize(bridge, "register", "air", "bridge")
    with pytest.raises(Unknown):
        authorization.authorize(bridge, "register", "air", "archive")
    authorization.authorize(Identity("anna", "api_key"), "see", "air")
    with pytest.raises(NotPermitted):
        authorization.authorize(Identity("anna", "api_key"), "apply", "air")
    with pytest.raises(Unknown):
        authorization.authorize(Identity("local", "none"), "see", "air")


def test_google_is_asked_for_its_keys_only_when_a_token_comes(blueprint: Blueprint) -> None:
    words = ("--auth", "google", "--audience", "https://d.example", "--audience", "https://e.example")
    assert isinstance(access.safety(given(*words), blueprint.architecture).authenticator, IdTokens)
