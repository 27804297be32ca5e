"""Numbers as people read them."""

import pytest

from director.estimate.units import readable


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.119508, "0.1195"),
        (0.0000216439, "0.00002164"),
        (28.16319, "28.16"),
        (1, "1"),
        (999.96, "1000"),
        (5256000, "5,256,000"),
    ],
)
def test_four_digits_mean_something_and_powers_of_ten_nothing(value: float, text: str) -> None:
    assert readable(value) == text
