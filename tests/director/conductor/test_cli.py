"""`conductor`: finds what packages contribute, runs one of them, and ends in a way that scripts can use."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from director.conductor.cli import main

Install = Callable[..., None]
Source = Callable[[str], str]
Capture = pytest.CaptureFixture[str]


def test_a_contributed_command_runs_and_gives_the_exit_code(install: Install, command: Source, capsys: Capture) -> None:
    install("alien", {"thing": "alien:run"}, {"alien": command("print(arguments.words); return 1")})
    assert main(["thing", "a", "b"]) == 1
    assert capsys.readouterr().out == "['a', 'b']\n"


def test_only_the_chosen_commands_module_is_loaded(install: Install, command: Source) -> None:
    install(
        "alien",
        {"thing": "alien_one:run", "other": "alien_two:run"},
        {"alien_one": command("return 0"), "alien_two": command("return 0")},
    )
    assert main(["thing"]) == 0
    assert "alien_one" in sys.modules
    assert "alien_two" not in sys.modules


def test_help_lists_every_command_with_one_line(install: Install, command: Source, capsys: Capture) -> None:
    install("alien", {"thing": "alien:run"}, {"alien": command("return 0")})
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert ["thing", "Does", "a", "thing."] in [line.split() for line in out.splitlines()]
    assert "At length." not in out
    for name in ("apply", "check", "dead-letters", "plan", "routes", "verify"):
        assert f"\n  {name} " in out
    assert "exit codes: 0 done, 1 not as wanted, 2 bad input, 130 Ctrl-C" in out


def test_without_a_command_the_same_list_is_an_error(capsys: Capture) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "\n  check " in err


def test_an_unknown_command_is_one_line_with_the_nearest(capsys: Capture) -> None:
    assert main(["plam"]) == 2
    assert capsys.readouterr().err == "conductor: no command 'plam'; did you mean 'plan'?\n"


def test_a_command_that_cannot_be_imported_is_listed_with_what_to_install_and_breaks_no_other(
    install: Install, command: Source, capsys: Capture
) -> None:
    install(
        "alien",
        {"thing": "alien:run", "broken": "alien_broken:run"},
        {"alien": command("return 0"), "alien_broken": "import moon_dust.fine"},
        'moon-dust>=1; extra == "moon"',
        'sun-dust>=1; extra == "sun"',
    )
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "(cannot be loaded: moon_dust is missing; pip install 'alien[moon]')" in out
    assert "Does a thing." in out
    assert main(["broken"]) == 2
    message = "conductor: 'broken' cannot be loaded: moon_dust is missing; pip install 'alien[moon]'\n"
    assert capsys.readouterr().err == message
    assert main(["thing"]) == 0


def test_the_extras_that_an_entry_point_names_are_those_to_install(install: Install, capsys: Capture) -> None:
    install("alien", {"broken": "alien_broken:run [sky]"}, {"alien_broken": "import moon_dust"})
    assert main(["broken"]) == 2
    assert "pip install 'alien[sky]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('no')", "SystemExit: no"),
        ("", "AttributeError: module 'alien' has no attribute 'run'"),
        ("def run(parser): raise ValueError('bad\\n  news')", "ValueError: bad"),
    ],
)
def test_whatever_a_module_does_when_imported_breaks_no_other(
    install: Install, capsys: Capture, source: str, why: str
) -> None:
    install("alien", {"broken": "alien:run"}, {"alien": source})
    assert main(["--help"]) == 0
    assert f"(cannot be loaded: {why})\n" in capsys.readouterr().out
    assert main(["broken"]) == 2
    assert why in capsys.readouterr().err


def test_a_module_that_the_installed_version_lacks_is_told_so(install: Install, capsys: Capture) -> None:
    install("alien", {"broken": "alien_gone:run"}, {})
    assert main(["broken"]) == 2
    assert "alien_gone is not in this installation" in capsys.readouterr().err


def test_a_name_that_two_packages_contribute_is_nobodys(install: Install, command: Source, capsys: Capture) -> None:
    install("alien", {"thing": "alien:run"}, {"alien": command("return 0")})
    install("other", {"thing": "other:run", "plan": "other:run"}, {"other": command("return 0")})
    for name in ("thing", "plan"):
        assert main([name]) == 2
        assert "is contributed more than once" in capsys.readouterr().err


def test_a_commands_own_help_and_mistakes_are_its_parsers(install: Install, command: Source, capsys: Capture) -> None:
    install("alien", {"thing": "alien:run"}, {"alien": command("return 0")})
    for arguments, code in ((["thing", "--help"], 0), (["thing", "--nonsense"], 2), (["--nonsense", "thing"], 2)):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == code
    assert "usage: conductor thing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("raise OSError(13, 'Permission denied', 'x.yaml')", 2, "[Errno 13] Permission denied: 'x.yaml'"),
        ("from director.errors import Unknown; raise Unknown('no such dataflow')", 2, "no such dataflow"),
        ("from director.errors import Unavailable; raise Unavailable('try again')", 1, "try again"),
        ("from director.errors import Rejected; raise Rejected('no right')", 1, "no right"),
        ("from director.client import DirectorRefused as R; raise R('told no', 404, 'x', {})", 2, "told no"),
        ("from director.strict import load; load('[]', object)", 2, "<text>:1:1: is not a mapping of keys to values"),
        ("from google.auth.exceptions import DefaultCredentialsError as E; raise E('x')", 2, "no Google credentials"),
        ("raise KeyError('x')", 1, "KeyError: 'x'; --debug shows where"),
        ("raise KeyboardInterrupt", 130, "interrupted"),
        ("import nobody_has_this", 2, "nobody_has_this is missing; install what holds it"),
        ("raise ModuleNotFoundError('x', name='duckdb')", 2, "duckdb is missing; pip install 'iot-dataflows[cond"),
        ("raise ModuleNotFoundError('x', name='isal')", 2, "isal is missing; pip install 'iot-dataflows[beam]'"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_and_its_exit_code(
    install: Install, command: Source, capsys: Capture, body: str, code: int, message: str
) -> None:
    install("alien", {"thing": "alien:run"}, {"alien": command(body)})
    assert main(["thing"]) == code
    err = capsys.readouterr().err
    assert err.startswith(f"conductor: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--debug", "thing"], ["thing", "--debug"], ["thing", "word", "--debug"]])
def test_debug_shows_where_an_error_came_from(
    install: Install, command: Source, capsys: Capture, arguments: list[str]
) -> None:
    install("alien", {"thing": "alien:run"}, {"alien": command("raise KeyError('x')")})
    assert main(arguments) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "in _act" in err
    assert main(["thing"]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_what_follows_two_dashes_is_the_commands_own(install: Install, command: Source, capsys: Capture) -> None:
    install("alien", {"thing": "alien:run"}, {"alien": command("print(arguments.words); return 0")})
    assert main(["thing", "--", "--debug"]) == 0
    assert capsys.readouterr().out == "['--debug']\n"


def start(folder: Path, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(Path.cwd())])}
    command = [sys.executable, "-m", "director.conductor", *arguments]
    return subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE, **options)


def test_ctrl_c_is_one_line_and_130(install: Install, command: Source, tmp_path: Path) -> None:
    body = "import time; print('there', flush=True); time.sleep(60)"
    install("alien", {"thing": "alien:run"}, {"alien": command(body)})
    with start(tmp_path, "thing", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "conductor: interrupted\n"


def test_a_reader_that_has_enough_is_no_error(install: Install, command: Source, tmp_path: Path) -> None:
    """As in `conductor thing | head -1`."""
    install("alien", {"thing": "alien:run"}, {"alien": command("[print('x' * 100) for _ in range(10_000)]; return 0")})
    with start(tmp_path, "thing", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_nothing_heavy_is_loaded_before_a_command_is() -> None:
    text = "import sys, director.conductor.cli; print({'google.auth', 'pydantic', 'yaml'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"


def test_routes_are_the_bridges(tmp_path: Path, capsys: Capture) -> None:
    document = {
        "broker": {"url": "mqtt://127.0.0.1:1883", "client_id": "b"},
        "destinations": {"in": "projects/p/topics/in"},
        "dead_letter_topic": "projects/p/topics/dead",
        "routes": {"up": {"filter": "up/#", "destination": "in", "event_type": "iot.up"}},
    }
    file = tmp_path / "bridge.yaml"
    file.write_text(json.dumps(document))
    assert main(["routes", "check", "--config", str(file)]) == 0
    assert capsys.readouterr().out.startswith("up: up/# -> in\n")
