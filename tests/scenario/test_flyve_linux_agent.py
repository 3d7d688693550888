# SPDX-License-Identifier: Apache-2.0
"""`reeve-agent --channel flyve` against reeved: the same settings as over HTTP, both real programs, over MQTT."""
import pytest

from agent_fixtures import Agent
from conftest import wait_for
from flyve_agents import ask, command, device, make_fleet, server, state  # noqa: F401 (fixtures)


class Where:
    def __init__(self, url):
        self.url = url


@pytest.fixture
def machine(server, tmp_path):  # noqa: F811
    a = Agent(tmp_path / "machine", Where(server.url))
    make_fleet(server, "laptops")
    a.token = server.enrollment_token(fleet="laptops")
    (a.root / "sys/class/video4linux/video0").mkdir(parents=True)
    a.start("--channel", "flyve")
    yield a
    if a.process is not None:
        a.process.terminate()
        assert a.process.wait(60) == 0, a.log.read_text()


def enrolled(server):  # noqa: F811
    def find():
        items = ask(server, "GET", "/devices", 200)["items"]
        return items[0] if items else None
    return wait_for(find, 60, "the enrollment")


def verdict(server, number, wanted):  # noqa: F811
    wait_for(lambda: device(server, number)["verdict"] == wanted, 90, "the verdict " + wanted)


def test_settings_and_commands(server, machine):  # noqa: F811
    d = enrolled(server)
    assert (d["channel"], d["kind"], d["fleet"]) == ("flyve", "linux", "laptops")
    number = d["id"]
    for name, value in (("files.remove", ["/etc/unwanted"]), ("password.min_length", 9)):
        (machine.root / "etc/unwanted").write_text("x")
        ask(server, "PUT", "/fleets/laptops/settings/" + name, 200, {"value": value})
    verdict(server, number, "COMPLIANT")
    assert not (machine.root / "etc/unwanted").exists()
    c = command(server, number, "ping")
    wait_for(lambda: state(server, c) == "done", 90, "the ping")
    c = command(server, number, "inventory")
    wait_for(lambda: state(server, c) == "done", 90, "the inventory")
    assert device(server, number)["inventory"]
    ask(server, "DELETE", "/fleets/laptops/settings/files.remove", 204)
    (machine.root / "etc/unwanted").write_text("x")
    c = command(server, number, "ping")
    wait_for(lambda: state(server, c) == "done", 90, "the ping")
    verdict(server, number, "COMPLIANT")
    assert (machine.root / "etc/unwanted").exists()


def test_leaving(server, machine):  # noqa: F811
    """Told to go, it says so before it is gone."""
    number = enrolled(server)["id"]
    c = command(server, number, "unenroll")
    wait_for(lambda: state(server, c) == "done", 90, "unenroll")
    wait_for(lambda: not device(server, number)["managed"], 90, "the device's leaving")
