"""How a command ends: as an exit code, and in one line for what people can mend.

0 as asked, 1 failed or not as wanted, 2 an input that cannot work.
"""

import sys
from collections.abc import Callable

from google.auth.exceptions import DefaultCredentialsError

from director.errors import Busy, DirectorError, Moved, Rejected, Superseded, Unavailable
from director.strict import DocumentError, printable

OK, FAILED, BAD_INPUT = 0, 1, 2


def exit_code(action: Callable[[], bool]) -> int:
    """Carries the action out; whether it came to what was asked is what it returns."""
    try:
        return OK if action() else FAILED
    except DocumentError as error:
        return _complaint(BAD_INPUT, str(error))
    except Moved as error:
        return _complaint(FAILED, "\n  ".join(map(printable, (f"director: {error}", *error.moved))))
    except (Unavailable, Rejected, Busy, Superseded) as error:
        return _complaint(FAILED, f"director: {printable(str(error))}")
    except DirectorError as error:
        return _complaint(BAD_INPUT, f"director: {printable(str(error))}")
    except DefaultCredentialsError:
        advice = "run `gcloud auth application-default login`, or set the *_EMULATOR_HOST variables of a local cloud"
        return _complaint(BAD_INPUT, f"director: no Google credentials; {advice}")
    except KeyboardInterrupt:
        return _complaint(FAILED, "director: interrupted; what was begun can be completed by the same command")


def _complaint(code: int, message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201
    return code
