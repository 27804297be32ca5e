"""`config import`, killed (-9) before and after each call to Firestore: each time in a child that is forked for it.

    python dying_import.py FILE COLLECTION

Imports into COLLECTION-NUMBER-before and -after, and ends with a line for each: the call, and how the child ended.
"""

import json
import os
import signal
import sys
from typing import Any

import grpc

from director import config_actions  # with Google's clients, once for all children
from director.__main__ import main

assert config_actions
MOST_CALLS = 20


class Death(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):  # type: ignore[misc]
    """Ends the process at its call of this number, from 0."""

    def __init__(self, last: int, when: str) -> None:
        self._left, self._when = last, when

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        self._strike("before", details)
        answer = continuation(details, request)
        answer.result()
        self._strike("after", details)
        self._left -= 1
        return answer

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        self._strike("before", details)
        answers = list(continuation(details, request))
        self._strike("after", details)
        self._left -= 1
        return iter(answers)

    def _strike(self, when: str, details: Any) -> None:
        if self._left == 0 and self._when == when:
            print(json.dumps({"method": details.method.rpartition("/")[2]}), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)


def child(file: str, collection: str, last: int, when: str) -> int:
    channel = grpc.insecure_channel
    grpc.insecure_channel = lambda *given, **more: grpc.intercept_channel(channel(*given, **more), Death(last, when))
    return main(["config", "import", file, "--store-collection", collection])


def run(file: str, collection: str) -> None:
    for number in range(MOST_CALLS):
        for when in ("before", "after"):
            pid = os.fork()
            if pid == 0:
                os._exit(child(file, f"{collection}-{number}-{when}", number, when))
            _, status = os.waitpid(pid, 0)
            ended = os.waitstatus_to_exitcode(status)
            print(json.dumps({"call": number, "when": when, "ended": ended}), flush=True)
        if ended == 0:
            return


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2])
