"""`python -m benchmarks.soak`: does the bridge lose anything? Exit code 1 where it does, repeats or takes too much."""

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks.soak.soak import Plan, Report, soak
from localcloud.cloud import in_thread

FAILED = 1


def main() -> int:
    arguments = _arguments()
    plan = Plan(arguments.messages, arguments.kills, arguments.rate, arguments.seed, arguments.planted_loss)
    print(f"{plan.messages:,} messages at {plan.rate:,.0f}/s, {plan.kills} kills, seed {plan.seed} …", flush=True)
    with in_thread() as cloud:
        os.environ.update(cloud.variables())
        report = soak(plan, cloud)
    print(told(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report.document(), indent=2) + "\n")
    return FAILED if report.failures else 0


def told(report: Report) -> str:
    count = report.count
    network = f"{report.resets} resets, {report.blackholes} blackholes"
    lines = [
        f"faults      {report.kills} kill -9, {network}, {report.failed_publishes} failed publishes",
        f"messages    {count.acknowledged:,} sent, {count.arrived:,} arrived, {count.dead_letters:,} dead letters",
        f"lost        {count.lost:,}",
        f"duplicates  {count.duplicates_percent} %",
        f"reordered   {count.reordered:,} first copies after a later message of their device",
        f"recovered   {report.recovery_seconds} s after the last fault",
        *(f"FAILED: {failure}" for failure in report.failures),
        *([] if report.failures else ["passed"]),
    ]
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    usual = Plan()
    parser = argparse.ArgumentParser("python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--messages", type=int, default=usual.messages, metavar="N")
    parser.add_argument("--kills", type=int, default=usual.kills, metavar="N")
    parser.add_argument("--rate", type=float, default=usual.rate, metavar="R", help="messages per second")
    parser.add_argument("--seed", type=int, default=usual.seed, metavar="N")
    parser.add_argument("--planted-loss", action="store_true", help="a bridge that acknowledges first: this must fail")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the report, for machines")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
