# SPDX-License-Identifier: Apache-2.0
"""The whole way: reeve-host with a machine and a container (grpcio's), the server, and an administrator with `reeve`."""
import json
import subprocess

import pytest

from conftest import binary, clean_env, wait_for
from host_fixtures import Container, guest_pb, host_factory, host_pb  # noqa: F401 (fixtures)


class Reeve:
    def __init__(self, reeved):
        self.reeved = reeved

    def __call__(self, *words, output="json", code=0):
        r = subprocess.run([binary("reeve"), "--server", self.reeved.url, "--token-file",
                            str(self.reeved.data / "admin.token"), "-o", output, *map(str, words)], capture_output=True,
                           text=True, timeout=120, env=clean_env())
        assert r.returncode == code, (r.returncode, r.stdout, r.stderr)
        return json.loads(r.stdout) if output == "json" and code == 0 else r.stdout + r.stderr

    def devices(self):
        return {d["name"]: d for d in self("device", "list")}

    def show(self, name):
        return self("device", "show", self.devices()[name]["id"])

    def attribute(self, device, name):
        return self.show(device)["attributes"].get(name)

    def wait_attribute(self, device, name, value):
        wait_for(lambda: device in self.devices() and self.attribute(device, name) == value,
                 what="%s of %s to be %s" % (name, device, value))

    def command(self, device, type, *params):
        words = [w for p in params for w in ("--param", p)]
        return self("command", "send", self.devices()[device]["id"], type, *words)["id"]

    def result(self, command):
        wait_for(lambda: self("command", "show", command)["state"] in ("done", "failed"), what="the end of the command")
        return self("command", "show", command)


@pytest.fixture
def managed(reeved, host_factory, tmp_path):
    """(reeve-host's stand of host_fixtures, `reeve`)"""
    token = tmp_path / "token"
    token.write_text(reeved.settle().enrollment_token(uses=1) + "\n")
    return host_factory("--server", reeved.url, "--enrollment-token-file", str(token)), Reeve(reeved)


def app(name):
    return host_pb.Application(desktop_file_id=name, package_id=name + ";1",
                               name=host_pb.Application.LocalizedString(values=[{"value": name.title()}]))


def test_host_machine_and_container_with_live_state(managed):
    host, reeve = managed
    wait_for(lambda: len(reeve.devices()) == 5, what="the host, two machines and two containers")
    devices = reeve.devices()
    machine, box = devices["termina"], devices["termina/penguin"]
    assert {"other", "other/penguin"} < set(devices)
    assert sorted(d["kind"] for d in devices.values()) == ["container", "container", "linux", "vm", "vm"]
    above = [d for d in devices.values() if d["kind"] == "linux"][0]
    assert (machine["parent"], machine["channel"], box["parent"]) == (above["id"], "vm", machine["id"])
    table = reeve("device", "list", output="table")
    assert "HOST" in table.splitlines()[0]
    reeve.wait_attribute("termina", "vm.state", "starting")
    assert host.vm().code("VmReady") == "OK"
    reeve.wait_attribute("termina", "vm.state", "running")
    wait_for(lambda: reeve.show("termina")["verdict"] == "COMPLIANT", what="its report")


BOX = "termina/penguin"


def test_a_container_s_applications_and_commands(managed):
    host, reeve = managed
    wait_for(lambda: BOX in reeve.devices(), what="the container")
    box = reeve.devices()[BOX]["id"]

    def show():
        return reeve("device", "show", box)

    assert host.vm().code("VmReady") == "OK"
    container = Container(host)
    wait_for(lambda: show()["attributes"].get("container.state") == "running", what="the container's state")
    container.call("UpdateApplicationList", application=[app("gimp"), app("xterm")])
    wait_for(lambda: len(show()["inventory"].get("applications", [])) == 2, what="the applications")
    assert show()["inventory"]["applications"][0] == {"id": "gimp", "name": "Gimp", "package": "gimp;1"}
    container.garcon.answers["LaunchApplication"] = lambda r, context: guest_pb.LaunchApplicationResponse(
        success=r.desktop_file_id == "gimp", failure_reason="" if r.desktop_file_id == "gimp" else "there is none")
    launch = reeve("command", "send", box, "launch_application", "--param", "desktop_file_id=gimp")["id"]
    assert reeve.result(launch)["state"] == "done"
    assert [r.desktop_file_id for r in container.garcon.asked("LaunchApplication")] == ["gimp"]
    other = reeve("command", "send", box, "launch_application", "--param", "desktop_file_id=nothing")["id"]
    assert (reeve.result(other)["state"], reeve.result(other)["message"]) == ("failed", "there is none")
    assert reeve.result(reeve("command", "send", box, "ping")["id"])["state"] == "done"
    assert reeve.result(reeve("command", "send", box, "launch", "--payload", '{"argv": ["/bin/true"]}')["id"])["state"] == "failed"
    container.call("LowDiskSpaceTriggered", free_bytes=1 << 20)
    wait_for(lambda: show()["attributes"].get("disk.free") == str(1 << 20), what="its disk")
    container.call("ContainerShutdown")
    wait_for(lambda: show()["attributes"].get("container.state") == "stopped", what="its end")
    assert reeve.result(reeve("command", "send", box, "ping")["id"])["message"] == "stopped"
    unreachable = reeve("command", "send", box, "launch_application", "--param", "desktop_file_id=gimp")["id"]
    assert reeve.result(unreachable)["state"] == "failed"
    container.garcon.stop()


def test_machines_that_others_started_take_no_commands(managed):
    host, reeve = managed
    assert host.vm().code("VmReady") == "OK"
    reeve.wait_attribute("termina", "vm.state", "running")
    for type in "reboot", "shutdown":
        answer = reeve.result(reeve.command("termina", type))
        assert (answer["state"], "did not start" in answer["message"]) == ("failed", True)
    assert reeve.result(reeve.command("termina", "ping"))["state"] == "done"


def test_a_container_that_is_removed_and_a_restart(managed):
    host, reeve = managed
    wait_for(lambda: len(reeve.devices()) == 5, what="the containers")
    before = reeve.devices()["termina"]["id"]
    host.run("container", "add", "termina", "second")
    wait_for(lambda: "termina/second" in reeve.devices(), what="one more")
    host.run("container", "remove", "termina", "second")
    wait_for(lambda: "termina/second" not in reeve.devices(), what="its end")
    host.stop()
    host.start()
    wait_for(lambda: reeve.show("termina")["attributes"].get("vm.state") == "starting" and len(reeve.devices()) == 5, what="all again")
    assert reeve.devices()["termina"]["id"] == before  # the same record: it is enrolled already


def test_bad_options(host_factory, tmp_path):
    for words in (("--server", "http://192.0.2.1"), ("--server", "nonsense://x"),
                  ("--server", "http://127.0.0.1:1", "--enrollment-token-file", str(tmp_path / "none"))):
        r = subprocess.run([binary("reeve-host"), "--state", str(tmp_path / "s"), "--no-menu", "--listen",
                            "unix:%s/l.sock" % tmp_path, *words, "serve"], capture_output=True, text=True, timeout=120,
                           env=clean_env())
        assert r.returncode == 2, (r.returncode, r.stderr)
