"""What becomes of each command: carried out once, told once it is, and refused with a reason where it cannot be."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from director.commands.command import decode
from director.commands.door import MOST_CRASHES, PATIENCE
from director.errors import Rejected, Unavailable
from director.operations.model import Asked, Operation
from director.operations.store import New
from director.provisioning.base import Holding
from director.safety.audit import AuditUnavailable
from director.safety.policy import Grant
from tests.director.commands.conftest import NOW, Hand, command

MANY = {f"k{number}": 1 for number in range(2_001)}


def refusal(hand: Hand) -> tuple[str, str]:
    [(_, refused)] = hand.letters
    return refused.reason, str(refused)


def test_a_setup_is_carried_out_as_an_operation_and_its_end_is_told(hand: Hand, world: Any) -> None:
    given = command()
    assert hand.take(given)
    assert len(world.things) == 7
    [told] = hand.completions
    [operation] = hand.operations
    assert (told["status"], told["value"], told["command_id"]) == ("dataflow_complete", "air", given["command_id"])
    assert (told["operation_id"], told["instruction"]) == (operation.id, "dataflow-setup")
    assert [one["result"] for one in told["resources"]] == ["created"] * 7
    assert (operation.kind, operation.by, operation.request_id) == ("apply", "commands", given["command_id"])
    phases = [(one.phase, one.who, one.way, one.action, one.result) for one in hand.audit()]
    assert phases == [
        ("intent", "commands", "pubsub", "apply", None),
        ("outcome", "commands", "pubsub", "apply", "succeeded"),
    ]
    assert hand.figure("director_commands_received_total") == 1
    done = {"instruction": "dataflow-setup", "status": "dataflow_complete"}
    assert hand.figure("director_commands_completed_total", **done) == 1
    assert hand.letters == []


@pytest.mark.parametrize(
    ("given", "reason", "message"),
    [
        (b"", "invalid_json", "is not JSON"),
        (b"{", "invalid_json", "is not JSON"),
        (b"\xff\xfe", "invalid_json", "is not JSON"),
        (b"[]", "invalid_json", "is not an object"),
        (b'{"v": NaN}', "invalid_json", "is not JSON"),
        (b'{"v": 1, "v": 1}', "invalid_json", "has a key twice"),
        (b'{"v":' + b"[" * 33 + b"]" * 33 + b"}", "invalid_json", "nested more than 32 deep"),
        (json.dumps(MANY).encode(), "invalid_json", "more than 2000 keys"),
        (b'{"v": "' + b"x" * 262_144 + b'"}', "too_large", "more than 262,144 bytes"),
        ({"instruction": "teardown", "payload": {"dataflow_name": "air"}}, "unversioned", 'older form; add "v": 1'),
        (command(v=2), "unversioned", "knows version 1"),
        (command(v=True), "unversioned", "knows version 1"),
        (command(command_id=None), "no_id", "must be 8-64 letters"),
        (command(command_id="x"), "no_id", "must be 8-64 letters"),
        (command(command_id="../../x-y-z-0"), "no_id", "must be 8-64 letters"),
        (command("destroy"), "unknown_instruction", "use one of dataflow-setup, dependent-resource-setup"),
        (command(instruction=["teardown"]), "unknown_instruction", "use one of"),
        (command(issued_at="yesterday"), "invalid_command", "issued_at: write a time"),
        (command(issued_at="2026-01-31T12:00:00"), "invalid_command", "issued_at: write a time"),
        (command(issued_at="9999-12-31T23:59:59-23:00"), "invalid_command", "issued_at: write a time"),
        (command(issued_at=1), "invalid_command", "issued_at: write a time"),
        (command(secret="x"), "invalid_command", "secret: unknown field; remove it"),
        (command(payload={"force": True}), "invalid_command", "payload.force: unknown field"),
        (command() | {"payload": None}, "invalid_command", "payload"),
        (command(dataflow=""), "invalid_command", "payload.dataflow_name: '' is no name"),
        (command(dataflow="../air"), "invalid_command", "payload.dataflow_name: '../air' is no name"),
        (command(payload={"plan_hash": "x"}), "invalid_command", "payload.plan_hash"),
        (command(payload={"scope": {}}), "invalid_command", "name a service or a resource"),
        (command(payload={"service_urls": {}}), "invalid_command", "payload.service_urls: unknown field"),
        (command("dependent-resource-setup"), "invalid_command", "payload.service_urls: is missing; add it"),
        (
            command("dependent-resource-setup", payload={"service_urls": {"bridge": "http://169.254.169.254/"}}),
            "invalid_command",
            "is no address of a service; use https://HOST",
        ),
        (command("verify", payload={"scope": {"resource": "topics/x"}}), "invalid_command", "a service is verified"),
        (command("teardown"), "invalid_command", "needs a plan_hash, or confirm with the name"),
        (command("teardown", payload={"confirm": "water"}), "invalid_command", "needs a plan_hash, or confirm"),
        (command(dataflow="all"), "unknown_dataflow", "no name stands for all of them"),
        (command(dataflow="fire"), "unknown_dataflow", "no dataflow 'fire' here"),
        (command("teardown", payload={"confirm": "air"}), "forbidden", "commands may not teardown dataflow 'air'"),
        (command(issued_at="2026-01-31T11:54:59Z"), "expired", "5m1s lie between when it was issued"),
        (command(issued_at="2026-01-31T12:06:00Z"), "expired", "set the clocks, then send a new one"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_command_is_a_dead_letter_with_the_reason(
    hand: Hand, world: Any, given: Any, reason: str, message: str
) -> None:
    assert hand.take(given), "it is done with: it would never be another"
    assert refusal(hand)[0] == reason
    assert message in refusal(hand)[1]
    assert world.things == {}
    assert hand.figure("director_commands_dead_lettered_total", reason=reason) == 1
    assert [one["status"] for one in hand.completions] in ([], ["failure"])
    assert hand.operations == []


def test_what_is_foreign_is_refused_like_what_is_absent(hand: Hand) -> None:
    for dataflow in ("all", "fire"):
        hand.take(command(dataflow=dataflow))
    assert [(one.phase, one.result, one.dataflow) for one in hand.audit()] == [
        ("refusal", "unknown_dataflow", "all"),
        ("refusal", "unknown_dataflow", "fire"),
    ]


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_command_that_waited_too_long_or_a_clock_that_is_wrong_is_told_to_its_sender(
    hand: Hand, minutes: int
) -> None:
    hand.now = NOW + timedelta(minutes=minutes)
    given = command()
    assert hand.take(given)
    reason, message = refusal(hand)
    assert (reason, "the director's clock" in message, "clock of the sender" in message) == ("expired", True, True)
    [told] = hand.completions
    assert (told["command_id"], told["status"], told["code"]) == (given["command_id"], "failure", "expired")
    assert told["operation_id"] is None


@pytest.mark.parametrize("seconds", [-10, 10, 299])
def test_clocks_may_differ_a_little(hand: Hand, seconds: int) -> None:
    hand.now = NOW + timedelta(seconds=seconds)
    assert hand.take(command())
    assert hand.completions[0]["status"] == "dataflow_complete"


def test_the_same_command_is_carried_out_once_and_its_end_told_each_time(hand: Hand, world: Any) -> None:
    given = command()
    for _ in range(5):
        assert hand.take(given)
    assert len(world.created) == 7
    assert [one == hand.completions[0] for one in hand.completions] == [True] * 5
    assert len(hand.operations) == 1
    assert len(hand.audit()) == 2


def test_a_delivery_long_after_it_was_accepted_is_told_its_end_and_a_copy_is_refused(hand: Hand) -> None:
    """Pub/Sub delivers the message of then; whoever publishes its content anew makes another message of it."""
    given = command()
    hand.take(given)
    hand.now = NOW + timedelta(days=1)
    assert hand.take(given)
    assert hand.completions[1] == hand.completions[0]
    assert hand.take(given, published=hand.now)
    assert refusal(hand)[0] == "expired"
    assert len(hand.completions) == 2, "whoever waits for the first has its end"


def test_a_renewed_time_is_no_other_command_but_everything_else_is(hand: Hand, world: Any) -> None:
    given = command()
    hand.take(given)
    assert hand.take({**given, "issued_at": "2026-01-31T12:01:00Z"})
    assert hand.letters == []
    assert hand.take({**given, "payload": {"dataflow_name": "control"}})
    assert hand.take({**given, "instruction": "verify"})
    assert [refused.reason for _, refused in hand.letters] == ["id_reused", "id_reused"]
    assert len(hand.completions) == 2, "nobody is told of another's command"
    assert len(world.created) == 7


def test_duplicates_at_once_are_one_operation(hand: Hand, world: Any) -> None:
    given, ends = command(), []
    threads = [threading.Thread(target=lambda: ends.append(hand.take(given))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert ends == [True] * 4
    assert len(world.created) == 7
    assert len({one["event_id"] for one in hand.completions}) == 1


def test_a_part_is_set_up_and_a_plan_binds(hand: Hand, world: Any) -> None:
    plan = hand.room.director.plan("air", service="bridge")
    assert hand.take(command(payload={"scope": {"service": "bridge"}, "plan_hash": plan.hash}))
    assert len(world.things) == 1
    assert hand.take(command(payload={"plan_hash": plan.hash}))
    told = hand.completions[1]
    assert (told["status"], told["code"]) == ("failure", "moved")
    assert "no longer fits" in told["error_message"]
    assert hand.take(command(payload={"scope": {"resource": "topics/absent"}}))
    assert (hand.completions[2]["code"], hand.letters) == ("no_such_part", [])


def test_a_verification_says_what_is_missing(hand: Hand) -> None:
    assert hand.take(command("verify"))
    told = hand.completions[0]
    assert (told["status"], told["code"]) == ("failure", "not_as_wanted")
    assert {one["result"] for one in told["resources"]} == {"missing"}
    assert "and 4 more" in told["error_message"]
    hand.take(command())
    assert hand.take(command("verify"))
    assert hand.completions[2]["status"] == "dataflow_complete"


class TestDependent:
    @pytest.fixture
    def managed(self, managed: Path) -> Path:
        """With a job that calls a service, whose address nobody knows before it is deployed."""
        job = "{name: nightly, schedule: 0 3 * * *, target_service: bridge, service_account: nightly-sa}"
        text = managed.read_text().replace(
            "      topics:\n", f"      cloud_scheduler_jobs: [{job}]\n      topics:\n", 1
        )
        managed.write_text(text)
        return managed

    def test_what_calls_a_service_is_made_once_its_address_is_given(self, hand: Hand, world: Any) -> None:
        assert hand.take(command())
        assert hand.completions[0]["value"] == "air"
        assert not [key for key in world.things if key[0] == "cloud_scheduler_jobs"]
        urls = {"bridge": "https://bridge-x.a.run.app"}
        assert hand.take(command("dependent-resource-setup", payload={"service_urls": urls}))
        assert (hand.completions[1]["status"], hand.completions[1]["value"]) == ("dataflow_complete", "air-dependent")
        assert [key for key in world.things if key[0] == "cloud_scheduler_jobs"]

    def test_an_address_of_no_service_is_a_failure(self, hand: Hand, world: Any) -> None:
        urls = {"absent": "https://x.example"}
        assert hand.take(command("dependent-resource-setup", payload={"service_urls": urls}))
        assert (hand.completions[0]["code"], world.things) == ("no_such_part", {})


class TestGranted:
    @pytest.fixture
    def grants(self) -> tuple[Grant, ...]:
        return (Grant(identity="commands", role="admin", dataflows=("air",)),)

    def test_a_teardown_that_is_granted_and_confirmed_deletes(self, hand: Hand, world: Any) -> None:
        hand.take(command())
        assert hand.take(command("teardown", payload={"confirm": "air"}))
        assert (hand.completions[1]["status"], world.things) == ("dataflow_complete", {})

    def test_data_is_only_lost_by_name(self, hand: Hand, world: Any) -> None:
        hand.take(command())
        [bucket] = [key for key in world.things if key[0] == "gcs_buckets"]
        world.data[bucket] = Holding("objects")
        assert hand.take(command("teardown", payload={"confirm": "air"}))
        assert (hand.completions[1]["code"], len(world.things)) == ("refused", 7)
        assert hand.take(command("teardown", payload={"confirm": "air", "force_data_loss": [bucket[1]]}))
        assert (hand.completions[2]["status"], world.things) == ("dataflow_complete", {})

    def test_what_is_not_granted_is_unknown(self, hand: Hand) -> None:
        hand.take(command(dataflow="control"))
        assert refusal(hand)[0] == "unknown_dataflow"


def test_a_completion_that_cannot_be_published_is_tried_again(hand: Hand, world: Any) -> None:
    hand.outbox.failing = [Unavailable("away"), Rejected("no right to publish"), Unavailable("away")]
    assert hand.take(command())
    assert len(hand.completions) == 1
    assert len(world.created) == 7


def test_a_dead_letter_that_cannot_be_written_is_tried_again(hand: Hand) -> None:
    hand.outbox.failing = [Unavailable("away")] * 3
    assert hand.take(b"{")
    assert refusal(hand)[0] == "invalid_json"


def test_what_cannot_be_told_before_the_end_of_the_process_comes_again_and_is_told_then(hand: Hand, world: Any) -> None:
    given = command()

    class Stopping(list[Exception]):
        def pop(self, index: Any = -1) -> Exception:
            hand.stopping = True
            return super().pop(index)

    hand.outbox.failing = Stopping([Unavailable("away")])
    assert not hand.take(given)
    assert (hand.completions, len(world.created)) == ([], 7)
    hand.stopping = False
    assert hand.take(given)
    assert len(hand.completions) == 1
    assert len(world.created) == 7


def test_a_command_waits_for_an_operation_of_the_other_door(
    hand: Hand, world: Any, eventually: Callable[..., None]
) -> None:
    go_on = threading.Event()

    def work(progress: Any, operation: str) -> list[Any]:
        assert go_on.wait(10)
        return []

    hand.room.operations.begin(Asked("apply", "air", "anna", "r-1"), work, lambda one: True, lambda final: None)
    taking = threading.Thread(target=hand.take, args=(command(),))
    taking.start()
    eventually(lambda: any(one.who == "commands" for one in hand.audit()))
    assert world.things == {}
    go_on.set()
    taking.join(20)
    assert hand.completions[0]["status"] == "dataflow_complete"
    assert [one.result for one in hand.audit()] == [None, "succeeded"]


def test_what_fails_for_a_passing_reason_is_done_again_until_it_is_too_late(hand: Hand, world: Any) -> None:
    failures = [Unavailable("away")] * 3

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if call == "observe" and failures:
            raise failures.pop()

    world.strike = strike
    assert hand.take(command())
    assert [one["status"] for one in hand.completions] == ["dataflow_complete"]
    assert len(hand.operations) == 4
    failures = [Unavailable("away")] * 100
    given = command()
    hand.now = NOW + timedelta(minutes=4)

    def later(call: str, key: tuple[str, str], when: str) -> None:
        hand.now += PATIENCE / 3
        strike(call, key, when)

    world.strike = later
    assert hand.take(given)
    assert (hand.completions[1]["status"], hand.completions[1]["code"]) == ("failure", "cloud_unavailable")


def test_a_stop_in_the_middle_leaves_the_command_to_another_which_completes_it(
    hand: Hand, world: Any, eventually: Callable[..., None]
) -> None:
    go_on = threading.Event()

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if call == "create" and when == "before" and len(world.created) == 3:
            assert go_on.wait(10)

    world.strike = strike
    given, ends = command(), []
    taking = threading.Thread(target=lambda: ends.append(hand.take(given)))
    taking.start()
    eventually(lambda: len(world.created) == 3)
    hand.stopping = True
    closing = threading.Thread(target=hand.room.operations.close, args=(10,))
    closing.start()
    go_on.set()
    closing.join(20)
    taking.join(20)
    assert (ends, hand.completions) == ([False], [])
    [cut_short] = hand.operations
    assert cut_short.state == "interrupted"
    world.strike = lambda call, key, when: None
    other = hand.next()
    other.now += timedelta(minutes=20)  # it was accepted in its time
    assert other.take(given)
    assert [one["status"] for one in other.completions] == ["dataflow_complete"]
    assert len(world.created) == 7


def test_a_command_that_ends_every_director_is_given_up(hand: Hand, world: Any) -> None:
    """Each time, the process is gone before the operation is over."""
    given = command()
    known = decode(json.dumps(given).encode())
    for number in range(MOST_CRASHES):
        begun = Operation(
            id=f"op-{number}", kind="apply", dataflow="air", state="running", by="commands", request_id="r", created=""
        )
        text = begun.model_dump_json()
        assert hand.store.add(New(begun.id, "air", "r", text, "other", known.key, known.body), 0.0) is None
        assert len(hand.room.operations.recover()) == 1
    assert hand.take(given)
    assert refusal(hand)[0] == "gave_up"
    assert hand.completions[0]["code"] == "gave_up"
    assert world.things == {}


def test_nothing_is_done_that_cannot_be_recorded(hand: Hand, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [AuditUnavailable("full")] * 2
    append = hand.records.append

    def full(line: bytes) -> None:
        assert world.things == {} or not failures
        if failures:
            raise failures.pop()
        append(line)

    monkeypatch.setattr(hand.records, "append", full)
    assert hand.take(command())
    assert len(world.things) == 7


def test_an_error_of_our_own_is_a_dead_letter_and_not_an_endless_round(
    hand: Hand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hand.room.operations, "known", lambda key: 1 / 0)
    assert hand.take(command())
    reason, message = refusal(hand)
    assert (reason, "division" in message, "division" in caplog.text) == ("failed", False, True)


def test_a_cancelled_operation_is_a_failure_and_not_begun_anew(
    hand: Hand, world: Any, eventually: Callable[..., None]
) -> None:
    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if call == "create" and when == "after" and len(world.created) == 1:
            [running] = hand.operations
            hand.room.operations.cancel(running.id)

    world.strike = strike
    given = command()
    assert hand.take(given)
    assert hand.take(given)
    assert [(one["status"], one["code"]) for one in hand.completions] == [("failure", "cancelled")] * 2
    assert len(world.created) == 1
