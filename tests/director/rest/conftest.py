"""A door with two dataflows behind it, people of every role, and a token for each."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from director.documents.loading import load
from director.renewal import Renewal
from director.rest.app import Safety, close, create_app
from director.retries import Retries
from director.safety.api_keys import ApiKey, ApiKeys, hashed
from director.safety.audit import MemoryRecords
from director.safety.policy import Grant
from director.service import Director
from director.versions import changes
from director.versions.documents import gathered
from director.versions.file import FileVersions
from director.versions.version import Added

SECOND = """\
  water:
    services: {pump: {service_account: pump-sa, config: {level: 3}}}
    resources:
      topics:
        - name: levels
          message_retention_duration: 1d
          producers: [{name: pump, lookup: {key: topic}}]
"""
ROLES = ("viewer", "operator", "admin", "service")


def key(name: str) -> str:
    return f"director_{name:_<43}"


@dataclass
class Door:
    """`as_` is a client of somebody's; every name is an identity with a key."""

    app: Flask
    director: Director
    renewal: Renewal

    def as_(self, name: str | None) -> FlaskClient:
        client = self.app.test_client()
        if name is not None:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key(name)}"
        return client


def grants() -> tuple[Grant, ...]:
    """One of each role on the dataflow air, one admin of everything, and one whom nobody granted anything."""
    people = tuple(Grant(identity=role, role=role, dataflows=("air",)) for role in ROLES if role != "service")
    return (
        *people,
        Grant(identity="service", role="service", dataflow="air", service="bridge"),
        Grant(identity="root", role="admin", dataflows=("*",)),
    )


@pytest.fixture
def safety() -> dict[str, Any]:
    """What a test's door has otherwise."""
    return {}


@pytest.fixture
def director(document: Path, world: Any, retries: Retries) -> Director:
    document.write_text(document.read_text() + SECOND)
    return Director(load(document), world.provide, retries, workers=1)


@pytest.fixture
def renewal(director: Director, document: Path, world: Any) -> Iterator[Renewal]:
    """With the document as version 1 in memory, and nobody who looks by himself."""
    versions, served = FileVersions(), load(document)
    version, _ = changes.add(versions, gathered(document), None, Added("root", "the first"))
    yield Renewal(versions, version, served, director.renew)
    versions.close()


@pytest.fixture
def door(director: Director, safety: dict[str, Any], renewal: Renewal) -> Iterator[Door]:
    names = (*ROLES, "root", "stranger")
    keys = ApiKeys([ApiKey(name=name, sha256=hashed(key(name))) for name in names])
    settings = {"authenticator": keys, "grants": grants(), "records": MemoryRecords()} | safety
    app = create_app(director, None, Safety(**settings), renewal=renewal)
    yield Door(app, director, renewal)
    close(app)


def serving(application: Any) -> Iterator[str]:
    """The address of a server that answers with a WSGI application."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def held(world: Any) -> Iterator[Callable[[], None]]:
    """Every create waits until this is called."""
    go_on = threading.Event()

    def strike(call: str, name: tuple[str, str], when: str) -> None:
        if call == "create" and when == "before":
            assert go_on.wait(20)

    world.strike = strike
    yield go_on.set
    go_on.set()
