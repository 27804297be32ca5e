"""`python -m bridge COMMAND`: one function a command, in the module named for it.

Exit codes: 0 done, 1 a check failed, 2 bad input, 3 the session was taken over, 4 no longer live, 143 a second SIGTERM
cut the end short.
"""

import argparse
import logging
import sys

from google.auth.exceptions import GoogleAuthError

from bridge import drain, run
from bridge.doctor import doctor
from bridge.errors import TakenOver
from bridge.routes import explain
from director import logs
from director.client import DirectorError
from director.strict import DocumentError

BAD_INPUT, SESSION_TAKEN_OVER = 2, 3

log = logging.getLogger("bridge")


def main() -> int:
    arguments = _arguments()
    serves = "log_format" in arguments  # what runs for long logs its errors, what a person waits for prints them
    logs.configure("bridge", arguments.log_format if serves else "text", arguments.log_level if serves else "ERROR")
    try:
        return int(arguments.command(arguments))
    except (DocumentError, DirectorError, GoogleAuthError, OSError) as error:
        why, code = str(error), BAD_INPUT
    except TakenOver as error:
        why, code = str(error), SESSION_TAKEN_OVER
    for line in why.splitlines():
        log.critical(line) if serves else print(line, file=sys.stderr)
    return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bridge", description="MQTT in, Pub/Sub out, nothing lost.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    running = commands.add_parser("run", help="bridge until SIGTERM")
    run.add_arguments(running)
    logs.add_arguments(running)
    running.set_defaults(command=run.run)
    explain.add_commands(commands)
    draining = commands.add_parser("drain", help="take a bridge out of service, leaving no message behind")
    drain.add_arguments(draining)
    draining.set_defaults(command=drain.drain)
    looking = commands.add_parser("doctor", help="look for whatever would keep a bridge from its work")
    doctor.add_arguments(looking)
    looking.set_defaults(command=doctor.run)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
