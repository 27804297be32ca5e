"""Everything of a demo is on loopback, at ports of its own."""

from dataclasses import astuple

from examples.demo.addresses import Addresses

ADDRESSES = Addresses(1, 2, 3, 4, 5, 6, 7, 8, 9)


def test_free_ports_are_all_different() -> None:
    ports = astuple(Addresses.free())
    assert len(set(ports)) == len(ports)


def test_google_clients_are_pointed_here_without_credentials_or_proxies() -> None:
    variables = ADDRESSES.variables()
    assert variables["PUBSUB_EMULATOR_HOST"] == variables["FIRESTORE_EMULATOR_HOST"] == "127.0.0.1:1"
    assert variables["STORAGE_EMULATOR_HOST"] == variables["BIGQUERY_EMULATOR_HOST"] == "http://127.0.0.1:2"
    assert variables["BIGQUERY_STORAGE_EMULATOR_HOST"] == "127.0.0.1:1"
    assert variables["GOOGLE_CLOUD_PROJECT"] == "local-project"
    assert variables["NO_GCE_CHECK"] == "true"
    assert variables["NO_PROXY"] == "127.0.0.1,localhost"


def test_urls() -> None:
    assert ADDRESSES.broker_url == "mqtt://127.0.0.1:3"
    assert ADDRESSES.redis_url == "redis://127.0.0.1:4"
    assert ADDRESSES.url("director") == "http://127.0.0.1:5"
