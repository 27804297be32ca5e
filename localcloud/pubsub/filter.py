r"""The filter language of subscriptions: `attributes.site = "north" AND NOT attributes:test`.

    expression = condition ("AND" condition)*  |  condition ("OR" condition)*
    condition  = ("NOT" | "-") condition  |  "(" expression ")"  |  test
    test       = "attributes" ":" key
               | "attributes" "." key ("=" | "!=") string
               | "hasPrefix" "(" "attributes" "." key "," string ")"
    key        = letters, digits, "_" and "-"; anything else in a string
    string     = in double quotes, with the escapes \n \t \" \\ \xHH \uHHHH \UHHHHHHHH \OOO

Source: cloud.google.com/pubsub/docs/subscription-message-filter. AND and OR next to each other need parentheses.
"""

import re
from collections.abc import Callable, Mapping

Matches = Callable[[Mapping[str, str]], bool]

LONGEST = 256  # bytes

_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([A-Za-z0-9_][A-Za-z0-9_-]*)|(!=|[-=:().,]))', re.ASCII)
_ESCAPE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U(000[0-9A-Fa-f]{5}|0010[0-9A-Fa-f]{4})|([0-3][0-7]{2})|(.))", re.DOTALL
)
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"} | {c: c for c in "\\\"'?`"}


class FilterError(ValueError):
    """The text is no filter; the message says where it stops being one."""


def parse(text: str) -> Matches:
    """The test that `text` describes, on a message's attributes. Raises FilterError."""
    if len(text.encode()) > LONGEST:
        raise FilterError(f"longer than {LONGEST} bytes")
    parser = _Parser(_tokens(text))
    matches = parser.expression()
    parser.end()
    return matches


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise FilterError(f"cannot read {text[position:].strip()!r}")
        tokens.append(match[0].strip())
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = [*tokens, ""]  # "" is the end
        self._at = 0

    def expression(self) -> Matches:
        conditions = [self._condition()]
        operator = self._peek()
        while operator in ("AND", "OR") and self._skip(operator):
            conditions.append(self._condition())
        if self._peek() in ("AND", "OR"):
            raise FilterError("AND and OR side by side need parentheses")
        if len(conditions) == 1:
            return conditions[0]
        every = all if operator == "AND" else any
        return lambda attributes: every(condition(attributes) for condition in conditions)

    def end(self) -> None:
        self._expect("")

    def _condition(self) -> Matches:
        if self._skip("NOT") or self._skip("-"):
            refused = self._condition()
            return lambda attributes: not refused(attributes)
        if self._skip("("):
            inner = self.expression()
            self._expect(")")
            return inner
        if self._skip("hasPrefix"):
            return self._prefix_test()
        return self._attribute_test()

    def _prefix_test(self) -> Matches:
        self._expect("(", "attributes", ".")
        key = self._key()
        self._expect(",")
        prefix = self._string()
        self._expect(")")
        return lambda attributes: key in attributes and attributes[key].startswith(prefix)

    def _attribute_test(self) -> Matches:
        self._expect("attributes")
        if self._skip(":"):
            present = self._key()
            return lambda attributes: present in attributes
        self._expect(".")
        key = self._key()
        if self._skip("!="):
            unwanted = self._string()
            return lambda attributes: not (key in attributes and attributes[key] == unwanted)
        self._expect("=")
        wanted = self._string()
        return lambda attributes: key in attributes and attributes[key] == wanted

    def _key(self) -> str:
        token = self._next()
        if token.startswith('"'):
            return _unquoted(token)
        if not token[:1].isalnum() and token[:1] != "_":
            raise FilterError(f"expected an attribute key, found {token or 'the end'}")
        return token

    def _string(self) -> str:
        token = self._next()
        if not token.startswith('"'):
            raise FilterError(f"expected a string in double quotes, found {token or 'the end'}")
        return _unquoted(token)

    def _peek(self) -> str:
        return self._tokens[self._at]

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _skip(self, token: str) -> bool:
        found = self._peek() == token
        self._at += found
        return found

    def _expect(self, *tokens: str) -> None:
        for token in tokens:
            if not self._skip(token):
                raise FilterError(f"expected {token or 'the end'}, found {self._peek() or 'the end'}")


def _unquoted(token: str) -> str:
    return _ESCAPE.sub(_unescaped, token[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    two, four, eight, octal, plain = match.groups()
    if plain is None:
        return chr(int(octal, 8)) if octal else chr(int(two or four or eight, 16))
    if plain not in _PLAIN:
        raise FilterError(f"unknown escape \\{plain}")
    return _PLAIN[plain]
