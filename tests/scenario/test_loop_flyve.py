# SPDX-License-Identifier: Apache-2.0
"""The loop over MQTT: a real reeved with its own mosquitto, a real `reeve-agent --channel flyve`, the `reeve` command."""
import json
import socket

import pytest

from conftest import wait_for
from test_loop import Agent, Cli

UNWANTED = "etc/unwanted"


@pytest.fixture
def world(reeved_factory, tmp_path):
    w = World(reeved_factory("--mqtt", "embedded:0"), tmp_path)
    yield w
    w.agent.stop()


class World:
    def __init__(self, server, folder):
        self.server = server
        self.cli = Cli(server)
        token = self.cli.json("enrollment-token", "create", "--kind", "flyve", "--fleet", "default")["token"]
        self.agent = Agent(folder / "agent", server.url, token)

    def start(self):
        self.agent.start("--channel", "flyve")
        return self

    def device(self):
        devices = self.cli.json("device", "list")
        return devices[0] if devices else {}

    def verdict(self, wanted, version=None, timeout=120):
        def seen():
            d = self.device()
            return d.get("verdict") == wanted and (version is None or d["version"] == version)

        wait_for(seen, timeout, "%s at version %s; is %s" % (wanted, version, self.device()))
        return self.device()

    def set(self, name, value, where=("--fleet", "default")):
        self.cli.run("setting", "set", *where, name, value)

    def command(self, kind, wanted="done"):
        number = self.cli.json("command", "send", str(self.device()["id"]), kind)["id"]
        wait_for(lambda: self.cli.json("command", "show", str(number))["state"] == wanted, 120,
                 "%s to be %s" % (kind, wanted))
        return self.cli.json("command", "show", str(number))


def test_enroll_enforce_report(world):
    target = world.agent.root / UNWANTED
    target.write_text("x")
    world.set("files.remove", '["/%s"]' % UNWANTED)
    world.start()
    d = world.verdict("COMPLIANT")
    assert (d["kind"], d["channel"]) == ("linux", "flyve")
    assert not target.exists()
    # what this machine cannot do is said so, with the reason, and counts
    world.set("nfc.disabled", "true")
    world.verdict("NON_COMPLIANT")
    effective = world.cli.json("setting", "effective", str(d["id"]))
    assert "nfc.disabled" in str(effective)
    world.cli.run("setting", "unset", "--fleet", "default", "nfc.disabled")
    world.verdict("COMPLIANT")


def test_drift(world):
    target = world.agent.root / UNWANTED
    world.set("files.remove", '["/%s"]' % UNWANTED)
    world.start()
    world.verdict("COMPLIANT")
    target.write_text("x")
    wait_for(lambda: not target.exists(), 120, "the repair")
    world.verdict("COMPLIANT")
    events = world.cli.json("event", "list")
    changes = [e for e in events if e["type"] == "device.verdict"]
    assert [e for e in changes if "NON_COMPLIANT" in str(e)], [e["type"] for e in events]


def test_deploy_and_take_back(world):
    upload = world.agent.root.parent / "motd.txt"
    upload.write_text("hello\n")
    number = world.cli.json("file", "upload", str(upload))["id"]
    world.set("files.deploy", '[{"file":%d,"destination":"/etc/motd","remove_on_delete":true}]' % number)
    world.start()
    world.verdict("COMPLIANT")
    assert (world.agent.root / "etc/motd").read_text() == "hello\n"
    world.cli.run("setting", "unset", "--fleet", "default", "files.deploy")
    wait_for(lambda: not (world.agent.root / "etc/motd").exists(), 120, "the file to leave again")
    world.verdict("COMPLIANT")


def test_moved_and_its_own(world):
    """Another fleet's settings after a move; the device's own come first."""
    root = world.agent.root
    world.set("files.remove", '["/etc/of-default"]')
    world.cli.run("fleet", "create", "lab")
    world.set("files.remove", '["/etc/of-lab"]', ("--fleet", "lab"))
    world.start()
    d = world.verdict("COMPLIANT")
    (root / "etc/of-lab").write_text("x")
    world.cli.run("device", "move", str(d["id"]), "lab")
    wait_for(lambda: not (root / "etc/of-lab").exists(), 120, "the new fleet's settings")
    world.verdict("COMPLIANT")
    (root / "etc/of-default").write_text("x")
    (root / "etc/own").write_text("x")
    world.set("files.remove", '["/etc/own"]', ("--device", str(d["id"])))
    wait_for(lambda: not (root / "etc/own").exists(), 120, "its own settings")
    world.verdict("COMPLIANT")
    assert (root / "etc/of-default").exists()


