"""The conductor's own commands are the director's: the same work, the same exit codes."""

from pathlib import Path

import pytest

from director.conductor.cli import main

Capture = pytest.CaptureFixture[str]


def test_check_prints_every_problem_a_line_and_ends_with_2(document: Path, capsys: Capture) -> None:
    assert main(["check", str(document)]) == 0
    assert capsys.readouterr().out.endswith("1 dataflow, no problems\n")
    document.write_text(document.read_text().replace("topic: readings", "topic: x").replace("EU", "Eu"))
    assert main(["check", str(document)]) == 2
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.usefixtures("cloud")
def test_plan_apply_and_verify(document: Path, capsys: Capture) -> None:
    def lines(command: str) -> tuple[int, set[str]]:
        code = main([command, str(document)])
        return code, {line.split()[0] for line in capsys.readouterr().out.splitlines()}

    assert lines("plan") == (0, {"create", "hash"})
    assert lines("verify") == (1, {"create"})
    assert lines("apply") == (0, {"created"})
    assert main(["verify", str(document), "--dataflow", "air"]) == 0
    assert main(["verify", str(document), "--dataflow", "water"]) == 2


@pytest.mark.usefixtures("cloud")
def test_drift_teardown_and_history(document: Path, capsys: Capture) -> None:
    text = document.read_text().replace("    services:", "    lifecycle: {strategy: ephemeral}\n    services:", 1)
    document.write_text(text)
    assert main(["apply", str(document)]) == 0
    assert main(["drift", str(document)]) == 0
    assert capsys.readouterr().out.endswith("no drift\n")
    assert main(["teardown", str(document), "--dataflow", "air"]) == 2
    assert "nobody can answer; see --dry-run, then say --yes" in capsys.readouterr().err
    assert main(["apply", str(document), "--dataflow", "air", "--plan", "0" * 64]) == 1
    assert "no longer fits, so nothing was touched" in capsys.readouterr().err
    assert main(["teardown", str(document), "--dataflow", "air", "--yes"]) == 0
    assert main(["drift", str(document)]) == 1
    assert main(["history", str(document)]) == 0
    assert " done      delete topics " in capsys.readouterr().out
