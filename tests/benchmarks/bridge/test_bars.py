"""What ours must reach in the race, whoever of the others could take part."""

from benchmarks.bridge import P99, bars

OURS = {"msg/s": 120_000.0, "msg/CPU-s": 320_000.0, P99: 4.0, "growth %": 1.0}
FAST = {"msg/s": 40_000.0, "msg/CPU-s": 20_000.0, P99: 9.0}
SLOW = {"msg/s": 9_000.0, "msg/CPU-s": 40_000.0, P99: 4.0}
RECEIVER = {"msg/s": 100_000.0, "msg/CPU-s": 110_000.0}
ROWS = {"ours": OURS, "ours, MQTT 3.1.1": OURS, "fast": FAST, "slow": SLOW, "mosquitto_sub": RECEIVER}


def test_ours_is_held_against_the_best_of_the_others_in_each_respect() -> None:
    assert [(bar.value, bar.ok) for bar in bars(ROWS)] == [
        (3.0, True),
        (8.0, True),
        (1.2, True),
        (1.0, True),
        (1.0, True),
    ]


def test_without_the_receiver_its_bar_falls_short() -> None:
    rows = {who: row for who, row in ROWS.items() if who != "mosquitto_sub"}
    assert [bar.ok for bar in bars(rows)] == [True, True, False, True, True]


def test_without_any_other_no_bar_against_others_is_reached() -> None:
    assert [bar.ok for bar in bars({"ours": OURS})] == [False, False, False, False, True]
