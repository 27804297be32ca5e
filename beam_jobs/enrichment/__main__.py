"""`python -m beam_jobs.enrichment`."""

import sys

from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.enrichment.pipeline import build
from beam_jobs.job import Job, main

JOB = Job("enrichment", EnrichmentConfig, build, batch_seconds=0.2)

if __name__ == "__main__":
    sys.exit(main(JOB))
