"""Service accounts as documents write them."""

from typing import Any

import pytest

from director.documents.specs.accounts import ServiceAccount
from director.strict import DocumentError, parse


def test_an_account_is_a_name_and_what_people_are_told_of_it() -> None:
    found = parse({"name": "bridge-sa", "display_name": "Bridge", "description": "x", "disabled": True}, ServiceAccount)
    assert (found.name, found.disabled) == ("bridge-sa", True)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"name": "short"}, "6-30 lower-case letters"),
        ({"name": "a" * 31}, "6-30 lower-case letters"),
        ({"name": "bridge-sa", "display_name": "ü" * 51}, "has 102 bytes; IAM takes 100"),
        ({"name": "bridge-sa", "description": "x" * 257}, "has 257 bytes; IAM takes 256"),
        ({"name": "bridge-sa", "keys": []}, "keys: unknown key"),
    ],
)
def test_what_iam_would_not_take_is_refused(data: dict[str, Any], says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        parse(data, ServiceAccount)
