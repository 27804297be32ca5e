"""`python -m director.conductor`: the same as `conductor`."""

import sys

from director.conductor.cli import main

if __name__ == "__main__":
    sys.exit(main())
