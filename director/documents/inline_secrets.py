"""Secrets that stand in a document, which is no place for them: found by the key's name or the value's look. Pure."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from director.positions import Location

ADVICE = "a secret does not belong here; name a file or a secret_ref: projects/.../secrets/.../versions/..."

_KEY = re.compile(
    r"(passw(or)?d|passphrase|(^|[_-])(pass|pwd)|secret|token|credential|private_?key|api_?key|access_?key)(?P<plural>s?)$",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?")
_LOOKS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    re.compile(r"://[^/\s:@]*:[^/\s@]+@"),  # user:password@host
    re.compile(r"AIza[0-9A-Za-z_-]{35}"),  # a Google API key
    re.compile(r"\bgh[pousr]_[0-9A-Za-z]{36}"),
    re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    re.compile(r"\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\."),  # a JWT
)
_RANDOM = re.compile(r"[A-Za-z0-9+/_=-]{32,}")


def inline_secrets(data: Any) -> Iterator[tuple[Location, str]]:
    """Where each secret stands, and the secret."""
    waiting: list[tuple[Location, str, Any]] = [((), "", data)]
    while waiting:
        location, key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*location, name), name, inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*location, index), key, inner) for index, inner in enumerate(value)]
        elif _is_secret(key, value):
            yield location, str(value)


def _is_secret(key: str, value: Any) -> bool:
    named = _KEY.search(key)
    if isinstance(value, str):
        by_name = named and value and not _REFERENCE.fullmatch(value)
        return bool(by_name) or any(look.search(value) for look in _LOOKS) or _random(value)
    return bool(named and not named["plural"] and isinstance(value, int | float) and not isinstance(value, bool))


def _random(text: str) -> bool:
    """Whether text reads like a generated key: long, of no short words, of mixed characters, and hard to predict."""
    if not _RANDOM.fullmatch(text) or max(map(len, re.split("[/_=-]", text))) < 16:
        return False
    if not all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9]")):
        return False
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares) > 4.3
