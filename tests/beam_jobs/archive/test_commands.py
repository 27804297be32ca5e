"""The entry points: cheap to import, and they say what is wrong with what they are given."""

import subprocess
import sys
from typing import Any

import pytest

from beam_jobs.archive.replay.__main__ import main
from tests.beam_jobs.archive.conductors import conduct
from tests.beam_jobs.archive.envelopes import archived
from tests.beam_jobs.archive.parts import message

HEAVY = ("apache_beam", "google.cloud.storage", "google.pubsub_v1", "pyarrow", "duckdb", "rich", "pydantic")


def test_listing_commands_imports_nothing_that_takes_long() -> None:
    program = "import sys, beam_jobs.archive.commands; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout.split()
    assert not [name for name in HEAVY if name in loaded]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["archive", "verify", "bucket/archive"], "write gs://BUCKET/PREFIX"),
        (["archive", "compact", "gs://bucket/archive", "--target-bytes", "-1"], "is no number from 1 on"),
        (["archive", "compact", "gs://bucket/archive", "--keep", "soon"], "write a duration"),
        (["archive", "verify", "gs://bucket/archive", "--table", "t"], "PROJECT.DATASET.TABLE"),
        (["archive", "query", "gs://bucket/archive"], "sql"),
        (["replay", "gs://bucket/archive", "--topic", "t"], "projects/PROJECT/topics/NAME"),
        (["replay"], "say which archive"),
        (["replay", "gs://bucket/archive"], "say where to"),
        (["replay", "gs://bucket/archive", "--replay-id", "../x"], "an id has letters"),
    ],
)
def test_bad_input_is_told_in_its_own_words(words: list[str], said: str, capsys: Any) -> None:
    assert conduct(*words) == 2
    assert said in capsys.readouterr().err


def test_the_module_gives_beam_what_it_does_not_know(
    bucket: Any, topics: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    archived(bucket.name, [message("1")])
    topic = topics()
    words = ["replay", f"gs://{bucket.name}/archive", "--topic", topic.name]
    monkeypatch.setattr(sys, "argv", [*words, "--engine", "direct", "--direct_num_workers=1", "--replay-id", "mine"])
    assert main() == 0
    assert [one.attributes["replay.id"] for one in topic.take()] == ["mine"]
    monkeypatch.setattr(sys, "argv", [*words, "--direct_num_workers=1"])
    with pytest.raises(SystemExit):
        main()
    assert "Beam's options go with --engine" in capsys.readouterr().err
