"""Ports on loopback for programs that cannot say which one they took."""

import random
import socket

HOST = "127.0.0.1"
# Below the range from which Linux takes the ports of outgoing connections (32768 and up): a port there could be taken,
# or connect to itself, by a client that keeps knocking while its server is being started again.
FIRST, LAST = 20_000, 29_999


def free_port() -> int:
    """A port nobody listens on."""
    for _ in range(200):
        port = random.SystemRandom().randint(FIRST, LAST)
        if _is_free(port):
            return port
    raise OSError(f"no free port found between {FIRST} and {LAST}")


def chosen_port(port: int, option: str) -> int:
    """`port` itself, or a free one for 0. Raises OSError when somebody listens there, naming the option to change."""
    if port == 0:
        return free_port()
    if not _is_free(port):
        raise OSError(f"port {port} is in use: choose another with {option}")
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
