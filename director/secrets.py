"""Where a secret is kept: documents say where, only the process that needs it reads it. PUBLIC, light imports.

    password: {file: /run/secrets/mqtt}
    password: {env: MQTT_PASSWORD}
    password: {secret: projects/p/secrets/mqtt}             # Secret Manager; or .../versions/7

    reference.read()   # on every use, so that a rotated secret is found

An error says what is wrong, where and what to do; neither an error, a repr nor a log line ever holds the secret.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, model_validator

from director import logs
from director.strict import Strict, printable

SECONDS = 10.0  # for one read, tries that fail for a passing reason included
LARGEST = 65_536  # bytes; what Secret Manager takes for one version
ACCESS = "/google.cloud.secretmanager.v1.SecretManagerService/AccessSecretVersion"

_SECRET = re.compile(
    r"projects/[a-z0-9:.-]+/secrets/[A-Za-z0-9_-]{1,255}(/versions/(latest|[0-9]+|[A-Za-z][A-Za-z0-9_-]{0,62}))?"
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


# What is refused here may be a secret in the wrong place: these messages do not repeat it.


def _file(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("is no file name; write the path of the file that holds the secret")
    return text


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise ValueError("is no name of an environment variable (not shown); write the name, not the secret itself")
    return text


def _secret(text: str) -> str:
    if not _SECRET.fullmatch(text):
        raise ValueError(
            "is no name of a secret (not shown); write projects/PROJECT/secrets/SECRET or .../versions/VERSION"
        )
    return text


class SecretReference(Strict):
    """Names exactly one place: a file, an environment variable, or a Secret Manager secret."""

    file: Annotated[str, AfterValidator(_file)] | None = None
    env: Annotated[str, AfterValidator(_variable)] | None = None
    secret: Annotated[str, AfterValidator(_secret)] | None = None

    model_config = ConfigDict(hide_input_in_errors=True)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(place is not None for place in (self.file, self.env, self.secret)) != 1:
            raise ValueError("name exactly one place: file, env or secret")
        return self

    def __str__(self) -> str:
        if self.file is not None:
            return f"file {self.file}"
        return f"environment variable {self.env}" if self.env is not None else f"secret {self._version()}"

    def read(self) -> str:
        """The secret, as text without line ends behind it. May take `SECONDS`. Raises OSError."""
        content = self._content()
        if len(content) > LARGEST:
            raise self._error(f"is larger than {LARGEST:,} bytes", "a secret is short: name another place")
        try:
            text = content.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise self._error("is not UTF-8 text", "store it as text") from None  # the cause would hold the secret
        if not text:
            raise self._error("is empty", "put the secret there")
        logs.secret(text)
        return text

    def _content(self) -> bytes:
        if self.file is not None:
            return self._of_file(self.file)
        return self._of_variable(self.env) if self.env is not None else self._of_secret_manager()

    def _of_file(self, file: str) -> bytes:
        try:
            with Path(file).open("rb") as opened:
                return opened.read(LARGEST + 1)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise self._error(f"cannot be read: {reason}", "name a file this user may read") from error

    def _of_variable(self, name: str) -> bytes:
        value = os.environ.get(name)
        if value is None:
            raise self._error("is not set", "set it, or name another")
        return os.fsencode(value)

    def _of_secret_manager(self) -> bytes:
        """One plain call: the generated client writes every answer to a log that asks for debug lines."""
        try:
            from google.api_core.exceptions import GoogleAPICallError, RetryError
            from google.auth.exceptions import GoogleAuthError

            return _accessed(self._version())
        except ImportError as error:
            raise self._error(f"cannot be read: {error}", "install google-cloud-secret-manager") from error
        except GoogleAuthError as error:
            raise self._error(f"cannot be read: {error}", "give this process Google credentials") from error
        except (GoogleAPICallError, RetryError) as error:
            failure = error.cause if isinstance(error, RetryError) else error
            raise self._error(f"cannot be read: {failure}", _advice(failure)) from error

    def _version(self) -> str:
        name = str(self.secret)
        return name if "/versions/" in name else f"{name}/versions/latest"

    def _error(self, what: str, advice: str) -> OSError:
        return OSError(printable(f"{self} {what}; {advice}"))


def _accessed(version: str) -> bytes:
    from google.api_core import exceptions
    from google.api_core.gapic_v1.method import wrap_method
    from google.api_core.gapic_v1.routing_header import to_grpc_metadata
    from google.api_core.retry import Retry, if_exception_type
    from google.cloud.secretmanager_v1.types import AccessSecretVersionRequest, AccessSecretVersionResponse

    from director.endpoints import channel

    passing = if_exception_type(exceptions.ServiceUnavailable, exceptions.ResourceExhausted)
    retry = Retry(passing, initial=0.2, maximum=2.0, timeout=SECONDS)
    with channel("secretmanager") as opened:
        call = opened.unary_unary(ACCESS, AccessSecretVersionRequest.serialize, AccessSecretVersionResponse.deserialize)
        access = wrap_method(call, default_retry=retry, default_timeout=SECONDS)
        answer = access(AccessSecretVersionRequest(name=version), metadata=[to_grpc_metadata({"name": version})])
    return bytes(answer.payload.data)


def _advice(error: Any) -> str:
    from google.api_core import exceptions

    if isinstance(error, exceptions.Forbidden):
        return "grant this process' service account roles/secretmanager.secretAccessor on the secret"
    if isinstance(error, exceptions.NotFound):
        return "create the secret and a version of it, or correct the name"
    if isinstance(error, exceptions.FailedPrecondition | exceptions.BadRequest):
        return "enable that version, or name another"
    if isinstance(error, exceptions.Unauthenticated):
        return "give this process Google credentials"
    return "see that Secret Manager can be reached from here, and try again"
