"""Names of exported files."""

import pytest
from google.pubsub_v1.types import pubsub as types

from localcloud.pubsub.exports import files
from localcloud.rpc import pb

Config = pb(types.CloudStorageConfig)
MOMENT = 1_695_615_000.9  # 2023-09-25T04:10:00 UTC


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "p-2023-09-25T04:10:00+00:00_#.s"),
        ("YYYY-MM-DD/hh_mm_ssZ", "p-2023-09-25/04_10_00Z_#.s"),
        ("YY/DD/MM:hhmmss-", "p-23/25/09:041000-#.s"),
        ("YYYY-MM-DDThh_mm_ss/", "p-2023-09-25T04_10_00/#.s"),
    ],
)
def test_a_name_is_prefix_time_and_an_id_of_its_own(text: str, name: str) -> None:
    files.check_datetime_format(text)
    config = Config(filename_prefix="p-", filename_suffix=".s", filename_datetime_format=text)
    first, second = files.name(config, MOMENT), files.name(config, MOMENT)
    before, _, after = name.partition("#")
    assert (first.startswith(before), first.endswith(after)) == (True, True)
    assert len(first) == len(name) - 1 + 12
    assert first != second


@pytest.mark.parametrize(
    "text", ["YY-YYYY-MM-DDhhmmss", "YYYY-MM-DD", "YYYYMMDDhhmmssmm", "YYYYMMDDhhmmssZ+00:00", "YYYYMMDDThhTmmss", "x"]
)
def test_a_format_that_names_no_single_second_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"it needs|only once|other parts"):
        files.check_datetime_format(text)
