"""One line that is written over on a terminal, and nothing of it elsewhere."""

import io

from director.desk.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_line_is_written_over_and_gone_at_the_end() -> None:
    now, terminal = iter(range(100)), Terminal()
    with Progress(terminal, lambda: next(now)) as progress:
        for _ in range(2):
            progress.count("retried")
        progress.line("refused   1: \x1b[31mno")
        progress.count("refused")
    text = terminal.getvalue()
    assert "\r\x1b[K1 retried" in text
    assert "\r\x1b[Krefused   1: \\x1b[31mno\n" in text
    assert text.endswith("\r\x1b[K1 refused, 2 retried\r\x1b[K")


def test_it_is_not_written_more_often_than_one_can_look() -> None:
    terminal = Terminal()
    with Progress(terminal, lambda: 0.0) as progress:
        for _ in range(1_000):
            progress.count("retried")
    assert terminal.getvalue() == "\r\x1b[K"
    assert progress.summary() == "1,000 retried"


def test_in_a_file_only_lines_are_left() -> None:
    now, file = iter(range(100)), io.StringIO()
    with Progress(file, lambda: next(now)) as progress:
        progress.count("retried")
        progress.line("refused   1: no")
    assert file.getvalue() == "refused   1: no\n"
    assert progress.refused == 0
