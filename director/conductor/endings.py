"""How a command ends: as an exit code, and what went wrong in a line or two with what to do next."""

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator

from director.conductor.commands import Unloadable
from director.conductor.missing import advice_for
from director.errors import Busy, DirectorError, Moved, Rejected, Superseded, Unavailable

OK, FAILED, BAD_INPUT, INTERRUPTED, NOBODY_READS = 0, 1, 2, 130, 141


def ended(action: Callable[[], int], debug: bool = False) -> int:
    """Carries the action out; the exit code is what it returns, or what its error means."""
    try:
        code = action()
        sys.stdout.flush()  # where nobody reads any more, that shows here
    except KeyboardInterrupt:
        return complain(INTERRUPTED, "interrupted")
    except BrokenPipeError:  # as in `conductor ... | head`
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  # else Python's own flush at exit complains
        return NOBODY_READS
    except Exception as error:  # at the top of a process: what it means is told, and where it was with --debug
        if debug:
            traceback.print_exc()
        return complain(*_meaning(error))
    return code


def complain(code: int, message: str) -> int:
    print(f"conductor: {message}", file=sys.stderr)  # noqa: T201
    return code


def _meaning(error: Exception) -> tuple[int, str]:
    if isinstance(error, Moved):
        return FAILED, "\n  ".join((str(error), *error.moved))
    if isinstance(error, Unavailable | Rejected | Busy | Superseded):
        return FAILED, str(error)
    if isinstance(error, Unloadable | DirectorError | OSError):
        return BAD_INPUT, str(error)
    if isinstance(error, ModuleNotFoundError):
        return BAD_INPUT, advice_for(error)
    for kind, code, advice in _kinds():
        if isinstance(error, kind):
            return code, advice or str(error)
    return FAILED, f"{type(error).__name__}: {error}; --debug shows where"


def _kinds() -> Iterator[tuple[type[BaseException], int, str]]:
    """Errors of packages that an installation may lack; what is not there cannot have been raised."""
    with contextlib.suppress(ImportError):
        from director.strict import DocumentError

        yield DocumentError, BAD_INPUT, ""
    with contextlib.suppress(ImportError):
        from director.client import DirectorError as Told

        yield Told, BAD_INPUT, ""
    with contextlib.suppress(ImportError):
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

        advice = "run `gcloud auth application-default login`, or set the *_EMULATOR_HOST variables of a local cloud"
        yield DefaultCredentialsError, BAD_INPUT, f"no Google credentials; {advice}"
        yield GoogleAuthError, BAD_INPUT, ""
