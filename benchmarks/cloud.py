"""A localcloud in a process of its own, for races that need Google's services."""

import os
import select
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def localcloud(*options: str) -> Iterator[Mapping[str, str]]:
    """While a `with` lasts, Google's clients in this process find it; gives the variables that say where."""
    command = [sys.executable, "-m", "localcloud", "--env", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as cloud:
        try:
            variables = _variables(cloud)
            os.environ.update(variables)
            yield variables
        finally:
            cloud.terminate()


def _variables(cloud: subprocess.Popen[bytes]) -> dict[str, str]:
    """What it prints when it is ready, in one write: a comment, and a line for each."""
    said = os.read(cloud.stdout.fileno(), select.PIPE_BUF).decode() if cloud.stdout else ""
    if not said:
        raise RuntimeError("localcloud ended before it was ready")
    return dict(shlex.split(line)[1].split("=", 1) for line in said.splitlines()[1:])
