"""A door that would stand open is not opened, and a lock that was meant and does nothing is named."""

import argparse
from datetime import timedelta
from pathlib import Path

import pytest

from director.documents.loading import Blueprint, load
from director.errors import Misconfigured, Unavailable, Unknown
from director.operations.store import New
from director.provisioning.clients import Clients
from director.rest import access
from director.rest.app import Safety
from director.safety.api_keys import ApiKeys, hashed, new_key
from director.safety.audit import Audit
from director.safety.authentication import Anyone, Identity, IdTokens
from director.safety.authorization import Action, Authorization, NotPermitted
from director.safety.commands import COMMANDS
from director.strict import DocumentError
from tests.director.commands.conftest import CONTROL, MANAGED


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


@pytest.fixture
def commanded(document: Path) -> Blueprint:
    """With a second door."""
    document.write_text(document.read_text().replace("dataflows:\n", MANAGED + "dataflows:\n", 1) + CONTROL)
    return load(document)


def allowed(safety: Safety, action: Action) -> bool:
    return Authorization(safety.grants).may(COMMANDS, action, "air")


def test_commands_set_up_and_verify_and_tear_nothing_down_unless_that_is_granted(
    commanded: Blueprint, tmp_path: Path
) -> None:
    safety = access.safety(given(), commanded.architecture)
    assert [allowed(safety, action) for action in ("apply", "verify", "teardown")] == [True, True, False]
    policy = tmp_path / "policy.yaml"
    policy.write_text("grants: [{identity: commands, role: admin, dataflows: [air]}]")
    access.check(given("--policy", str(policy)), commanded.architecture)
    safety = access.safety(given("--policy", str(policy)), commanded.architecture)
    assert allowed(safety, "teardown")
    assert not Authorization(safety.grants).may(COMMANDS, "apply", "control")


def test_a_policy_that_forgets_commands_is_told_so(commanded: Blueprint, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("grants: [{identity: anna, role: admin, dataflows: [air]}]")
    with pytest.raises(Misconfigured, match="no command may do anything; grant it something, such as"):
        access.check(given("--policy", str(policy)), commanded.architecture)


def test_nobody_with_a_key_is_taken_for_a_command(commanded: Blueprint, blueprint: Blueprint, keys: Path) -> None:
    keys.write_text(keys.read_text().replace("anna", "commands"))
    words = ("--auth", "api_keys", "--api-keys", str(keys))
    with pytest.raises(Misconfigured, match="a key is called 'commands', as commands are"):
        access.check(given(*words), commanded.architecture)


def test_commands_want_topics(blueprint: Blueprint) -> None:
    access.check(given(), blueprint.architecture)
    assert not access.listens(given(), blueprint.architecture)
    with pytest.raises(Misconfigured, match="names no topics for them; add service_manager_spec"):
        access.check(given("--commands"), blueprint.architecture)


def test_what_is_kept_in_firestore_outlives_the_process(blueprint: Blueprint, clients: Clients) -> None:
    words = given("--audit", "firestore", "--operations", "firestore")
    words.journal_collection = "director"
    access.check(words, blueprint.architecture)
    first, second = (access.safety(words, blueprint.architecture, lambda: clients.firestore) for _ in range(2))
    Audit(first.records).refusal("", "", "", "see", "r-1")
    assert [one.request_id for one in Audit(second.records).page(None, 9, lambda record: True)[0]] == ["r-1"]
    assert first.store.add(New("op-1", "air", "r-1", "{}", "h"), 30) is None
    assert second.store.find("op-1") is not None


@pytest.mark.parametrize("words", [["--keep-audit", "soon"], ["--keep-operations", "1h"], ["--keep-journal", "0d"]])
def test_how_long_things_are_kept_is_at_least_a_day(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        given(*words)
    assert "--keep-" in capsys.readouterr().err
    assert given("--keep-audit", "30d").keep_audit == timedelta(days=30)


def test_with_another_version_services_accounts_come_and_go_and_what_people_were_granted_stays(
    document: Path, blueprint: Blueprint, keys: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("grants: [{identity: anna, role: admin, dataflows: ['*']}]")
    words = ("--auth", "api_keys", "--api-keys", str(keys), "--policy", str(policy))
    safety = access.safety(given(*words), blueprint.architecture)
    assert safety.regranted is not None
    assert tuple(safety.regranted(blueprint.architecture)) == tuple(safety.grants)
    document.write_text(document.read_text().replace("bridge-sa", "other-sa"))
    after = {grant.identity.partition("@")[0] for grant in safety.regranted(load(document).architecture)}
    assert after == {"anna", "other-sa", "archive-sa", "idle-sa"}
