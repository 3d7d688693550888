# SPDX-License-Identifier: Apache-2.0
"""reeve-agent against a stand-in of the device API that is strict and can be made to misbehave."""
import http.server
import json
import signal
import socket
import stat
import threading
import time

import pytest

from agent_fixtures import HOMEPAGE, POLICY, agent, api, snapshot  # noqa: F401 (fixtures)
from conftest import wait_for
from device_api_standin import DeviceApi

EXCHANGES = ["enroll", "desired", "report", "commands", "result", "inventory"]


# ---- the ordinary life ----

def test_enrolls_enforces_reports(api, agent):
    api.settings = {HOMEPAGE: {"value": "https://one.example", "level": "mandatory"}}
    agent.start()
    assert agent.line() == "reeve-agent: enrolled as device 12 at " + api.url
    assert agent.line() == "reeve-agent: reported version 1: COMPLIANT"
    report = api.wait_report(1, chrome__HomepageLocation="https://one.example")
    assert report["settings"][HOMEPAGE]["state"] == "applied"
    assert agent.policies() == {"HomepageLocation": "https://one.example"}
    api.wait(lambda: api.inventory, what="the inventory")
    enroll = json.loads(api.requests[0].body)
    assert enroll["kind"] == "linux" and enroll["agent_version"] and "Authorization" not in api.requests[0].headers
    assert stat.S_IMODE(agent.state.stat().st_mode) == 0o700
    for path in agent.state.rglob("*.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_lost_enrollment_keeps_its_key(api, agent):
    """The key is the same until the answer is stored, over a restart too; the next enrollment has another."""
    api.fault("enroll", "drop-body", times=1)
    agent.start()
    api.wait_report()
    assert len(api.enrollment_keys) == 2 and len(set(api.enrollment_keys)) == 1
    agent.stop()
    assert not (agent.state / "enrolling.json").exists()


def test_a_change_rings(api, agent):
    """It comes with the doorbell: the next poll is a quarter of an hour away."""
    agent.start()
    api.wait(lambda: api.held, what="the doorbell")
    start = time.monotonic()
    version = api.desire({HOMEPAGE: "https://two.example"})
    api.wait_report(version, chrome__HomepageLocation="https://two.example")
    assert time.monotonic() - start < 60
    version = api.desire({})
    api.wait_report(version)
    assert agent.policies() == {}


def test_a_restart_goes_on_where_it_was(api, agent):
    agent.start()
    version = api.desire({HOMEPAGE: "https://three.example"})
    api.wait_report(version)
    agent.stop()
    n = len(api.reports)
    agent.start()
    assert agent.line() == "reeve-agent: reported version %d: COMPLIANT" % version
    api.wait_report(version, after=n)
    assert api.count("enroll") == 1


def test_enforces_without_the_server_and_catches_up(api, agent):
    agent.start()
    api.wait_report(api.desire({HOMEPAGE: "https://four.example"}))
    agent.stop()
    api.down()
    (agent.root / POLICY).unlink()
    agent.start()
    wait_for(lambda: agent.policies() == {"HomepageLocation": "https://four.example"}, what="enforcement from the state folder")
    version = api.desire({HOMEPAGE: "https://five.example"})
    api.up()
    api.wait_report(version, chrome__HomepageLocation="https://five.example")


def test_survives_a_server_that_comes_and_goes(api, agent):
    agent.start()
    for i in range(5):
        api.wait(lambda: api.held, what="the doorbell")
        api.down()
        version = api.desire({HOMEPAGE: "https://%d.example" % i})
        api.up()
        api.wait_report(version, chrome__HomepageLocation="https://%d.example" % i)
    assert api.count("enroll") == 1


def test_drift_is_reported_then_repaired(api, agent):
    agent.start("--interval", "1s", "--repair-delay", "1s")
    version = api.desire({HOMEPAGE: "https://good.example"})
    api.wait_report(version)
    n = len(api.reports)
    path = agent.root / POLICY
    path.write_text(path.read_text().replace("good", "evil"))
    api.wait_report(version, after=n, chrome__HomepageLocation="https://evil.example")
    api.wait_report(version, after=n + 1, chrome__HomepageLocation="https://good.example")
    assert agent.policies() == {"HomepageLocation": "https://good.example"}
    assert "drifted" in agent.stderr()
    n = len(api.reports)
    agent.process.send_signal(signal.SIGHUP)  # nothing has changed: nothing is said
    api.wait(lambda: [r for r in api.requests if r.name == "desired" and "?" not in r.path][1:], what="the pull asked for")
    assert len(api.reports) == n


def test_sighup_syncs_now(api, agent):
    agent.start("--wait", "0")
    version = api.wait_report()["applied_version"]
    version = api.desire({HOMEPAGE: "https://six.example"})
    agent.process.send_signal(signal.SIGHUP)
    api.wait_report(version)


def test_next_poll_is_the_rhythm_without_a_doorbell(api, agent):
    api.next_poll_s = 2
    agent.start("--wait", "0")
    api.wait_report(1)
    version = api.desire({HOMEPAGE: "https://seven.example"})
    api.wait_report(version)
    pulls = [r.at for r in api.requests if r.name == "desired"]
    assert all(b - a >= 1.9 for a, b in zip(pulls, pulls[1:]))


# ---- life and death of the process ----

def test_stops_promptly(api, agent):
    agent.start()
    api.wait(lambda: api.held, what="the doorbell")
    start = time.monotonic()
    agent.process.terminate()
    assert agent.wait() == 0
    assert time.monotonic() - start < 25  # the doorbell holds for 50


def test_tells_systemd(api, agent, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(tmp_path / "notify"))
        s.settimeout(20)
        agent.env["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        agent.start()
        said = []
        while "READY=1" not in said:
            said.append(s.recv(4096).decode())
        agent.stop()
        while "STOPPING=1" not in said:
            said.append(s.recv(4096).decode())
    agent.env.clear()


def test_one_agent_a_state_folder(api, agent):
    agent.start()
    api.wait_report(1)
    code, out, err = agent.run("--once")
    assert code == 1 and "another reeve-agent (process %d)" % agent.process.pid in err and out == ""


def test_once(api, agent):
    number = api.command("ping")
    code, out, err = agent.run("--once")
    assert (code, out) == (0, "reeve-agent: enrolled as device 12 at %s\nreeve-agent: reported version 1: COMPLIANT\n" % api.url), err
    assert api.commands[number].states == ["acknowledged", "done"] and api.inventory
    code, out, err = agent.run("--once")
    assert (code, out) == (0, "reeve-agent: reported version 1: COMPLIANT\n"), err
    api.fault("report", 500)
    assert agent.run("--once")[0] == 1
    api.down()
    code, out, err = agent.run("--once")
    assert code == 1 and err.splitlines()[-1].startswith("reeve-agent: " + api.url)
    api.up()
    api.forget()
    agent.token = None
    code, out, err = agent.run("--once")
    assert code == 1 and "enrollment token" in err.splitlines()[-1]


def test_refuses_to_start_wrongly(api, agent, tmp_path):
    for options, sentence in [
            (["--server", "http://reeve.example.org"], "--insecure-http"),
            (["--server", "ftp://127.0.0.1"], "https://"),
            (["--server", "https://user@127.0.0.1"], "user"),
            (["--server", "https://127.0.0.1/?x=1"], "query"),
            (["--pin", "sha256//short"], "pin"),
            (["--interval", "soon"], "interval"),
            (["--nonsense"], "nonsense"),
            (["stray"], "stray"),
            (["--config", str(tmp_path / "missing.yaml")], "missing.yaml")]:
        code, out, err = agent.run("--once", *options)
        assert code == 2 and sentence in err and out == "", (options, err)
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    code, out, err = agent.run("--once", "--state", str(open_folder))
    assert code == 1 and "other users" in err


def test_configuration_file(api, agent, tmp_path):
    (agent.root / "etc/reeve").mkdir()
    token_file = tmp_path / "token"
    token_file.write_text("enroll-me\n")
    agent.token = None
    (agent.root / "etc/reeve/agent.yaml").write_text(
        "name: from-file\ninterval: 7m\nobserve: true\nallow_wipe: false\nenrollment-token-file: %s\n" % token_file)
    code, out, err = agent.run("--once")
    assert code == 0, err
    assert json.loads(api.requests[0].body)["name"] == "from-file" and "mode=observe" in err
    for text, sentence in [("intervall: 7m\n", "intervall"), ("observe: maybe\n", "observe"), ("once: true\n", "once"),
                           ("interval: [1]\n", "interval"), ("a: {\n", "agent.yaml:"), ("- x\n", "key: value")]:
        (agent.root / "etc/reeve/agent.yaml").write_text(text)
        code, out, err = agent.run("--once")
        assert code == 2 and sentence in err, (text, err)


# ---- observing ----

def test_observe_writes_nothing_outside_its_state(api, agent):
    agent.start()
    api.wait_report(api.desire({HOMEPAGE: "https://mine.example"}))
    agent.stop()
    before = snapshot(agent.root)
    agent.start("--observe", "--interval", "1s")
    version = api.desire({HOMEPAGE: "https://other.example", "camera.disabled": True, "no.such.setting": 1})
    report = api.wait_report(version, chrome__HomepageLocation="https://mine.example")
    n = len(api.reports)
    assert report["settings"][HOMEPAGE]["state"] == "observed"
    assert report["settings"]["no.such.setting"]["state"] == "unsupported"
    for kind in ("reboot", "lock", "wipe"):
        number = api.command(kind)
        api.wait(lambda: api.commands[number].state == "failed", what="the refusal of " + kind)
        assert api.commands[number].message
    assert len(api.reports) == n  # looking again and again has nothing new to say
    api.unenroll()
    assert agent.wait() == 0
    assert snapshot(agent.root) == before


# ---- commands ----

def test_commands_are_run_once_in_order(api, agent):
    agent.start()
    api.wait(lambda: api.held, what="the doorbell")
    start = time.monotonic()
    numbers = [api.command("ping") for _ in range(5)]
    api.wait(lambda: all(api.commands[n].state == "done" for n in numbers), what="the answers")
    assert time.monotonic() - start < 60
    assert all(api.commands[n].states == ["acknowledged", "done"] for n in numbers)


def test_what_it_does_not_know_fails(api, agent):
    agent.start()
    number = api.command("launch")
    api.wait(lambda: api.commands[number].state == "failed", what="the refusal")
    assert "does not know" in api.commands[number].message


def test_a_cancelled_command_is_not_run(api, agent):
    agent.start()
    api.wait(lambda: api.held, what="the doorbell")
    api.fault("result", 409, times=1)  # cancelled between handing out and acknowledgement
    number = api.command("ping")
    api.wait(lambda: api.count("result") == 1, what="the acknowledgement")
    other = api.command("ping")
    api.wait(lambda: api.commands[other].state == "done", what="the other one")
    assert api.commands[number].states == []


def test_results_survive_lost_answers_and_restarts(api, agent):
    agent.start()
    api.wait(lambda: api.held, what="the doorbell")
    api.fault("result", "drop", times=3)
    number = api.command("ping")
    api.wait(lambda: api.commands[number].states, what="the acknowledgement")
    agent.kill()
    api.mend()
    agent.start()
    api.wait(lambda: api.commands[number].state in ("done", "failed"), what="a result")
    assert api.commands[number].states[-1] in ("done", "failed")


def test_handed_out_again_is_not_run_again(api, agent):
    agent.start()
    number = api.command("ping")
    api.wait(lambda: api.commands[number].state == "done", what="the answer")
    agent.stop()
    with api.changed:  # the server lost its memory of that
        api.commands[number].state = "queued"
    agent.start()
    api.wait(lambda: api.commands[number].state == "failed", what="the refusal")
    assert "not run twice" in api.commands[number].message


@pytest.mark.parametrize("kind, boot, state, message", [
    ("ping", "11111111-1111-1111-1111-111111111111", "failed", "interrupted"),
    ("reboot", "11111111-1111-1111-1111-111111111111", "failed", "interrupted"),
    ("reboot", "22222222-2222-2222-2222-222222222222", "done", "")])
def test_interrupted_commands(api, agent, kind, boot, state, message):
    code, _, err = agent.run("--once")
    assert code == 0, err
    number = api.command(kind)
    api.commands[number].state = "acknowledged"
    (agent.state / "commands.json").write_text(json.dumps({"run": [], "commands": [
        {"id": number, "type": kind, "params": {}, "state": "started", "boot_id": "11111111-1111-1111-1111-111111111111"}]}))
    agent.boot(boot)
    agent.start()
    api.wait(lambda: api.commands[number].state == state, what=state)
    assert message in api.commands[number].message


# ---- leaving ----

def test_unenrolled_by_the_server(api, agent):
    agent.start()
    api.wait_report(api.desire({HOMEPAGE: "https://eight.example"}))
    assert agent.policies()
    api.unenroll()
    assert agent.wait() == 0
    assert agent.policies() == {}
    assert not (agent.state / "identity.json").exists()
    # The same token does not bring it back by itself; another one does.
    code, out, _ = agent.run("--once")
    assert code == 0 and "unenrolled" in out and api.count("enroll") == 1
    api.enrollment_tokens["another"] = None
    agent.token = "another"
    code, out, err = agent.run("--once")
    assert code == 0 and "enrolled as device 13" in out, err


def test_unenroll_command(api, agent):
    agent.start()
    api.wait_report(api.desire({HOMEPAGE: "https://nine.example"}))
    number = api.command("unenroll")
    assert agent.wait() == 0
    assert api.commands[number].states == ["acknowledged", "done"]
    assert api.count("unenroll") == 1 and agent.policies() == {}
    assert not (agent.state / "identity.json").exists()


def test_wipe_where_the_owner_allows_it(api, agent):
    (agent.root / "etc/reeve").mkdir()
    (agent.root / "etc/reeve/agent.yaml").write_text("allow_wipe: true\n")
    agent.start()
    api.wait_report(api.desire({HOMEPAGE: "https://wiped.example"}))
    number = api.command("wipe")
    assert agent.wait() == 0
    assert api.commands[number].states == ["acknowledged", "done"] and api.commands[number].result["restored"] is True
    assert agent.policies() == {} and api.count("unenroll") == 1


def test_wipe_where_he_does_not(api, agent):
    agent.start()
    api.wait_report(api.desire({HOMEPAGE: "https://kept.example"}))
    number = api.command("wipe")
    api.wait(lambda: api.commands[number].state == "failed", what="the refusal")
    assert "allow" in api.commands[number].message and agent.policies()


# ---- 401, 410, 429 ----

def test_enrolls_again_when_forgotten(api, agent):
    agent.start()
    api.wait_report(1)
    n = len(api.reports)
    api.forget()
    api.wait_report(after=n)
    assert api.count("enroll") == 2


def test_without_a_token_it_goes_on_enforcing(api, agent):
    agent.start()
    api.wait_report(api.desire({HOMEPAGE: "https://ten.example"}))
    agent.stop()
    agent.token = None
    api.forget()
    agent.start("--interval", "500ms", "--repair-delay", "0")
    wait_for(lambda: "--enrollment-token" in agent.stderr(), what="what to do")
    (agent.root / POLICY).unlink()
    wait_for(agent.policies, what="the repair")
    assert api.count("enroll") == 1


@pytest.mark.parametrize("status", [401, 410])
def test_a_proxy_is_not_the_server(api, agent, status):
    agent.start()
    api.wait_report(api.desire({HOMEPAGE: "https://eleven.example"}))
    api.fault("desired|report", status, times=2, argument="plain")
    version = api.desire({HOMEPAGE: "https://twelve.example"})
    api.wait_report(version)
    assert api.count("enroll") == 1 and agent.policies()


def test_waits_as_long_as_it_is_told(api, agent):
    api.fault("desired", 429, argument={"Retry-After": "2"})
    agent.start()
    api.wait(lambda: api.count("desired") >= 2, what="the second pull")
    first, second = [r.at for r in api.requests if r.name == "desired"][:2]
    assert 2 <= second - first <= 2 + 2 / 4 + 1 + 1


def test_a_wrong_token_is_not_tried_over_and_over(api, agent):
    agent.token = "wrong"
    agent.start()
    api.wait(lambda: api.count("enroll") == 1, what="the first try")
    wait_for(lambda: "refused" in agent.stderr(), what="the log")
    assert api.count("enroll") == 1


# ---- a server that misbehaves ----

@pytest.mark.parametrize("fault", [500, 404, "drop", "drop-head", "drop-body", "garbage", "not-json", "oversized", "slow",
                                   "truncated-json", "wrong-types"])
def test_whatever_goes_wrong_once(api, agent, fault):
    """Every exchange goes wrong once; all is well in the end."""
    for exchange in EXCHANGES:
        api.fault(exchange, fault)
    numbers = [api.command("ping"), api.command("ping")]
    agent.start()
    version = api.desire({HOMEPAGE: "https://well.example"})
    api.wait_report(version, chrome__HomepageLocation="https://well.example", timeout=60)
    api.wait(lambda: all(api.commands[n].state in ("done", "failed") or not api.commands[n].states for n in numbers), 60)
    assert agent.policies() == {"HomepageLocation": "https://well.example"}


def test_redirects_are_not_followed(api, agent):
    caught = []

    class Trap(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            caught.append(dict(self.headers))
            self.send_error(404)
        do_POST = do_PUT = do_GET

        def log_message(self, *args):
            pass

    trap = http.server.HTTPServer(("127.0.0.1", 0), Trap)
    threading.Thread(target=trap.serve_forever, args=(0.02,), daemon=True).start()
    for exchange in EXCHANGES:
        api.fault(exchange, "redirect", argument="http://127.0.0.1:%d/steal" % trap.server_address[1])
    agent.start()
    api.wait_report(api.desire({HOMEPAGE: "https://safe.example"}), timeout=60)
    assert "redirects are not followed" in agent.stderr()
    trap.shutdown()
    trap.server_close()
    assert caught == []


def test_the_token_stays_with_its_server(api, agent):
    code, _, err = agent.run("--once")
    assert code == 0, err
    other = DeviceApi().start()
    agent.token = None
    code, _, err = agent.run("--once", server=other.url)
    assert code == 1 and "enrolled with " + api.url in err and other.requests == []
    agent.token = "enroll-me"
    code, out, err = agent.run("--once", server=other.url)
    assert code == 0 and "at " + other.url in out, err
    tokens = list(api.devices)
    other.stop()
    assert all(t not in str(r.headers) for r in other.requests for t in tokens) and other.violations == []


# ---- damaged state ----

@pytest.mark.parametrize("damage", ["", "{", "[]", "\x00\x00", '{"version":1,"version":2}'])
@pytest.mark.parametrize("name", ["desired.json", "report.json", "commands.json", "providers/chrome.json"])
def test_damaged_state_is_set_aside(api, agent, name, damage):
    api.settings = {HOMEPAGE: {"value": "https://solid.example", "level": "mandatory"}}
    assert agent.run("--once")[0] == 0
    (agent.state / name).write_text(damage)
    n = len(api.reports)
    code, _, err = agent.run("--once")
    assert code == 0, err
    assert (agent.state / (name + ".corrupt")).read_text() == damage and "set" in err or "aside" in err
    assert api.reports[n]["settings"][HOMEPAGE]["value"] == "https://solid.example"
    assert api.count("enroll") == 1


def test_damaged_identity(api, agent):
    assert agent.run("--once")[0] == 0
    (agent.state / "identity.json").write_text("{")
    code, out, err = agent.run("--once")
    assert code == 0 and "enrolled as device 13" in out, err


def test_killed_over_and_over(api, agent):
    """kill -9 at any moment: it always comes back, is one device, and ends in order."""
    agent.start()
    api.wait_report(1)
    agent.kill()
    numbers = []
    for i in range(12):
        agent.start()
        api.desire({HOMEPAGE: "https://%d.example" % i})
        numbers.append(api.command("ping"))
        seen = len(api.requests)
        api.wait(lambda: len(api.requests) > seen + i % 6, what="some requests")
        agent.kill()
    agent.start()
    api.wait_report(api.version, chrome__HomepageLocation="https://11.example")
    api.resend_s = 0
    api.wait(lambda: all(api.commands[n].state in ("done", "failed") for n in numbers), what="every command's end")
    assert api.count("enroll") == 1
    assert list(agent.state.rglob("*.corrupt")) == []
