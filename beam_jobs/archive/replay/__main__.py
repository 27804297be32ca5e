"""`python -m beam_jobs.archive.replay`: as `conductor replay`; what it does not know goes to Beam's options."""

import argparse
import shlex
import sys

from beam_jobs.archive.commands import replay
from beam_jobs.errors import RetryLater
from director.errors import DirectorError


def main() -> int:
    parser = argparse.ArgumentParser("python -m beam_jobs.archive.replay", allow_abbrev=False)
    replay(parser)
    given, rest = parser.parse_known_args()
    if rest and given.engine == "here":
        parser.error(f"unrecognised: {' '.join(rest)}; Beam's options go with --engine direct or dataflow")
    given.beam_options = f"{given.beam_options} {shlex.join(rest)}"
    try:
        return int(given.command(given))
    except (DirectorError, RetryLater, OSError, ValueError) as error:
        print(f"replay: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
