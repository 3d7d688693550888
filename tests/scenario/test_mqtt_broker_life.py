# SPDX-License-Identifier: Apache-2.0
"""The life of the embedded broker: it runs without privileges, comes back when it is killed, never outlives the server,
and what it cannot start with is said."""
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile

import pytest

from conftest import Reeved, binary, wait_for
from mqtt_fixtures import PATIENCE_S, Client, broker_pid, children, gone, make_devices, metric, mqtt_url, unprivileged


@pytest.fixture
def mqtt(reeved_factory):
    return reeved_factory("--mqtt", "embedded:0")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_off_by_default(reeved):
    assert len(reeved.ready_line.split()) == 3
    assert not children(reeved.process.pid)
    assert not (reeved.data / "mqtt").exists()
    assert reeved.session().get("/mqtt/v1/jwks").status_code == 404


def test_unprivileged_and_no_orphan_after_sigterm(mqtt):
    pid = broker_pid(mqtt)
    assert unprivileged(pid)
    fds = os.listdir("/proc/%d/fd" % pid)
    targets = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in fds]
    assert not [t for t in targets if "store.sqlite" in t or "/keys/" in t], targets
    mqtt.stop()
    assert gone(pid)


def test_server_killed_takes_the_broker_along(mqtt):
    devices = make_devices(mqtt, ["A"])
    pid = broker_pid(mqtt)
    mqtt.kill()
    wait_for(lambda: gone(pid), PATIENCE_S, "the broker to end")
    mqtt.start()
    Client(mqtt_url(mqtt), "A", devices["A"][1]).ok().end()


def test_killed_over_and_over_on_one_port(reeved_factory):
    """The next server waits for the broker of the one before, and gets its port."""
    server = reeved_factory("--mqtt", "embedded:%d" % free_port())
    url = mqtt_url(server)
    for _ in range(3):
        server.kill()
        server.start()
        assert mqtt_url(server) == url


def test_broker_killed_comes_back(mqtt):
    devices = make_devices(mqtt, ["A", "B"])
    url = mqtt_url(mqtt)
    a = Client(url, "A", devices["A"][1], reconnect=True).ok()
    for n in (2, 3):
        pid = broker_pid(mqtt)
        os.kill(pid, signal.SIGKILL)
        a.wait(lambda: len(a.codes) >= n, "the client to be back")  # on the same port, with the same rights
        assert a.codes[-1] == 0 and broker_pid(mqtt) != pid
        assert a.subscribe("0/agent/A/#") == 1 and a.subscribe("0/agent/B/#") == 128
    a.end()
    assert metric(mqtt, "reeve_mqtt_restarts_total") == 2


def test_change_while_the_broker_is_down(mqtt):
    """Rights are read from the store at each start, so nothing that happened meanwhile is missing."""
    devices = make_devices(mqtt, ["A", "B"])
    url = mqtt_url(mqtt)
    pid = broker_pid(mqtt)
    os.kill(pid, signal.SIGSTOP)
    assert mqtt.admin().post("/api/v1/devices/%d/unenroll" % devices["A"][0]).status_code in (200, 204)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: children(mqtt.process.pid) not in ([], [pid]), PATIENCE_S, "another broker")
    wait_for(lambda: metric(mqtt, "reeve_mqtt_accounts") == 1, PATIENCE_S, "its accounts")
    b = Client(url, "B", devices["B"][1], reconnect=True)  # it is let in when what is retained was compared
    b.wait(lambda: b.codes, "to be let in").ok().end()
    assert Client(url, "A", devices["A"][1]).code() == 5


@pytest.mark.parametrize("content", [b"\x00\xb5\x00mosquitto db" + b"\xff" * 200, b"nonsense" * 50, b""])
def test_what_it_kept_is_garbage(mqtt, content):
    devices = make_devices(mqtt, ["A"])
    mqtt.stop()
    (mqtt.data / "mqtt" / "mosquitto.db").write_bytes(content)
    mqtt.start()
    Client(mqtt_url(mqtt), "A", devices["A"][1]).ok().end()


