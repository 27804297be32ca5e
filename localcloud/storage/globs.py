"""Cloud Storage's `matchGlob` patterns as regular expressions.

`*` and `?` stay within a folder, `**` crosses folders, `[ab]` and `[!ab]` are one character, `{a,b}` either pattern.
Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob
"""

import re

from localcloud.storage.errors import invalid


def glob(pattern: str) -> re.Pattern[str]:
    """Raises HttpError 400 when a bracket is not closed."""
    parts: list[str] = []
    position = depth = 0
    while position < len(pattern):
        text, step = _token(pattern, position, depth)
        depth += (text == "(?:") - (text == ")")
        parts.append(text)
        position += step
    if depth:
        raise invalid(f"Invalid glob pattern {pattern!r}: a brace is not closed")
    return re.compile("".join(parts), re.DOTALL)


def _token(pattern: str, position: int, depth: int) -> tuple[str, int]:
    """The regular expression of what stands at `position`, and how many characters that is."""
    if pattern.startswith("**/", position):
        return "(?:.*/|)", 3
    if pattern.startswith("**", position):
        return ".*", 2
    character = pattern[position]
    if character == "[":
        return _set(pattern, position)
    if character == "\\" and position + 1 < len(pattern):
        return re.escape(pattern[position + 1]), 2
    single = {"*": "[^/]*", "?": "[^/]", "{": "(?:"} | ({",": "|", "}": ")"} if depth else {})
    return single.get(character, re.escape(character)), 1


def _set(pattern: str, position: int) -> tuple[str, int]:
    end = pattern.find("]", position + 2)
    if end < 0:
        raise invalid(f"Invalid glob pattern {pattern!r}: a bracket is not closed")
    inside = pattern[position + 1 : end]
    negated = inside[0] in "!^"
    characters = (inside[1:] if negated else inside).replace("\\", "\\\\").replace("[", "\\[")
    return f"[{'^/' if negated else ''}{characters}]", end + 1 - position
