"""Labels that people put on channels and policies. https://cloud.google.com/monitoring/api/ref_v3/rpc"""

import re
from collections.abc import Iterator, Mapping

MOST = 64
_KEY, _VALUE = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII), re.compile(r"[a-z0-9_-]{0,63}", re.ASCII)


def faults(labels: Mapping[str, str]) -> Iterator[str]:
    if len(labels) > MOST:
        yield f"user_labels: at most {MOST} are allowed"
    for key, value in labels.items():
        if not (_KEY.fullmatch(key) and _VALUE.fullmatch(value)):
            yield f"user_labels: {key}={value} is not of lower-case letters, digits, '_' and '-'"
