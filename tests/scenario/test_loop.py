# SPDX-License-Identifier: Apache-2.0
"""The whole loop with the real programs: reeved, reeve and reeve-agent, on a file-system root of the agent's own.

enroll -> desired state -> enforcement -> report -> verdict; drift seen and repaired; the server restarted, killed and
cut off in the middle.
"""
import json
import os
import select
import signal
import socket
import subprocess
import threading

import pytest

from conftest import binary, clean_env, wait_for

HOMEPAGE = "chrome.HomepageLocation"
POLICY_FILES = ["etc/chromium/policies/managed/reeve.json", "etc/opt/chrome/policies/managed/reeve.json"]


class Cli:
    """`reeve`, as an administrator types it."""

    def __init__(self, reeved):
        self.reeved = reeved

    def run(self, *args, expect=0):
        result = subprocess.run(
            [binary("reeve"), *args], capture_output=True, text=True, timeout=60,
            env=clean_env(REEVE_SERVER=self.reeved.url, REEVE_TOKEN_FILE=str(self.reeved.data / "admin.token")))
        assert result.returncode == expect, (args, result.returncode, result.stdout, result.stderr)
        return result.stdout

    def json(self, *args):
        return json.loads(self.run(*args, "-o", "json"))


class Agent:
    """`reeve-agent` on a root of its own."""

    def __init__(self, folder, server, token):
        self.root = folder / "root"
        self.state = folder / "state"
        self.log = folder / "agent.stderr"
        self.server, self.token = server, token
        self.root.mkdir(parents=True)
        for path in ("etc", "var/lib/dpkg", "sys/class/rfkill", "sys/bus/usb/devices"):
            (self.root / path).mkdir(parents=True)
        (self.root / "var/lib/dpkg/status").write_text("")
        self.process = None

    def start(self, *more):
        self.process = subprocess.Popen(
            [binary("reeve-agent"), "--server", self.server, "--state", str(self.state), "--root", str(self.root),
             "--interval", "2s", *more],
            stdout=subprocess.DEVNULL, stderr=open(self.log, "ab"),
            env=clean_env(REEVE_ENROLLMENT_TOKEN=self.token))
        return self

    def sync_now(self):
        self.process.send_signal(signal.SIGHUP)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.go_on()
            self.process.terminate()
            assert self.process.wait(30) == 0, self.log.read_text()

    def policies(self, path=POLICY_FILES[0]):
        try:
            return json.loads((self.root / path).read_text())
        except FileNotFoundError:
            return {}


