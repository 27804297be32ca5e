"""`python -m benchmarks NAME …` runs the race in `benchmarks.NAME`."""

import importlib
import sys

if __name__ == "__main__":
    name, arguments = sys.argv[1], sys.argv[2:]
    sys.exit(importlib.import_module(f"benchmarks.{name}").main(arguments))
