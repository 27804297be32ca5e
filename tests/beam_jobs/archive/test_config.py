"""Folders that cannot be are refused before anything is written."""

from typing import Any

import pytest

from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.config import parse_flags
from director.strict import DocumentError

FLAGS = ["--subscription=projects/p/subscriptions/s", "--dead_letter_topic=projects/p/topics/d", "--bucket=bucket"]


def told(*flags: str) -> ArchiveConfig:
    return parse_flags([*FLAGS, *flags], ArchiveConfig, "archive").config


def test_without_more_messages_are_grouped_by_date_and_location() -> None:
    made = told()
    assert made.folders == "archive/date={date}/location={attributes.device.location}"
    assert (made.format, made.flush_messages, made.flush_bytes, made.flush_seconds) == (
        "jsonl.gz",
        5_000,
        16_000_000,
        60,
    )


@pytest.mark.parametrize(
    ("flags", "folders"),
    [
        (["--template={date}/{hour}/{ce-type}", "--prefix=a/b"], "a/b/{date}/{hour}/{ce-type}"),
        (['--key=["priority"]'], "archive/date={date}/priority={attributes.priority}"),
        (["--key=[]"], "archive/date={date}"),
    ],
)
def test_folders_follow_key_or_template(flags: list[str], folders: str) -> None:
    assert told(*flags).folders == folders


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--template={date}/{place}"], r"template: .*unknown place \{place\}; write date, hour, an attribute"),
        (["--template={ce-type}"], r"template: .*has no \{date\}"),
        (["--template={date}", '--key=["ce-type"]'], "template and key: give one of them"),
        (['--key=["a b"]'], "between places write letters"),
        ([f"--template={{date}}/{'{ce-type}/' * 9}x"], r"could have 1\d+ bytes, and 1024 are allowed"),
        (["--format=csv"], "format"),
        (["--shards=0"], "shards"),
        (["--flush_seconds=0"], "flush_seconds"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(flags: list[str], problem: str) -> None:
    with pytest.raises(DocumentError, match=problem):
        told(*flags)


def test_every_field_says_what_it_is_for() -> None:
    fields: dict[str, Any] = ArchiveConfig.model_fields
    assert [name for name, info in fields.items() if not info.description] == ["subscription", "dead_letter_topic"]
