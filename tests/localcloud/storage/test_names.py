"""Names of buckets and objects."""

import pytest

from localcloud.rest import HttpError
from localcloud.storage.names import bucket_name, object_name


@pytest.mark.parametrize("name", ["abc", "a-b_c.d", "0" * 63, "example.com"])
def test_bucket_names(name: str) -> None:
    assert bucket_name(name) == name


@pytest.mark.parametrize(
    "name", [None, "", "ab", "Upper", "-ab", "ab-", "a" * 64, "a..b", "10.0.0.1", "goog-x", "my-google", "a/b"]
)
def test_names_no_bucket_may_have(name: object) -> None:
    with pytest.raises(HttpError) as refused:
        bucket_name(name)
    assert refused.value.status == 400


@pytest.mark.parametrize("name", ["a", "a/b/c", " ", "€" * 341, "...", "/"])
def test_object_names(name: str) -> None:
    assert object_name(name) == name


@pytest.mark.parametrize("name", [None, "", ".", "..", "a\nb", "a\rb", "€" * 342, "\ud800"])
def test_names_no_object_may_have(name: object) -> None:
    with pytest.raises(HttpError) as refused:
        object_name(name)
    assert refused.value.status == 400
