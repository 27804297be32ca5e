"""Secrets are found by name and by look, and little else is taken for one."""

import time
from typing import Any

import pytest

from director.documents.inline_secrets import inline_secrets


@pytest.mark.parametrize(
    "data",
    [
        {"password": "hunter2"},
        {"broker": {"PASSWORD": "x"}},
        {"db_passwd": "x"},
        {"api_key": "x"},
        {"apiKey": "x"},
        {"auth_token": "x"},
        {"secret": 12345},
        {"passwords": ["a"]},
        {"tokens": {"a": "x", "token": "y"}},
        {"note": "-----BEGIN RSA PRIVATE KEY-----\nMII"},
        {"url": "mqtt://user:pass@host:1883"},
        {"url": "MQTTS://user:pass@host:1883"},
        {"x": ["AIza" + "a" * 35]},
        {"x": "ghp_" + "a1" * 18},
        {"x": "AKIA" + "ABCDEFGH12345678"},
        {"x": "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.sig"},
        {"x": "q8Zr1mT0vXy7LkP3nWc5bHs9dFg2jRa6"},
    ],
)
def test_a_secret_is_found(data: Any) -> None:
    assert len(list(inline_secrets(data))) == 1


@pytest.mark.parametrize(
    "data",
    [
        {"password_file": "/run/secrets/mqtt"},
        {"secret_ref": "projects/p/secrets/s/versions/1"},
        {"secret": "projects/p/secrets/s/versions/latest"},
        {"password": ""},
        {"max_tokens": 100},
        {"key": "ce-subject"},
        {"lookup": {"key": "destinations.ingestion"}},
        {"url": "mqtts://broker.example.com:8883/path@x"},
        {"topic": "projects/my-Project-1/topics/a-Very-Long-Topic-Name-With-Words-123"},
        {"sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"bypass": "x", "compass": "north"},
        {"description": "A long sentence of ordinary words that explains 1 Thing"},
    ],
)
def test_what_is_no_secret_is_left_alone(data: Any) -> None:
    assert list(inline_secrets(data)) == []


def test_a_secret_is_told_with_its_place() -> None:
    assert list(inline_secrets({"a": [{"b": 1}, {"token": "t"}]})) == [(("a", 1, "token"), "t")]


@pytest.mark.parametrize("text", ["a" * 1_000_000, "a://" * 250_000, "://a:" * 200_000, "eyJaaaaaaaa" * 90_000])
def test_the_largest_text_is_looked_through_at_once(text: str) -> None:
    begun = time.process_time()
    assert not list(inline_secrets({"note": text}))
    assert time.process_time() - begun < 5
