"""`python -m beam_jobs.warehouse`."""

import sys

from beam_jobs.job import Job, main
from beam_jobs.warehouse.config import WarehouseConfig
from beam_jobs.warehouse.pipeline import build

JOB = Job("warehouse", WarehouseConfig, build, batch_seconds=0.5)

if __name__ == "__main__":
    sys.exit(main(JOB))
