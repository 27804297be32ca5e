"""The example in its environments: what is different there, and that two of them fit into one project."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.config import configuration
from director.documents.loading import Blueprint, load
from director.provisioning.clients import Clients
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.retries import Retries
from director.strict import parsed
from localcloud.cloud import LocalCloud, in_thread

ARCHITECTURE = Path(__file__).parents[3] / "examples" / "environment" / "architecture.yaml"


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    with in_thread() as cloud:
        assert isinstance(cloud, LocalCloud)
        for name, value in cloud.variables().items():
            monkeypatch.setenv(name, value)
        with Clients.open("local-project") as opened:
            yield opened


def applied(clients: Clients, blueprint: Blueprint) -> Any:
    return Provisioner(providers(clients, blueprint), Retries()).apply(wanted(blueprint, "environment"))


def test_what_is_tested_lives_beside_the_base_in_one_project(clients: Clients) -> None:
    base, test = load(ARCHITECTURE), load(ARCHITECTURE, "test")
    names = [{one.key for one in wanted(blueprint, "environment")} for blueprint in (base, test)]
    assert not names[0] & names[1]
    for blueprint in (base, test):
        assert {outcome.result for outcome in applied(clients, blueprint)} == {"created"}
    for blueprint in (base, test):
        assert {outcome.result for outcome in applied(clients, blueprint)} == {"unchanged"}


@pytest.mark.parametrize("environment", [None, "test", "production"])
def test_the_bridge_takes_its_configuration_everywhere(environment: str | None) -> None:
    told = load(ARCHITECTURE, environment).configurations["environment", "bridge"].config
    assert configuration(parsed(told, "bridge")).routes


def test_production_is_protected_and_reads_from_its_own_project() -> None:
    production = load(ARCHITECTURE, "production").architecture
    assert production.teardown_protection
    for view in production.dataflows["environment"].resources.bigquery_views:
        assert "local-project" not in (view.query or "")
    assert "local-project" not in str(load(ARCHITECTURE, "production").configurations)
