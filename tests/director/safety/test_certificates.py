"""Keys are asked for rarely and once, kept while they cannot be had, and their absence is nobody's bad token."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from director.safety.certificates import Certificates, KeysUnreachable
from tests.director.tokens import Published, Signer, publishing


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def signers() -> tuple[Signer, Signer]:
    return Signer("key-1"), Signer("key-2")


@pytest.fixture
def published(signers: tuple[Signer, Signer]) -> Iterator[Published]:
    with publishing(signers[0]) as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def certificates(published: Published, clock: Clock) -> Certificates:
    return Certificates(published.url, clock)


def test_keys_are_asked_for_once_as_long_as_they_are_fresh(
    certificates: Certificates, published: Published, clock: Clock
) -> None:
    for _ in range(5):
        clock.now += 700
        assert certificates.of("key-1") == published.certificates["key-1"]
    assert published.asked == 1
    clock.now += 3600
    certificates.of("key-1")
    assert published.asked == 2


def test_many_who_need_them_at_once_ask_once(
    certificates: Certificates, published: Published, eventually: Callable[..., None]
) -> None:
    published.gate.clear()
    with ThreadPoolExecutor(16) as pool:
        found = [pool.submit(certificates.of, "key-1") for _ in range(16)]
        eventually(lambda: published.asked == 1)
        published.gate.set()
        assert {one.result(10) for one in found} == {published.certificates["key-1"]}
    assert published.asked == 1


def test_a_new_key_is_found_but_unknown_ones_do_not_make_us_ask_for_ever(
    certificates: Certificates, published: Published, clock: Clock, signers: tuple[Signer, Signer]
) -> None:
    certificates.of("key-1")
    published.certificates["key-2"] = signers[1].certificate
    clock.now += 11
    assert certificates.of("key-2") is not None
    for number in range(100):
        assert certificates.of(f"odd-{number}") is None
    assert published.asked == 2


@pytest.mark.parametrize("how", ["status", "not json", "no mapping", "no certificate", "empty"])
def test_the_last_good_keys_are_used_while_no_others_can_be_had(
    certificates: Certificates, published: Published, clock: Clock, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    certificates.of("key-1")
    if how == "status":
        published.status = 503
    published.body = {
        "status": b"", "not json": b"<html>", "no mapping": b"[1]", "no certificate": b'{"a": "b"}', "empty": b"{}"
    }[how]  # fmt: skip
    clock.now += 7200
    assert certificates.of("key-1") == published.certificates["key-1"]
    assert "the last ones are used" in caplog.text
    clock.now += 86_400
    with pytest.raises(KeysUnreachable):
        certificates.of("key-1")
    published.body, published.status = None, 200
    clock.now += 11
    assert certificates.of("key-1")


def test_without_any_keys_nobody_can_tell(clock: Clock) -> None:
    with publishing() as gone:
        url = gone.url
    certificates = Certificates(url, clock)
    for _ in range(3):
        with pytest.raises(KeysUnreachable, match="no certificates from"):
            certificates.of("key-1")


def test_those_who_wait_while_it_fails_do_not_ask_again_one_after_the_other(
    certificates: Certificates, published: Published, eventually: Callable[..., None]
) -> None:
    published.status = 500
    published.gate.clear()
    failed = []

    def ask() -> None:
        try:
            certificates.of("key-1")
        except KeysUnreachable:
            failed.append(1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    eventually(lambda: published.asked == 1)
    published.gate.set()
    for thread in threads:
        thread.join(10)
    assert (len(failed), published.asked) == (8, 1)
