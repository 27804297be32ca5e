"""Text with captures in braces, such as `{site}-uplinks`: parsed once, filled once for each MQTT topic. Pure.

`{{` and `}}` stand for the braces themselves.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PIECE = re.compile(r"(\{\{|\}\}|\{[a-z][a-z0-9_]{0,62}\}|[{}])")


@dataclass(frozen=True, slots=True)
class Template:
    """Literal text with captures between: `literals[0] captures[0] literals[1] ... literals[-1]`."""

    text: str
    literals: tuple[str, ...]
    captures: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Raises ValueError for a brace that neither belongs to a capture nor is doubled."""
        literals, captures = [""], []
        for piece in _PIECE.split(text):
            if piece in ("{", "}"):
                raise ValueError(f"{text!r} has a lone brace; write a capture as {{device}}, and a brace twice")
            if piece in ("{{", "}}"):
                literals[-1] += piece[0]
            elif piece.startswith("{"):
                captures.append(piece[1:-1])
                literals.append("")
            else:
                literals[-1] += piece
        return cls(text, tuple(literals), tuple(captures))

    def fill(self, captures: Mapping[str, str]) -> str:
        """Raises KeyError for a capture that is not given."""
        filled = [self.literals[0]]
        for name, literal in zip(self.captures, self.literals[1:], strict=True):
            filled += (captures[name], literal)
        return "".join(filled)

    @property
    def literal_bytes(self) -> int:
        """What it has at least, whatever is captured."""
        return sum(len(literal.encode()) for literal in self.literals)

    def may_become(self, text: str) -> bool:
        """Whether captures exist that make it `text`, taking each for itself."""
        if not self.captures:
            return text == self.literals[0]
        first, *middle, last = self.literals
        if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
            return False
        position, end = len(first), len(text) - len(last)
        for literal in middle:
            found = text.find(literal, position, end)
            if found < 0:
                return False
            position = found + len(literal)
        return True
