"""matchGlob patterns."""

import pytest

from localcloud.rest import HttpError
from localcloud.storage.globs import glob


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("a*c", ["ac", "abc"], ["a/c", "abcd"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
        ("**/x.gz", ["x.gz", "a/x.gz", "a/b/x.gz"], ["ax.gz"]),
        ("[ab]-[!c]", ["a-d", "b-x"], ["c-d", "a-c", "a-/"]),
        ("{a,b*}/x", ["a/x", "bcd/x"], ["c/x"]),
        ("a,b}", ["a,b}"], ["a"]),
        (r"a\*", ["a*"], ["ab"]),
        ("a.c(+", ["a.c(+"], ["abc(+"]),
    ],
)
def test_a_pattern_fits_whole_names(pattern: str, fitting: list[str], others: list[str]) -> None:
    fits = glob(pattern).fullmatch
    assert [name for name in fitting + others if fits(name)] == fitting


@pytest.mark.parametrize("pattern", ["a[b", "{a,b"])
def test_an_open_bracket_is_refused(pattern: str) -> None:
    with pytest.raises(HttpError, match="not closed"):
        glob(pattern)
