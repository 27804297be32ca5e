"""Reading a message fast gives what protobuf gives, whatever was read before."""

from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.attributes import read
from bridge import envelope

ATTRIBUTES = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "", "ü"]), st.text(max_size=3), max_size=6)


@given(messages=st.lists(st.tuples(st.binary(max_size=5), ATTRIBUTES, ATTRIBUTES), max_size=8))
def test_payload_and_attributes_are_protobuf_s_own(
    messages: list[tuple[bytes, dict[str, str], dict[str, str]]],
) -> None:
    for payload, first, more in messages:
        raw = envelope.data(payload) + envelope.attributes(first) + envelope.attributes(more)
        message, attributes = read(raw)
        assert attributes == first | more
        assert message == envelope.parse(raw)
