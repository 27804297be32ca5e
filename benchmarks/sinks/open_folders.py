"""`python -m benchmarks.sinks.open_folders` prints the MB that the archive takes for 100,000 open folders."""

from benchmarks.sinks.archive import memory_of_many_folders

if __name__ == "__main__":
    print(f"{memory_of_many_folders():.1f}")
