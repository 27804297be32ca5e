"""Who was aborted gets its turn, first come first served."""

import asyncio
from collections.abc import Coroutine

from localcloud.firestore.turns import Turns


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(story: Coroutine[None, None, None]) -> None:
    asyncio.run(story)


def test_a_free_name_is_had_at_once_and_then_held() -> None:
    async def story() -> None:
        turns = Turns(Time())
        turns.contended("xy")
        await turns.take(b"1", {"x", "y"})
        assert turns.others_hold({"y"}, b"2")
        assert not turns.others_hold({"y"}, b"1")
        turns.free(b"1")
        assert not turns.others_hold({"x", "y"}, b"2")

    run(story())


def test_turns_are_had_in_the_order_they_were_asked_for() -> None:
    async def story() -> None:
        turns, had = Turns(Time()), []
        turns.contended("xyz")

        async def want(owner: bytes, *names: str) -> None:
            await turns.take(owner, names)
            had.append(owner)

        wanting = []
        for owner, names in ((b"1", "x"), (b"2", "xy"), (b"3", "y"), (b"4", "z")):
            wanting.append(asyncio.create_task(want(owner, *names)))
            await asyncio.sleep(0)
        for owner in (b"1", b"2", b"3"):
            while owner not in had:
                await asyncio.sleep(0)
            turns.free(owner)
        await asyncio.gather(*wanting)
        assert had == [b"1", b"4", b"2", b"3"]

    run(story())


def test_a_holder_who_sleeps_is_passed_over() -> None:
    async def story() -> None:
        time = Time()
        turns = Turns(time)
        turns.contended("x")
        await turns.take(b"1", {"x"})
        time.now = 6.0
        assert not turns.others_hold({"x"}, b"2")
        await turns.take(b"2", {"x"})
        assert turns.others_hold({"x"}, b"1")
        turns.free(b"1")
        assert turns.others_hold({"x"}, b"1")

    run(story())


def test_who_stops_waiting_makes_room() -> None:
    async def story() -> None:
        turns = Turns(Time())
        turns.contended("xy")
        await turns.take(b"1", {"x"})
        waiting = asyncio.create_task(turns.take(b"2", {"x", "y"}))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await turns.take(b"3", {"y"})
        assert turns.others_hold({"y"}, b"1")

    run(story())


def test_names_that_nobody_fights_for_need_no_turn() -> None:
    async def story() -> None:
        time = Time()
        turns = Turns(time)
        await turns.take(b"1", {"x"})
        assert not turns.others_hold({"x"}, b"2")
        turns.contended("x")
        time.now = 11.0
        await turns.take(b"1", {"x"})
        assert not turns.others_hold({"x"}, b"2")

    run(story())


def test_who_has_a_turn_does_not_wait_for_another() -> None:
    async def story() -> None:
        turns = Turns(Time())
        turns.contended("xy")
        await turns.take(b"1", {"x"})
        await turns.take(b"2", {"y"})
        await turns.take(b"1", {"y"})
        await turns.take(b"2", {"x"})
        assert turns.others_hold({"x"}, b"2")

    run(story())
