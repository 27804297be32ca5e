"""Certificates and passwords that cannot be used are an error that says which file, and never the secret."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from bridge.mqtt.credentials import LONGEST_PASSWORD, Tls, password
from director.secrets import SecretReference


def test_nothing_but_a_checked_host_over_tls_1_2_or_newer_is_trusted(ca_file: str) -> None:
    for tls in (Tls(), Tls(ca_file=ca_file, alpn=("mqtt",))):
        context = tls.context()
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname


def test_only_the_named_authority_counts(ca_file: str) -> None:
    assert len(Tls(ca_file=ca_file).context().get_ca_certs()) == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"broker.tls: ca_file .*/no.pem cannot be read: No such file.*; name files"):
        Tls(ca_file=str(tmp_path / "no.pem")).context()


def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("canary")
    with pytest.raises(OSError, match=r"ca_file .*/ca.pem cannot be used: .*; give PEM files") as refused:
        Tls(ca_file=str(tmp_path / "ca.pem")).context()
    assert "canary" not in str(refused.value)


def test_a_key_of_another_certificate_is_refused(certified: Callable[..., Any], tmp_path: Path) -> None:
    certified("one")
    certified("other")
    tls = Tls(certificate_file=str(tmp_path / "one.pem"), key_file=str(tmp_path / "other.key"))
    with pytest.raises(OSError, match=r"certificate_file .*/one.pem with key_file .*/other.key cannot be used"):
        tls.context()


def test_a_key_with_a_passphrase_is_refused_instead_of_asking_at_the_terminal(
    authority: trustme.CA, tmp_path: Path
) -> None:
    issued = authority.issue_cert("127.0.0.1")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"canary"),
    )
    (tmp_path / "locked.key").write_bytes(locked)
    issued.cert_chain_pems[0].write_to_path(tmp_path / "locked.pem")
    tls = Tls(certificate_file=str(tmp_path / "locked.pem"), key_file=str(tmp_path / "locked.key"))
    with pytest.raises(OSError, match="the key without a passphrase"):
        tls.context()


def test_a_password_is_read_on_every_use(tmp_path: Path) -> None:
    reference = SecretReference(file=str(tmp_path / "secret"))
    for text in ("one", "two"):
        (tmp_path / "secret").write_text(f"{text}\n")
        assert password(reference) == text


def test_no_reference_is_no_password() -> None:
    assert password(None) is None


def test_what_mqtt_cannot_send_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("c" * (LONGEST_PASSWORD + 1))
    with pytest.raises(OSError, match="longer than 65,535 bytes") as refused:
        password(SecretReference(file=str(tmp_path / "secret")))
    assert "ccc" not in str(refused.value)