def test_port_in_use(reeved_factory):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        server = reeved_factory("--mqtt", "embedded:%d" % port, start=False)
        done = subprocess.run(server.command(), env=server.env, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert "MQTT on 127.0.0.1 port %d: Address already in use" % port in done.stderr


def test_long_path(reeved_factory, tmp_path):
    """The Unix socket's address has room for 107 bytes; a data folder may be anywhere."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    server = reeved_factory("--mqtt", "embedded:0", data=folder / "d")
    assert broker_pid(server)


def test_hostile_bytes(mqtt):
    """Whatever is no MQTT does not end the broker."""
    host, port = mqtt_url(mqtt).split("://")[1].rsplit(":", 1)
    pid = broker_pid(mqtt)
    for blob in (b"GET / HTTP/1.1\r\n\r\n", b"\x10" + b"\xff" * 200, b"\x00" * 1000, b"\x10\x0c\x00\x04MQTT\x04\xc2\x00\x3c\x00\x00",
                 b"\x10\x0e\x00\x06MQIsdp\x03\x00\x00\x3c\x00\x00", b"\xe0\x00" * 500):
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as s:
            try:
                s.sendall(blob)
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
            except OSError:  # it may close before it has read everything
                pass
    assert broker_pid(mqtt) == pid


class AsNobody(Reeved):
    def command(self):
        """Of copies: nobody may be kept out of the folder that we were built in."""
        programs = self.data.parent
        for name in ("reeved", "reeve-broker.so"):
            shutil.copy(binary(name), programs / name)
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", str(programs / "reeved")] + super().command()[1:]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_server_without_privileges():
    """As a service runs: then the broker has the server's user."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="reeve-nobody-"))
    try:
        os.chown(folder, 65534, 65534)
        server = AsNobody(folder / "d", "--mqtt", "embedded:0").start()
        try:
            pid = broker_pid(server)
            assert "Uid:\t65534\t65534" in pathlib.Path("/proc/%d/status" % pid).read_text()
            devices = make_devices(server, ["A"])
            Client(mqtt_url(server), "A", devices["A"][1]).ok().end()
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


# ---- TLS ----

def make_certificate(folder, name):
    cert, key = folder / (name + ".crt"), folder / (name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key),
                    "-out", str(cert), "-days", "2", "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    return cert, key


def peer_certificate(port):
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=PATIENCE_S)


def test_tls_off_loopback(reeved_factory, tmp_path):
    first, second = make_certificate(tmp_path, "one"), make_certificate(tmp_path, "two")
    cert, key = tmp_path / "in-use.crt", tmp_path / "in-use.key"
    shutil.copy(first[0], cert)
    shutil.copy(first[1], key)
    server = reeved_factory("--mqtt", "embedded:0", "--mqtt-address", "0.0.0.0", "--tls-cert", str(cert), "--tls-key", str(key),
                            start=False)
    server.start()
    url = mqtt_url(server)
    port = int(url.rsplit(":", 1)[1])
    assert url.startswith("mqtts://0.0.0.0:")
    assert peer_certificate(port).split() == first[0].read_text().split()
    c = Client("mqtts://127.0.0.1:%d" % port, "nobody", "x", tls=str(first[0]))
    assert c.code() == 5
    c.end()
    plain = Client("mqtt://127.0.0.1:%d" % port, "nobody", "x")
    assert plain.code() is None
    plain.end()
    # another certificate, without a restart; one that cannot be read changes nothing
    pid = broker_pid(server)
    shutil.copy(second[0], cert)
    shutil.copy(second[1], key)
    server.signal(signal.SIGHUP)
    wait_for(lambda: peer_certificate(port).split() == second[0].read_text().split(), PATIENCE_S, "the new certificate")
    cert.unlink()
    server.signal(signal.SIGHUP)
    wait_for(lambda: "keeps its certificate" in server.stderr(), PATIENCE_S, "the complaint")
    assert peer_certificate(port).split() == second[0].read_text().split()
    assert broker_pid(server) == pid