class Wire:
    """A TCP forwarder between agent and server that can be cut: connections are reset, new ones refused."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        self.cut_now = False
        self.pairs = set()
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.cut_now:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target), 10)
            except OSError:
                near.close()
                continue
            with self.lock:
                self.pairs.add((near, far))
            threading.Thread(target=self._pump, args=(near, far), daemon=True).start()

    def _pump(self, near, far):
        try:
            while True:
                for source in select.select([near, far], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    (far if source is near else near).sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.pairs.discard((near, far))
            near.close()
            far.close()

    def cut(self):
        self.cut_now = True
        with self.lock:
            for near, far in self.pairs:
                for s in (near, far):
                    try:
                        s.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass

    def mend(self):
        self.cut_now = False

    def close(self):
        self.cut()
        self.listener.close()


@pytest.fixture
def cli(reeved):
    return Cli(reeved)


@pytest.fixture
def wire(reeved):
    w = Wire(reeved.port)
    yield w
    w.close()


@pytest.fixture
def agent(tmp_path, reeved, cli, wire):
    token = cli.json("enrollment-token", "create", "--kind", "agent", "--uses", "1")["token"]
    a = Agent(tmp_path / "machine", wire.url, token)
    yield a
    a.stop()


def device(cli):
    return cli.json("device", "list")[0]


def until(cli, verdict, version=None, timeout=30):
    def check():
        devices = cli.json("device", "list")
        return devices and devices[0]["verdict"] == verdict and (version is None or devices[0]["version"] == version) \
            and devices[0]
    return wait_for(check, timeout, "%s at version %s" % (verdict, version))


def verdicts(cli):
    """The verdicts the device went through, as the event log has them."""
    return [e["after"]["verdict"] for e in cli.json("event", "list") if e["type"] == "device.verdict"]


def set_homepage(cli, url):
    cli.run("setting", "set", "--fleet", "default", HOMEPAGE, url)


def test_loop(reeved, cli, agent):
    agent.start()
    d = until(cli, "COMPLIANT", 1)
    assert d["kind"] == "linux" and d["channel"] == "device" and d["fleet"] == "default"
    assert set(d) >= {"id", "name", "kind", "channel", "fleet", "serial", "external_id", "verdict", "version", "last_seen"}

    # A change is seen as STALE for as long as the agent has not applied it.
    agent.pause()
    set_homepage(cli, "https://one.example")
    assert device(cli)["verdict"] == "STALE" and device(cli)["version"] == 2
    agent.go_on()
    until(cli, "COMPLIANT", 2)
    for path in POLICY_FILES:
        assert agent.policies(path) == {"HomepageLocation": "https://one.example"}

    # Tampering is seen, said and repaired.
    tampered = agent.root / POLICY_FILES[0]
    tampered.write_text('{"HomepageLocation": "https://evil.example"}')
    agent.sync_now()
    wait_for(lambda: agent.policies() == {"HomepageLocation": "https://one.example"}, 30, "the repair")
    wait_for(lambda: verdicts(cli)[-2:] == ["NON_COMPLIANT", "COMPLIANT"], 30, "both verdicts in the log")
    assert verdicts(cli)[0] == "COMPLIANT"  # from UNKNOWN

    # What is unset goes away again, and the device is compliant without it.
    cli.run("setting", "unset", "--fleet", "default", HOMEPAGE)
    until(cli, "COMPLIANT", 3)
    for path in POLICY_FILES:
        assert "HomepageLocation" not in agent.policies(path)


def test_unknown_before_the_first_report(reeved, cli):
    session = reeved.device(name="silent")
    assert device(cli)["verdict"] == "UNKNOWN"
    assert session.device["device_id"] == device(cli)["id"]


def test_nearest_fleet_wins_and_moving_counts(cli, agent):
    agent.start()
    d = until(cli, "COMPLIANT", 1)
    cli.run("fleet", "create", "Sales")
    set_homepage(cli, "https://all.example")
    until(cli, "COMPLIANT", 2)
    cli.run("setting", "set", "--fleet", "Sales", HOMEPAGE, "https://sales.example")
    assert until(cli, "COMPLIANT")["version"] == 2  # not its fleet
    cli.run("device", "move", str(d["id"]), "Sales")
    until(cli, "COMPLIANT", 3)
    assert agent.policies()["HomepageLocation"] == "https://sales.example"
    cli.run("setting", "set", "--device", str(d["id"]), HOMEPAGE, "https://mine.example")
    until(cli, "COMPLIANT", 4)
    assert agent.policies()["HomepageLocation"] == "https://mine.example"


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_server_goes_and_comes_back(reeved, cli, agent, how):
    agent.start()
    until(cli, "COMPLIANT", 1)
    reeved.listen = "127.0.0.1:%d" % reeved.port  # the same address again: the wire points there
    agent.pause()
    set_homepage(cli, "https://two.example")
    reeved.stop() if how == "restart" else reeved.kill()
    agent.go_on()
    reeved.start()
    assert device(cli)["version"] == 2  # an acknowledged change survives
    agent.sync_now()
    until(cli, "COMPLIANT", 2)
    assert agent.policies()["HomepageLocation"] == "https://two.example"


def test_network_lost_in_the_middle(cli, agent, wire):
    agent.start()
    until(cli, "COMPLIANT", 1)
    wire.cut()
    set_homepage(cli, "https://three.example")
    assert device(cli)["verdict"] == "STALE"
    # Without the network the agent still enforces what it knows; with it again, it catches up.
    wire.mend()
    agent.sync_now()
    until(cli, "COMPLIANT", 2)
    assert agent.policies()["HomepageLocation"] == "https://three.example"


def test_a_restored_backup_is_told_from_what_was(cli, agent, tmp_path):
    """After a restore the same version number means something else; nobody may be told "unchanged"."""
    agent.start()
    until(cli, "COMPLIANT", 1)
    backup = str(tmp_path / "backup.tar")
    cli.run("backup", backup)
    set_homepage(cli, "https://lost.example")
    until(cli, "COMPLIANT", 2)
    agent.pause()
    cli.run("restore", backup, "--yes")
    set_homepage(cli, "https://kept.example")
    assert device(cli)["version"] == 2
    agent.go_on()
    agent.sync_now()
    wait_for(lambda: agent.policies().get("HomepageLocation") == "https://kept.example", 30, "the state after the restore")
    until(cli, "COMPLIANT", 2)


def test_agent_restarts_without_the_server(cli, agent, wire):
    agent.start()
    until(cli, "COMPLIANT", 1)
    set_homepage(cli, "https://four.example")
    until(cli, "COMPLIANT", 2)
    agent.stop()
    wire.cut()
    (agent.root / POLICY_FILES[0]).unlink()
    agent.start()
    wait_for(lambda: agent.policies().get("HomepageLocation") == "https://four.example", 30, "enforcement from the state folder")
    wire.mend()
    agent.sync_now()
    until(cli, "COMPLIANT", 2)
    assert len(cli.json("device", "list")) == 1  # the same device, not a new one


def test_observe_changes_nothing(cli, agent):
    agent.start("--observe")
    until(cli, "COMPLIANT", 1)
    before = sorted(os.walk(agent.root))
    set_homepage(cli, "https://five.example")
    d = until(cli, "NON_COMPLIANT", 2)
    shown = cli.json("device", "show", str(d["id"]))
    row = next(s for s in shown["settings"] if s["name"] == HOMEPAGE)
    assert row["desired"] == "https://five.example" and row["satisfied"] is False
    assert sorted(os.walk(agent.root)) == before


def test_command_and_inventory(cli, agent):
    agent.start()
    d = until(cli, "COMPLIANT", 1)
    command = cli.json("command", "send", str(d["id"]), "ping")
    wait_for(lambda: cli.json("command", "show", str(command["id"]))["state"] == "done", 30, "the ping's answer")
    wait_for(lambda: "os" in cli.json("device", "show", str(d["id"]))["inventory"], 30, "the inventory")
    # A wipe is refused by the machine itself unless its own configuration allows it.
    wipe = cli.json("command", "send", str(d["id"]), "wipe")
    shown = wait_for(lambda: (lambda c: c["state"] == "failed" and c)(cli.json("command", "show", str(wipe["id"]))), 30, "the refusal")
    assert "allow" in shown["message"]


def test_unenroll_puts_everything_back(cli, agent):
    agent.start()
    until(cli, "COMPLIANT", 1)
    original = agent.root / POLICY_FILES[0]
    set_homepage(cli, "https://six.example")
    d = until(cli, "COMPLIANT", 2)
    assert original.exists()
    cli.run("device", "unenroll", str(d["id"]))
    assert agent.process.wait(30) == 0
    assert not any((agent.root / p).exists() for p in POLICY_FILES)
    assert cli.json("device", "list") == []
