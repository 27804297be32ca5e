"""Resource names and pages."""

import pytest

from localcloud.pubsub.names import check_name, of_project, page
from localcloud.rpc import RpcError


@pytest.mark.parametrize("identifier", ["abc", "a" * 255, "T-1_x.~+%", "my-goog"])
def test_good_names_pass(identifier: str) -> None:
    check_name(f"projects/p/topics/{identifier}", "topics")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "topic",
        "projects/p/topics/ab",
        "projects/p/topics/" + "a" * 256,
        "projects/p/topics/1ab",
        "projects/p/topics/google",
        "projects/p/topics/a b c",
        "projects/p/topics/grün",
        "projects//topics/abc",
        "projects/p/q/topics/abc",
        "projects/p/subscriptions/abc",
        "projects/p/topics/abc/def",
        "_deleted-topic_",
    ],
)
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(RpcError, match="Invalid resource name given"):
        check_name(name, "topics")


def test_pages_lead_through_everything_in_order() -> None:
    named = {f"name-{number}": number for number in (3, 1, 2, 5, 4)}
    seen, token = [], ""
    for _ in range(3):
        shown, token = page(named, 2, token)
        seen.append(list(shown))
    assert (seen, token) == ([[1, 2], [3, 4], [5]], "")


def test_a_page_survives_the_deletion_of_its_last_name() -> None:
    named = {"a": 1, "b": 2, "c": 3}
    _, token = page(named, 2, "")
    del named["b"]
    assert list(page(named, 2, token)[0]) == [3]


def test_a_page_has_at_most_1000() -> None:
    named = {f"{number:05}": number for number in range(1500)}
    assert [len(page(named, size, "")[0]) for size in (0, 2000)] == [1000, 1000]


@pytest.mark.parametrize(("size", "token"), [(-1, ""), (1, "%%%"), (1, "YQ"), (1, "/w==")])
def test_bad_sizes_and_tokens_are_refused(size: int, token: str) -> None:
    with pytest.raises(RpcError):
        page({}, size, token)


def test_a_project_sees_its_own() -> None:
    named = {"projects/p/topics/abc": 1, "projects/pp/topics/abc": 2}
    assert list(of_project(named, "projects/p").values()) == [1]
    with pytest.raises(RpcError, match="project"):
        of_project(named, "p")
