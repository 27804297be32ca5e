"""What a check of the doctor found: fine, doubtful or broken, and what to do about it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """`fix` is empty where there is nothing to do."""

    name: str
    state: Literal["ok", "warning", "failed"]
    words: str
    fix: str = ""


def ok(name: str, words: str) -> Check:
    return Check(name, "ok", words)


def warning(name: str, words: str, fix: str) -> Check:
    return Check(name, "warning", words, fix)


def failed(name: str, words: str, fix: str) -> Check:
    return Check(name, "failed", words, fix)
