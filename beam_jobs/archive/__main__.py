"""`python -m beam_jobs.archive`."""

import sys

from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.archive.pipeline import build
from beam_jobs.job import Job, main

JOB = Job("archive", ArchiveConfig, build, batch_seconds=5.0)

if __name__ == "__main__":
    sys.exit(main(JOB))
