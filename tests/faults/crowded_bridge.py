"""A bridge that starts with 1,100 descriptors open, as a careless parent leaves them. First argument: their limit."""

import os
import resource
import sys

CROWD = 1_100

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
    for _ in range(CROWD):
        os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    os.execv(sys.executable, [sys.executable, "-m", "bridge", *sys.argv[2:]])  # noqa: S606 - the same process, so that it inherits
