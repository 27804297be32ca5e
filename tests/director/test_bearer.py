"""Who a service is, from a file or from the machine it runs on."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from director.bearer import PATH, IdentityTokens, api_key, from_environment
from tests.director.rest.conftest import serving


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIRECTOR_API_KEY_FILE", raising=False)
    monkeypatch.delenv("DIRECTOR_AUDIENCE", raising=False)


def test_with_nothing_set_nobody_is_shown() -> None:
    assert from_environment() is None


def test_an_api_key_is_read_from_its_file_on_every_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    monkeypatch.setenv("DIRECTOR_API_KEY_FILE", str(file))
    for key in ("one", "two"):
        file.write_text(f"{key}\n")
        file.chmod(0o600)
        assert from_environment() == key
    file.chmod(0o640)
    with pytest.raises(PermissionError, match="run chmod 600 on it"):
        from_environment()
    with pytest.raises(FileNotFoundError):
        api_key(tmp_path / "absent")


class Metadata:
    """A metadata server: each token expires at `end`."""

    def __init__(self) -> None:
        self.end: Any = 5_000
        self.asked: list[str] = []

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        flavoured = environ.get("HTTP_METADATA_FLAVOR") == "Google" and environ["PATH_INFO"] == PATH
        self.asked.append(environ["QUERY_STRING"])
        start_response("200 OK" if flavoured else "403 Forbidden", [("Content-Type", "text/plain")])
        payload = base64.urlsafe_b64encode(json.dumps({"exp": self.end, "n": len(self.asked)}).encode()).decode()
        return [f"head.{payload.rstrip('=')}.sign".encode()]


@pytest.fixture
def metadata() -> Metadata:
    return Metadata()


@pytest.fixture
def server(metadata: Metadata) -> Iterator[str]:
    yield from serving(metadata)


def test_an_id_token_is_kept_until_shortly_before_its_end(server: str, metadata: Metadata) -> None:
    now = 1_000.0
    tokens = IdentityTokens(server, lambda: now)
    first = tokens.token("https://d.example")
    assert tokens.token("https://d.example") == first
    now = 4_881.0
    assert tokens.token("https://d.example") != first
    assert metadata.asked == ["audience=https%3A%2F%2Fd.example&format=full"] * 2
    tokens.token("https://e.example")
    assert len(metadata.asked) == 3


@pytest.mark.parametrize("end", [None, "x", {}])
def test_a_token_whose_end_cannot_be_read_is_used_once(server: str, metadata: Metadata, end: Any) -> None:
    metadata.end = end
    tokens = IdentityTokens(server, lambda: 0.0)
    assert tokens.token("a") != tokens.token("a")


def test_without_a_metadata_server_the_error_says_so() -> None:
    gone = make_server("127.0.0.1", 0, lambda environ, start_response: [])
    gone.server_close()
    with pytest.raises(requests.RequestException):
        IdentityTokens(f"http://127.0.0.1:{gone.server_port}").token("a")
