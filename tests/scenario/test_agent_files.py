# SPDX-License-Identifier: Apache-2.0
"""Deployable files over connections that break: fetched whole, resumed where they broke, never placed damaged."""
import hashlib
import time

import pytest

from agent_fixtures import agent, api  # noqa: F401 (fixtures)
from conftest import wait_for

CONTENT = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(20000))  # 640 kB that do not repeat
DESTINATION = "/opt/thing.bin"
DEPLOY = {"files.deploy": [{"file": 3, "destination": DESTINATION, "remove_on_delete": True}]}


def placed(agent):
    path = agent.root / DESTINATION[1:]
    return path.read_bytes() if path.exists() else None


def test_placed_and_taken_away(api, agent):
    api.add_file(3, CONTENT)
    agent.start()
    report = api.wait_report(api.desire(DEPLOY))
    assert placed(agent) == CONTENT, report
    api.wait_report(api.desire({}))
    assert placed(agent) is None


@pytest.mark.parametrize("fault", ["drop", "drop-head", "drop-body"])
def test_broken_transfers_go_on(api, agent, fault):
    api.add_file(3, CONTENT)
    api.fault("file", fault, times=2)
    agent.start()
    api.wait_report(api.desire(DEPLOY))
    assert placed(agent) == CONTENT
    requests = [r for r in api.requests if r.name == "file"]
    assert len(requests) == 3
    if fault == "drop-body":  # half of it, then half of the rest
        assert requests[1].headers["Range"] == "bytes=%d-" % (len(CONTENT) // 2)
        assert requests[1].headers["If-Range"] == '"%s"' % hashlib.sha256(CONTENT).hexdigest()
        assert requests[2].headers["Range"] == "bytes=%d-" % (len(CONTENT) // 2 + len(CONTENT) // 4)


def test_a_damaged_file_is_never_placed(api, agent):
    api.add_file(3, CONTENT)
    description, _ = api.files[3]
    api.files[3] = (description, CONTENT[:-1] + b"!")
    agent.start()
    version = api.desire(DEPLOY)
    report = api.wait_report(version)
    assert report["settings"]["files.deploy"]["state"] == "failed"
    assert "SHA-256" in report["settings"]["files.deploy"]["message"]
    assert placed(agent) is None
    assert [p for p in (agent.root / "opt").rglob("*")] == []


def test_a_file_that_is_not_there(api, agent):
    agent.start()
    report = api.wait_report(api.desire(DEPLOY))
    assert report["settings"]["files.deploy"]["state"] in ("failed", "pending")
    assert placed(agent) is None


def test_the_token_is_not_given_to_redirects(api, agent):
    api.add_file(3, CONTENT)
    api.fault("file|description", "redirect", times=20, argument="http://127.0.0.1:9/elsewhere")
    agent.start()
    report = api.wait_report(api.desire(DEPLOY))
    assert report["settings"]["files.deploy"]["state"] in ("failed", "pending") and placed(agent) is None
    assert "redirects" in report["settings"]["files.deploy"]["message"]


def test_commands_and_stopping_do_not_wait_for_a_download(api, agent):
    """A transfer that trickles: the agent answers a ping meanwhile, stops when told, and finishes after a restart."""
    api.add_file(3, CONTENT)
    api.fault("file", "slow", times=1, argument=600)
    agent.start()
    api.wait_report(1)
    version = api.desire(DEPLOY)
    api.wait(lambda: api.count("file") == 1, what="the download")
    number = api.command("ping")
    api.wait(lambda: api.commands[number].state == "done", what="the answer to the ping")
    assert placed(agent) is None
    start = time.monotonic()
    agent.process.terminate()
    assert agent.wait() == 0
    assert time.monotonic() - start < 60  # the download takes 600
    agent.start()
    api.wait_report(version)
    wait_for(lambda: placed(agent) == CONTENT, what="the file")
