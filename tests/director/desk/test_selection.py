"""What narrows a selection."""

from datetime import UTC, datetime

from director.desk.selection import Selection

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_neither_limit_nor_decisions_narrow_a_selection() -> None:
    assert not Selection(decided=True, limit=5).narrow
    assert Selection(stages=("bridge",)).narrow
    assert Selection(since=NOW).narrow
