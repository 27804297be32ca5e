"""Who is calling: the one place that believes a caller's word, or does not.

Three ways, chosen at the start: ID tokens signed by Google, API keys, or nobody asked (on this machine only). What a
caller gets to hear of a refusal is always the same; why it was refused stands in the log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from google.auth import jwt

from director.errors import DirectorError, Misconfigured
from director.safety.certificates import Certificates

Way = Literal["id_token", "api_key", "pubsub", "none"]
ISSUERS = ("https://accounts.google.com", "accounts.google.com")
CLOCK_SKEW = 10  # seconds another machine's clock may be off
LONGEST_TOKEN = 8_000  # characters
STRIPPED = "SIGNATURE_REMOVED_BY_GOOGLE"  # what Cloud Run leaves of the signature it has checked itself


class Unauthenticated(DirectorError):
    """Nobody we know. The message is for the log; the caller is not told which check failed."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls: an e-mail address, or the name of an API key."""

    name: str
    way: Way


NOBODY_ASKED = Identity("local", "none")


class Authenticator(Protocol):
    """Raises Unauthenticated, and KeysUnreachable where it cannot tell now."""

    def identify(self, authorization: str | None) -> Identity: ...


class Anyone:
    """Whoever reaches this machine's loopback is its user."""

    def identify(self, authorization: str | None) -> Identity:
        return NOBODY_ASKED


class IdTokens:
    """OpenID Connect ID tokens of Google's accounts and service accounts, made out to one of our `audiences`.

    https://cloud.google.com/docs/authentication/token-types#id
    """

    def __init__(self, audiences: Sequence[str], certificates: Certificates) -> None:
        """Raises Misconfigured without an audience: a token made out to anyone else would do."""
        self._audiences = [audience for audience in audiences if audience.strip()]
        if not self._audiences:
            raise Misconfigured("ID tokens need an audience; give --audience, such as the URL of this director")
        self._certificates = certificates

    def identify(self, authorization: str | None) -> Identity:
        token = bearer(authorization)
        if token.rpartition(".")[2] == STRIPPED:
            raise Unauthenticated("the signature was removed on the way; see docs/rest.md on Cloud Run")
        return Identity(_email(self._claims(token)), "id_token")

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            header = jwt.decode_header(token)
            key, algorithm = header.get("kid"), header.get("alg")
            if not isinstance(key, str) or algorithm != "RS256":
                raise Unauthenticated("no key id, or another algorithm than Google's RS256")
        except Unauthenticated:
            raise
        except Exception as error:  # the decoder raises whatever odd bytes make it raise
            raise Unauthenticated(f"not a token ({type(error).__name__})") from error
        certificate = self._certificates.of(key)
        if certificate is None:
            raise Unauthenticated("signed with a key that is not Google's")
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token, certs={key: certificate}, audience=self._audiences, clock_skew_in_seconds=CLOCK_SKEW
            )
        except Exception as error:  # so does the verifier, for claims of odd types
            raise Unauthenticated(_without_token(error, token)) from error
        if not all(type(claims.get(name)) is int for name in ("iat", "exp")):
            raise Unauthenticated("its times are no whole numbers")  # NaN is before and after everything
        if claims.get("iss") not in ISSUERS:
            raise Unauthenticated("issued by somebody else than Google")
        return claims


def bearer(authorization: str | None) -> str:
    """The token of an `Authorization: Bearer` header. Raises Unauthenticated."""
    if not authorization:
        raise Unauthenticated("no Authorization header")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("the Authorization header holds no bearer token")
    if len(token) > LONGEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise Unauthenticated("the bearer token is too long or holds characters no token has")
    return token


def _email(claims: Mapping[str, Any]) -> str:
    """A service account's token has an address only where one was asked for; without it nobody can be told apart."""
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email or not email.isascii() or not email.isprintable():
        raise Unauthenticated("no e-mail address in the token; ask for it with format=full or include_email")
    if claims.get("email_verified") is not True:
        raise Unauthenticated("the e-mail address in the token is not verified")
    return email.lower()


def _without_token(error: Exception, token: str) -> str:
    """Some errors quote parts of what they were given; the times they quote are the hint to a wrong clock."""
    text = str(error)
    quoted = any(part in text for part in token.split(".") if part)
    return type(error).__name__ if quoted else f"{type(error).__name__}: {text}"
