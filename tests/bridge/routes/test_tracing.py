"""Trace context is passed on where it is as the W3C writes it, and left alone where it is not."""

import pytest

from bridge.routes.tracing import trace_context

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("parent", "valid"),
    [
        (PARENT, True),
        ("cc" + PARENT[2:], True),
        ("cc" + PARENT[2:] + "-what-the-future-will-be", True),
        (PARENT + "-more", False),
        ("ff" + PARENT[2:], False),
        (PARENT.upper(), False),
        (PARENT[:-1], False),
        (PARENT + "0", False),
        (" " + PARENT, False),
        (PARENT + "\n", False),
        ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01", False),
        ("cc" + PARENT[2:] + "-" + "x" * 1_024, False),
        ("", False),
    ],
)
def test_a_parent_is_taken_as_the_specification_writes_it(parent: str, valid: bool) -> None:
    assert trace_context([("traceparent", parent)]) == ({"traceparent": parent} if valid else {})


@pytest.mark.parametrize(
    ("state", "valid"),
    [
        ("rojo=00f067aa0ba902b7", True),
        ("rojo=1,congo=t61rcWkgMzE", True),
        ("rojo=1 , ,\tcongo=2", True),
        ("0tenant@system=x y", True),
        ("a=" + "v" * 256, True),
        ("", False),
        (",", False),
        ("rojo", False),
        ("rojo=", False),
        ("Rojo=1", False),
        ("0rojo=1", False),
        ("a=1=2", False),
        ("a=\u00e9", False),
        ("a=" + "v" * 257, False),
        ("a=1,a=2", False),
        (",".join(f"k{number}=1" for number in range(33)), False),
        (",".join(f"k{number}={'v' * 200}" for number in range(6)), False),
    ],
)
def test_a_state_is_taken_as_the_specification_writes_it(state: str, valid: bool) -> None:
    context = trace_context([("traceparent", PARENT), ("tracestate", state)])
    assert context == {"traceparent": PARENT} | ({"tracestate": state} if valid else {})


def test_a_state_without_a_valid_parent_is_left_alone() -> None:
    assert trace_context([("tracestate", "a=1")]) == {}
    assert trace_context([("traceparent", "nonsense"), ("tracestate", "a=1")]) == {}


def test_two_parents_are_no_parent_and_two_states_are_one() -> None:
    assert trace_context([("traceparent", PARENT), ("traceparent", PARENT)]) == {}
    two = [("tracestate", "a=1"), ("traceparent", PARENT), ("tracestate", "b=2")]
    assert trace_context(two) == {"traceparent": PARENT, "tracestate": "a=1,b=2"}
