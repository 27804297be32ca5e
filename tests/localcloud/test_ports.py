"""Ports for programs that cannot say which one they took."""

import socket

import pytest

from localcloud.ports import HOST, chosen_port, free_port


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server((HOST, free_port())):
        pass


def test_a_free_port_lies_below_those_of_outgoing_connections() -> None:
    assert free_port() < 32_768


def test_a_chosen_port_is_kept_and_zero_takes_a_free_one() -> None:
    port = free_port()
    assert chosen_port(port, "--mqtt-port") == port
    assert chosen_port(0, "--mqtt-port") > 0


def test_a_chosen_port_in_use_names_the_option_to_change() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} is in use: choose another with --mqtt-port"):
            chosen_port(port, "--mqtt-port")