def test_commands(world):
    world.start()
    world.verdict("COMPLIANT")
    world.command("ping")
    world.command("inventory")
    assert "os" in world.cli.json("device", "show", str(world.device()["id"]))["inventory"]
    failed = world.command("locate", "failed")
    assert failed["message"]
    assert world.command("lock", "failed")["message"]  # nobody is logged in below this root


def test_everything_is_killed(world):
    """reeved and its broker with it; then the agent: every time the loop closes again."""
    target = world.agent.root / UNWANTED
    world.set("files.remove", '["/%s"]' % UNWANTED)
    world.start()
    world.verdict("COMPLIANT")
    world.server.listen = "127.0.0.1:%d" % world.server.port  # agents were told where to find both
    world.server.options = ["--mqtt", "embedded:" + world.server.ready_line.rpartition(":")[2]]
    world.server.kill()
    target.write_text("x")
    wait_for(lambda: not target.exists(), 120, "the repair without a server")
    world.server.restart()
    world.set("files.remove", '["/%s", "/etc/more"]' % UNWANTED)
    world.verdict("COMPLIANT")
    world.agent.process.kill()
    world.agent.process.wait(30)
    (world.agent.root / "etc/more").write_text("x")
    world.start()
    wait_for(lambda: not (world.agent.root / "etc/more").exists(), 120, "the repair after the crash")
    world.verdict("COMPLIANT")


def broker_of(world):
    """(host, port) that the agent remembers."""
    mqtt = json.loads(json.loads((world.agent.state / "identity.json").read_text())["mqtt"])
    return mqtt["host"], mqtt["port"]


def binds(sock, address):
    try:
        sock.bind(address)
    except OSError:
        return False
    return True


def test_broker_moves(world):
    """To another port, as after a restart with a free one; then to another name, while the old one still works."""
    world.start()
    world.verdict("COMPLIANT")
    world.server.listen = "127.0.0.1:%d" % world.server.port
    before = broker_of(world)
    with socket.socket() as taken:  # the old port is not to be had again
        world.server.kill()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wait_for(lambda: binds(taken, before), 60, "the old broker to be gone")
        world.server.start()
        port = int(world.server.ready_line.rpartition(":")[2])
        assert port != before[1]
        world.set("camera.disabled", "false")
        world.command("ping")
        assert broker_of(world) == ("127.0.0.1", port)
    world.server.options = ["--mqtt", "embedded:%d" % port, "--mqtt-public", "mqtt://localhost:%d" % port]
    world.server.restart()
    wait_for(lambda: broker_of(world)[0] == "localhost", 120, "the agent to follow")
    world.command("ping")


def test_broker_out_of_reach(world):
    """Enrolled where nobody answers: the agent asks again by itself, and finds the broker when it is told the right place."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        world.server.listen = "127.0.0.1:%d" % world.server.port
        world.server.options = ["--mqtt", "embedded:0", "--mqtt-public", "mqtt://127.0.0.1:%d" % silent.getsockname()[1]]
        world.server.restart()
        world.start()
        wait_for(lambda: world.device(), 120, "the enrollment")
        world.server.options = ["--mqtt", "embedded:0"]
        world.server.restart()
        world.verdict("COMPLIANT")


@pytest.mark.parametrize("by", ["server", "command"])
def test_unenroll(world, by):
    target = world.agent.root / UNWANTED
    target.write_text("precious")
    world.set("files.remove", '["/%s"]' % UNWANTED)
    world.start()
    d = world.verdict("COMPLIANT")
    assert not target.exists()
    if by == "server":
        world.cli.run("device", "unenroll", str(d["id"]))
    else:
        world.cli.run("command", "send", str(d["id"]), "unenroll")
    assert world.agent.process.wait(120) == 0
    assert target.read_text() == "precious"
    wait_for(lambda: not world.device(), 60, "the device to have left")
