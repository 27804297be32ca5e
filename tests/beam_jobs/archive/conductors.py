"""The conductor as a person starts it, in this process or in one of its own."""

import os
import subprocess
import sys
from pathlib import Path

from director.conductor.cli import main

__all__ = ["conduct", "started"]


def conduct(*words: object) -> int:
    """The exit code."""
    try:
        return main([str(word) for word in words])
    except SystemExit as ended:
        return int(ended.code or 0)


def started(folder: Path, *words: object) -> "subprocess.Popen[bytes]":
    """A process whose output goes to `folder`."""
    command = [sys.executable, "-m", "director.conductor", *map(str, words)]
    root = Path(__file__).parents[3]
    with (folder / "out").open("ab") as out, (folder / "err").open("ab") as err:
        environment = {**os.environ, "PYTHONPATH": str(root)}
        return subprocess.Popen(command, cwd=folder, stdout=out, stderr=err, env=environment)
