"""Progress for people: a line now and then where there is no terminal, a changing table where there is one."""

import io

from rich.console import Console

from examples.demo.progress import Snapshot
from examples.demo.view import View


def snapshot(count: int) -> Snapshot:
    return Snapshot(count, count - 1, count - 2, count - 3, count - 4, 0)


def test_without_a_terminal_it_is_plain_lines_now_and_then() -> None:
    text = io.StringIO()
    with View(Console(file=text), 100) as view:
        view.show(snapshot(10), 1.25, {})
        view.show(snapshot(20), 1.5, {})
    assert text.getvalue() == ("   1.2 s  published 10  bridged 9  enriched 8  rows 7  archived 6  dead-lettered 0\n")


def test_on_a_terminal_it_is_a_table_with_what_was_started_again() -> None:
    text = io.StringIO()
    with View(Console(file=text, force_terminal=True, width=100), 100) as view:
        view.show(snapshot(10), 0.5, {})
        view.show(snapshot(60), 1.5, {"bridge": 2})
    assert "started again: bridge 2 x" in text.getvalue()
    assert "100 messages" in text.getvalue()
