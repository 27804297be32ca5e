"""What proves who we are and whom we talk to: certificates, and a user name with a password or a token.

All of it is read anew for every connection, so that what was rotated is found. What cannot be read is an error; there
is no way around TLS, the check of the broker's certificate, or the check of its host name.
"""

import ssl
from collections.abc import Callable
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from director.secrets import SecretReference
from director.strict import Strict

L = TypeVar("L")

LONGEST_PASSWORD = 65_535  # bytes, MQTT 5.0, 3.1.3.6


def _protocol_name(text: str) -> str:
    if not 1 <= len(text.encode(errors="replace")) <= 255:
        raise ValueError("an ALPN protocol name has 1 to 255 bytes")
    return text


class Tls(Strict):
    """Files of TLS, all PEM. Without `ca_file` the system's authorities count; a client certificate needs its key."""

    ca_file: Annotated[str, Field(min_length=1)] | None = None
    certificate_file: Annotated[str, Field(min_length=1)] | None = None
    key_file: Annotated[str, Field(min_length=1)] | None = None
    alpn: tuple[Annotated[str, AfterValidator(_protocol_name)], ...] = ()

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together: name both, or none")
        return self

    def context(self) -> ssl.SSLContext:
        """Raises OSError that names the file and says what to do."""
        context = _read(f"ca_file {self.ca_file}", lambda: ssl.create_default_context(cafile=self.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.alpn:
            context.set_alpn_protocols(list(self.alpn))
        if self.certificate_file is not None:
            self._load_certificate(context, self.certificate_file)
        return context

    def _load_certificate(self, context: ssl.SSLContext, certificate: str) -> None:
        # A password, though empty: without one OpenSSL asks at the terminal for that of an encrypted key.
        files = f"certificate_file {certificate} with key_file {self.key_file}"
        _read(files, lambda: context.load_cert_chain(certificate, self.key_file, password=""))


def _read(what: str, load: Callable[[], L]) -> L:
    try:
        return load()
    except ssl.SSLError as error:
        advice = "give PEM files that belong together, the key without a passphrase"
        raise OSError(f"broker.tls: {what} cannot be used: {error.reason or error}; {advice}") from error
    except OSError as error:
        advice = "name files this user may read"
        raise OSError(f"broker.tls: {what} cannot be read: {error.strerror or error}; {advice}") from error


def password(reference: SecretReference | None) -> str | None:
    """The password or token as it is now. Raises OSError; no error holds the secret."""
    if reference is None:
        return None
    try:
        text = reference.read()
    except OSError as error:
        raise OSError(f"broker.password: {error}") from error
    if len(text.encode()) > LONGEST_PASSWORD:
        raise OSError(f"broker.password: {reference} is longer than {LONGEST_PASSWORD:,} bytes, which MQTT cannot send")
    return text
