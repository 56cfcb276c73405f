"""API keys as they come: from a file, wrong in every way, and never shown."""

import pytest
from pydantic import SecretStr

from mojoline.settings import SettingsError
from mojoline.stack.ports import find_free_ports
from serving.api_keys import read_keys
from tests.api.live_server import new_registry, publish, server_process, server_thread
from tests.api.raw_http import RawConnection, head, request
from tests.api.test_server_process import start

KEY = "a-key-of-the-tests"


@pytest.fixture
def registry(tmp_path):
    registry = new_registry(tmp_path)
    publish(registry, "first")
    return registry


def test_keys_may_stand_in_a_file(registry, tmp_path):
    secret = tmp_path / "keys"
    secret.write_text(f"somebody:{KEY}\nother:another-{KEY}\n")
    with server_process(registry, MOJOLINE_API_KEYS_FILE=str(secret)) as server:
        server.wait_ready()
        for key in (KEY, f"another-{KEY}"):
            assert server.predict([{}], **{"X-Api-Key": key}).status_code == 200
        assert server.predict([{}]).status_code == 401
        server.stop()
        assert KEY not in server.said()


def test_what_is_no_key_is_refused_whatever_it_is(registry):
    with server_thread(registry, api_keys=f"somebody:{KEY}") as server:
        server.wait_ready()
        for line in (
            "X-Api-Key: ",
            f"X-Api-Key: {KEY[:-1]}",
            f"X-Api-Key: {KEY} x",
            f"X-Api-Key: {'x' * 60_000}",
            "X-Api-Key: \u00fcml\u00e4ut",
            "Authorization: Bearer",
            "Authorization: Bearer ",
            f"Authorization: {KEY}",
            f"Authorization: Basic {KEY}",
            f"Authorization: Bearer x\r\nX-Api-Key: {KEY}",
            f"Cookie: X-Api-Key={KEY}",
        ):
            with RawConnection(server.ports[0]) as one:
                assert one.send(request(b"{}", line)).refusal() == 401, line
        for path in ("/v2/models", "/metrics", "/model/schema", "/nowhere", "//v2/health/live", "/v2/health"):
            with RawConnection(server.ports[0]) as one:
                assert one.send(head(path=path, method="GET")).refusal() == 401, path
        with RawConnection(server.ports[0]) as one:
            assert one.send(request(b'{"rows": [{}]}', f"authorization: bearer  {KEY}")).answer()[0] == 200


@pytest.mark.parametrize("keys", [f"somebody:{KEY},too:short", KEY, f":{KEY}"])
def test_keys_that_are_none_are_not_shown(keys):
    with pytest.raises(SettingsError, match=r"api_keys\[.\] is not name:key") as caught:
        list(read_keys("api_keys", SecretStr(keys)))
    assert KEY not in str(caught.value)


def test_keys_that_are_none_stop_the_start(registry, tmp_path):
    rest, admin = find_free_ports(2)
    ended = start(
        MOJOLINE_HOME=str(tmp_path / "home"),
        MOJOLINE_REGISTRY_URL=f"file://{registry.root}",
        MOJOLINE_PORTS__REST=str(rest),
        MOJOLINE_PORTS__ADMIN=str(admin),
        MOJOLINE_API_KEYS=f"{KEY}\n",
    )
    assert ended.returncode == 78
    assert "api_keys[0]" in ended.stderr
    assert KEY not in ended.stderr
