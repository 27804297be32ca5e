"""Letters as text for people and as JSON for programs. Pure; nothing in a letter can forge a line of a terminal."""

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from director.desk.desk import Count
from director.desk.letters import Letter
from director.strict import printable

HEX_WIDTH = 32
COLUMNS = ("MESSAGE", "WRITTEN", "STAGE", "REASON", "ATTEMPT", "DEVICE", "CE-ID")


def table(letters: Sequence[Letter], with_decisions: bool) -> Iterator[str]:
    """One line a letter, under a line of titles."""
    titles = (*COLUMNS, "DECISION") if with_decisions else COLUMNS
    yield from _aligned([titles, *(_cells(letter)[: len(titles)] for letter in letters)])


def totals(counts: Sequence[Count]) -> Iterator[str]:
    rows = [(one.stage, one.reason, f"{one.letters:,}", when(one.oldest), when(one.newest)) for one in counts]
    yield from _aligned([("STAGE", "REASON", "LETTERS", "OLDEST", "NEWEST"), *rows])


def details(letter: Letter) -> Iterator[str]:
    """Everything about one letter, its payload last."""
    yield printable(f"message    {letter.message_id}")
    yield f"written    {when(letter.written_at)}"
    yield printable(f"failed     in {letter.stage or '(no stage)'}: {letter.reason}, attempt {letter.attempt}")
    yield printable(f"because    {letter.message}")
    yield f"decision   {_decision(letter)}"
    yield "attributes"
    width = max(map(len, letter.attributes), default=0)
    for name, value in sorted(letter.attributes.items()):
        yield printable(f"  {name:{width}}  {value}")
    data = letter.data or b""
    kind, lines = _payload(data)
    yield f"payload    {len(data):,} bytes, {kind}"
    yield from (f"  {line}" for line in lines)


def as_json(letter: Letter) -> dict[str, Any]:
    """The payload as base64, where it was read."""
    decided = letter.decision
    document: dict[str, Any] = {
        "message_id": letter.message_id,
        "written_at": when(letter.written_at),
        "stage": letter.stage,
        "reason": letter.reason,
        "attempt": letter.attempt,
        "attributes": dict(letter.attributes),
        "decision": decided
        and {
            "decision": decided.decision,
            "decided_at": when(decided.decided_at),
            "decided_by": decided.decided_by,
            "target": decided.target,
            "note": decided.note,
        },
    }
    return document if letter.data is None else document | {"data": base64.b64encode(letter.data).decode()}


def count_as_json(count: Count) -> dict[str, Any]:
    return {
        "stage": count.stage,
        "reason": count.reason,
        "letters": count.letters,
        "oldest": when(count.oldest),
        "newest": when(count.newest),
    }


def when(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cells(letter: Letter) -> tuple[str, ...]:
    facts = (letter.stage, letter.reason, str(letter.attempt), letter.device, letter.ce_id, _decision(letter))
    return letter.message_id, when(letter.written_at), *facts


def _decision(letter: Letter) -> str:
    decided = letter.decision
    if decided is None:
        return "none"
    parts = [decided.decision, when(decided.decided_at)]
    parts += [f"by {decided.decided_by}"] if decided.decided_by else []
    parts += [f"to {decided.target}"] if decided.target else []
    parts += [f"({decided.note})"] if decided.note else []
    return printable(" ".join(parts))


def _payload(data: bytes) -> tuple[str, list[str]]:
    """What kind of content it is, and its lines: JSON set out, text as it is, anything else in hex."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "binary", [data[start : start + HEX_WIDTH].hex(" ") for start in range(0, len(data), HEX_WIDTH)]
    try:
        pretty = json.dumps(json.loads(text, parse_constant=_refuse), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return "text", [printable(line) for line in text.splitlines()]
    return "JSON", [printable(line) for line in pretty.splitlines()]


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
