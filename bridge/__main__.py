"""`python -m bridge COMMAND`: one function a command, in the module named for it.

Exit codes: 0 done, 2 bad input, 3 the session was taken over, 4 no longer live.
"""

import argparse
import logging
import sys

from bridge import run, sources
from bridge.errors import TakenOver
from director.client import DirectorError
from director.strict import DocumentError

BAD_INPUT, SESSION_TAKEN_OVER = 2, 3


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        return int(arguments.command(arguments))
    except DocumentError as error:
        return _failed(str(error), BAD_INPUT)
    except (DirectorError, OSError) as error:
        return _failed(f"bridge: {error}", BAD_INPUT)
    except TakenOver as error:
        return _failed(f"bridge: {error}", SESSION_TAKEN_OVER)


def _failed(why: str, code: int) -> int:
    print(why, file=sys.stderr)
    return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bridge", description="MQTT in, Pub/Sub out, nothing lost.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    running = commands.add_parser("run", help="bridge until SIGTERM")
    sources.add_arguments(running)
    running.add_argument("--health_port", type=int, default=8080, help="/livez, /readyz, /metrics on loopback")
    running.set_defaults(command=run.run)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
