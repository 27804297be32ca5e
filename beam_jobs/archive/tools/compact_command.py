"""`conductor archive compact` behind its parser."""

import argparse
import json
import os
import socket
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from beam_jobs.archive.reading.catalogue import catalogue, root_of
from beam_jobs.archive.reading.place import Span
from beam_jobs.archive.reading.shelf import BucketShelf, open_client
from beam_jobs.archive.tools.compact import Done, Limits, compact, deletable, groups, orphaned
from beam_jobs.archive.tools.lease import ObjectLease


def run(given: argparse.Namespace) -> int:
    """Exit code: 1 where something was left because it is damaged."""
    limits = Limits(
        smaller_than=given.smaller_than,
        older_than=timedelta(seconds=given.older_than),
        target_bytes=given.target_bytes,
        target_messages=given.target_messages,
        keep=timedelta(seconds=given.keep),
    )
    client = open_client()
    shelf = BucketShelf(client, given.archive.bucket)
    span = Span(given.from_ or "", given.to or "")
    if given.dry_run:
        done = _would(shelf, given, limits, span, _now())
    else:
        holder = f"{socket.gethostname()}, process {os.getpid()}"
        lease = ObjectLease(client, given.archive.bucket, root_of(shelf, given.archive), holder, _now)
        done = compact(shelf, given.archive, span, limits, lease, _now)
    _say(done, given)
    return 1 if done.damaged else 0


def _would(shelf: BucketShelf, given: argparse.Namespace, limits: Limits, span: Span, now: datetime) -> Done:
    known = catalogue(shelf, given.archive, span)
    joined = list(groups(known, limits, now))
    due, stay = deletable(known, limits, now)
    orphans = len(orphaned(known, limits, now))
    return Done(sum(map(len, joined)), len(joined), len(due), orphans, stay or None)


def _now() -> datetime:
    return datetime.now(UTC)


def _say(done: Done, given: argparse.Namespace) -> None:
    if given.json:
        sys.stdout.write(json.dumps(asdict(done) | {"damaged": done.damaged or [], "dry_run": given.dry_run}) + "\n")
        return
    would = "would have been " if given.dry_run else ""
    sys.stdout.write(
        f"{done.joined:,} objects {would}joined into {done.written:,}; {done.deleted:,} replaced ones {would}deleted,"
        f" and {done.orphans:,} that no manifest lists\n"
    )
    for problem in done.damaged or ():
        sys.stdout.write(f"left as it is: {problem}\n")
