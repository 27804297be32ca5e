"""Faults strike the calls they describe, as often as they say, and leave a log."""

import asyncio
import time

import pytest

from localcloud.faults import Call, Decision, Fault, Faults, Struck

PUBLISH = Call("pubsub.Publish", "projects/p/topics/t", lambda: b"the poison message")
PULL = Call("pubsub.Pull", "projects/p/subscriptions/s")


def outcomes(faults: Faults, *calls: Call) -> list[str]:
    """`ok`, or the code that struck, before or after."""
    return [asyncio.run(outcome(faults, call)) for call in calls]


async def outcome(faults: Faults, call: Call) -> str:
    try:
        await faults.before(call)
        await faults.after(call)
    except Struck as struck:
        return struck.fault.code
    return "ok"


def test_without_faults_every_call_passes() -> None:
    assert outcomes(Faults(), PUBLISH, PULL) == ["ok", "ok"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(method="pubsub.Publish"), ["UNAVAILABLE", "ok"]),
        (Fault(method="pubsub.*", code="NOT_FOUND"), ["NOT_FOUND", "NOT_FOUND"]),
        (Fault(resource="*/subscriptions/s"), ["ok", "UNAVAILABLE"]),
        (Fault(marker="poison"), ["UNAVAILABLE", "ok"]),
        (Fault(when="after", method="*.Pull"), ["ok", "UNAVAILABLE"]),
    ],
)
def test_method_resource_and_marker_choose_the_calls(fault: Fault, expected: list[str]) -> None:
    faults = Faults()
    faults.add(fault)
    assert outcomes(faults, PUBLISH, PULL) == expected


def test_a_count_of_calls_is_used_up() -> None:
    faults = Faults()
    faults.add(Fault(calls=2))
    assert outcomes(faults, *[PUBLISH] * 4) == ["UNAVAILABLE", "UNAVAILABLE", "ok", "ok"]
    assert faults.active()[0]["left"] == 0


def test_a_share_strikes_the_same_calls_every_time() -> None:
    def struck() -> list[str]:
        faults = Faults()
        faults.add(Fault(share=0.3, seed=7))
        return outcomes(faults, *[PUBLISH] * 100)

    assert struck() == struck()
    assert 15 < struck().count("UNAVAILABLE") < 45


def test_a_delay_lets_the_call_pass_later() -> None:
    faults = Faults()
    faults.add(Fault(action="delay", seconds=0.05))
    start = time.monotonic()
    assert outcomes(faults, PUBLISH) == ["ok"]
    assert time.monotonic() - start >= 0.05


def test_a_hanging_call_goes_on_when_the_fault_is_removed() -> None:
    faults = Faults()
    number = faults.add(Fault(action="hang"))

    async def scenario() -> str:
        call = asyncio.create_task(outcome(faults, PUBLISH))
        done, _ = await asyncio.wait([call], timeout=0.05)
        assert not done
        faults.remove(number)
        return await asyncio.wait_for(call, timeout=5)

    assert asyncio.run(scenario()) == "ok"


def test_removed_and_cleared_faults_strike_no_more() -> None:
    faults = Faults()
    number = faults.add(Fault(code="ABORTED"))
    faults.add(Fault(code="INTERNAL"))
    faults.remove(number)
    assert outcomes(faults, PUBLISH) == ["INTERNAL"]
    faults.clear()
    assert outcomes(faults, PUBLISH) == ["ok"]
    assert faults.active() == []


def test_every_strike_is_logged() -> None:
    faults = Faults()
    number = faults.add(Fault(method="pubsub.Publish", action="reset"))
    outcomes(faults, PUBLISH, PULL)
    assert faults.log == [Decision(number, "pubsub.Publish", "projects/p/topics/t", "reset", "before")]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"action": "explode"}, "action"),
        ({"when": "during"}, "when"),
        ({"code": "OK"}, "code"),
        ({"share": 0.0}, "share"),
        ({"calls": 0}, "calls"),
        ({"seconds": -1.0}, "seconds"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Fault(**wrong)  # type: ignore[arg-type]
