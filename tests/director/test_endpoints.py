"""Where Google's services are is decided by Google's own variables, and by all of them together."""

import pytest
from google.auth.credentials import AnonymousCredentials

from director.endpoints import EMULATOR_VARIABLES, credentials, emulator
from director.errors import Misconfigured
from director.provisioning.clients import check_environment


@pytest.fixture(autouse=True)
def no_emulators(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EMULATOR_VARIABLES.values():
        monkeypatch.delenv(name, raising=False)


def test_a_stand_in_is_used_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    assert emulator("pubsub") is None
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    assert emulator("pubsub") == "127.0.0.1:1"
    assert isinstance(credentials("pubsub"), AnonymousCredentials)


def test_some_services_here_and_some_at_google_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:2")
    with pytest.raises(Misconfigured, match=r"STORAGE_EMULATOR_HOST set, but not FIRESTORE_EMULATOR_HOST, .*: set all"):
        check_environment()


def test_all_of_them_here_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EMULATOR_VARIABLES.values():
        monkeypatch.setenv(name, "127.0.0.1:1")
    check_environment()
