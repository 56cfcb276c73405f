"""A taken port is answered with who holds it."""

import os
import socket

import pytest

from mojoline.stack.errors import StackError
from mojoline.stack.ports import find_free_ports, find_port_holder, port_is_free, shorten
from mojoline.stack.service import require_port


def test_a_free_port_has_no_holder():
    [port] = find_free_ports(1)
    assert port_is_free(port)
    assert find_port_holder(port) is None
    require_port("api", "ports.rest", port)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - a holder on all interfaces
def test_the_holder_is_named_with_the_way_out(address):
    with socket.create_server((address, 0)) as server:
        port = server.getsockname()[1]
        holder = find_port_holder(port)
        assert holder is not None
        assert holder.pid == os.getpid()
        with pytest.raises(StackError) as caught:
            require_port("api", "ports.rest", port)
    for part in (
        f"port {port}",
        f"pid {os.getpid()}",
        "python",
        "MOJOLINE_PORTS__REST",
    ):
        assert part in str(caught.value)


def test_a_closed_connection_does_not_hold_its_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        peer, _ = server.accept()
        peer.close()  # the server's side closes first and stays in TIME_WAIT
        client.close()
    assert port_is_free(port)


def test_long_commands_are_cut():
    assert shorten("x" * 300, 10) == "x" * 7 + "..."
    assert shorten("short", 10) == "short"
