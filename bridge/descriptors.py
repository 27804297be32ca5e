"""Whether this process has file descriptors to spare: without one there is no connection, and no error that says so."""

import resource
from pathlib import Path

NEEDED = 64  # broker, Pub/Sub, director, health pages and their callers, files, and then some


def shortage() -> str | None:
    """What to change before a bridge can run here, or None."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = in_use()
    if soft == resource.RLIM_INFINITY or taken + NEEDED <= soft:
        return None
    return f"{taken} file descriptors of {soft} are in use, {NEEDED} more are needed: raise the limit (ulimit -n 4096)"


def in_use() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir()) - 1  # one is for the listing itself
