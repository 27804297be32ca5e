"""The demo's command line: what is wrong is one line, exit status 2, and nothing is started."""

import subprocess
import sys
from pathlib import Path

import pytest

from examples.demo.__main__ import main
from localcloud import broker


def test_a_share_that_cannot_be_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--late-share", "2"]) == 2
    assert capsys.readouterr().err == "demo: late_share: 2.0 is not between 0 and 1\n"


def test_a_missing_broker_says_how_to_install_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(broker, "MORE_FOLDERS", ())
    assert main([]) == 2
    assert capsys.readouterr().err == (
        "demo: mosquitto, the MQTT broker, is not installed: run `sudo apt-get install mosquitto`\n"
    )


def test_a_folder_that_cannot_be_written_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".demo").touch()
    monkeypatch.chdir(tmp_path)
    assert main([]) == 2
    assert capsys.readouterr().err.startswith(f"demo: cannot write to {tmp_path / '.demo'} (")


def test_an_unknown_option_is_refused() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "examples.demo", "--message", "1", "--nonsense"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert "--nonsense" in ended.stderr
