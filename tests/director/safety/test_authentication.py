"""Only tokens that Google signed, for us, now, and for somebody with a verified address."""

import base64
import json
from collections.abc import Iterator

import pytest

from director.errors import Misconfigured
from director.safety.authentication import Anyone, Identity, IdTokens, Unauthenticated, bearer
from director.safety.certificates import Certificates
from tests.director.tokens import AUDIENCE, EMAIL, Published, Signer, publishing


@pytest.fixture(scope="module")
def google() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def published(google: Signer) -> Iterator[Published]:
    with publishing(google) as found:
        yield found


@pytest.fixture(scope="module")
def door(published: Published) -> IdTokens:
    return IdTokens([AUDIENCE], Certificates(published.url))


def raw(header: object, payload: object, signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_a_good_token_gives_the_address_in_lower_case(door: IdTokens, google: Signer) -> None:
    assert door.identify(f"Bearer {google.token()}") == Identity(EMAIL, "id_token")
    assert door.identify(f"bearer {google.token(email='Anna@Example.COM')}").name == EMAIL
    assert door.identify(f"Bearer {google.token(iss='accounts.google.com')}").name == EMAIL


def test_any_of_several_audiences_will_do(published: Published, google: Signer) -> None:
    door = IdTokens(["https://one.example", AUDIENCE], Certificates(published.url))
    assert door.identify(f"Bearer {google.token(aud='https://one.example')}").name == EMAIL
    assert door.identify(f"Bearer {google.token()}").name == EMAIL


@pytest.mark.parametrize("audiences", [[], [""], ["  "]])
def test_without_an_audience_it_does_not_start(audiences: list[str]) -> None:
    with pytest.raises(Misconfigured, match="ID tokens need an audience; give --audience"):
        IdTokens(audiences, Certificates())


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://another.example"},
        {"aud": None},
        {"aud": [AUDIENCE]},
        {"aud": {}},
        {"iss": "https://evil.example"},
        {"iss": "https://accounts.google.com.evil.example"},
        {"iss": None},
        {"iss": 7},
        {"email": None},
        {"email": ""},
        {"email": "nobody"},
        {"email": "\u0430nna@example.com"},
        {"email": "anna@example.com\n"},
        {"email": ["anna@example.com"]},
        {"email_verified": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": 1},
        {"iat": None},
        {"exp": None},
        {"exp": "soon"},
        {"iat": {}},
        {"exp": float("nan")},
    ],
    ids=str,
)
def test_one_wrong_claim_is_enough(door: IdTokens, google: Signer, claims: dict[str, object]) -> None:
    with pytest.raises(Unauthenticated):
        door.identify(f"Bearer {google.token(**claims)}")


@pytest.mark.parametrize(("skew", "good"), [(8, True), (600, False), (-3605, True), (-4200, False)])
def test_clocks_may_differ_by_ten_seconds(door: IdTokens, google: Signer, skew: float, good: bool) -> None:
    """8 s ahead, 10 min ahead, over for 5 s, over for 10 min. What is refused says in the log what to look at."""
    token = google.token(skew=skew)
    if good:
        assert door.identify(f"Bearer {token}").name == EMAIL
    else:
        with pytest.raises(Unauthenticated, match=r"too early.*clock is set correctly|expired"):
            door.identify(f"Bearer {token}")


def test_a_signature_of_another_key_is_refused_whatever_it_calls_itself(door: IdTokens, google: Signer) -> None:
    with pytest.raises(Unauthenticated):
        door.identify(f"Bearer {Signer(google.key_id).token()}")
    with pytest.raises(Unauthenticated, match="not Google's"):
        door.identify(f"Bearer {Signer('key-9').token()}")


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "ES256"}, {"alg": None}, {"alg": []}])
def test_no_other_algorithm_is_taken(door: IdTokens, google: Signer, header: dict[str, object]) -> None:
    with pytest.raises(Unauthenticated):
        door.identify(f"Bearer {google.token(header)}")


def test_a_token_without_a_key_id_is_not_tried_with_every_key(door: IdTokens, google: Signer) -> None:
    payload = json.loads(base64.urlsafe_b64decode(google.token().split(".")[1] + "=="))
    for header in ({"alg": "RS256"}, {"alg": "RS256", "kid": None}, {"alg": "RS256", "kid": ["key-1"]}):
        with pytest.raises(Unauthenticated, match="no key id"):
            door.identify(f"Bearer {raw(header, payload, b'x')}")


def test_a_token_whose_signature_was_removed_is_refused_and_so_is_one_that_pretends_so(
    door: IdTokens, google: Signer
) -> None:
    head = google.token().rpartition(".")[0]
    forged = raw({"alg": "RS256", "kid": google.key_id}, {"email": EMAIL, "email_verified": True})
    for token in (f"{head}.SIGNATURE_REMOVED_BY_GOOGLE", forged + "SIGNATURE_REMOVED_BY_GOOGLE"):
        with pytest.raises(Unauthenticated, match="signature was removed on the way"):
            door.identify(f"Bearer {token}")


def test_a_changed_payload_does_not_fit_its_signature(door: IdTokens, google: Signer) -> None:
    header, _, signature = google.token().split(".")
    _, payload, _ = google.token(email="root@example.com").split(".")
    with pytest.raises(Unauthenticated):
        door.identify(f"Bearer {header}.{payload}.{signature}")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer a b",
        "Bearer garbage",
        "Bearer a.b.c",
        "Bearer ..",
        "Bearer \xff\xfe.\xff.\xff",
        "Bearer " + "a" * 9_000,
        "Bearer W10.W10.W10",
        "Bearer eyJhIjox.e30.e30",
        "Bearer e30.e30.e30",
    ],
)
def test_what_is_no_token_is_refused_and_never_an_error(door: IdTokens, authorization: str | None) -> None:
    with pytest.raises(Unauthenticated):
        door.identify(authorization)


def test_no_message_holds_any_of_the_token(door: IdTokens, google: Signer) -> None:
    for token in (google.token(aud="x"), google.token(exp=1), google.token({"alg": "none"}), Signer("key-1").token()):
        with pytest.raises(Unauthenticated) as caught:
            door.identify(f"Bearer {token}")
        assert not any(part in str(caught.value) for part in token.split("."))


def test_a_bearer_is_taken_from_its_header_alone() -> None:
    assert bearer("Bearer abc") == "abc"


def test_where_nobody_is_asked_everybody_is_the_user_of_this_machine() -> None:
    assert Anyone().identify("Bearer whatever") == Anyone().identify(None) == Identity("local", "none")
