# SPDX-License-Identifier: Apache-2.0
"""reeve-bench against a real server: every kind of load does what it says, and says so when it does not."""
import json
import subprocess

import pytest

from conftest import binary, clean_env

MAKERS = {"device": "device-enroll", "mdmcore": "mdmcore-enroll"}
KINDS = ["device-desired", "device-report", "mdmcore-policy", "mdmcore-report"]


def bench(server, *args, code=0):
    command = [binary("reeve-bench"), "--server", "127.0.0.1:%d" % server.port, "--json", *args]
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_env(), timeout=120)
    assert p.returncode == code, p.stderr
    return json.loads(p.stdout) if p.stdout else p.stderr


@pytest.fixture
def server(reeved_factory):
    return reeved_factory("--mdmcore-open-enrollment").settle()


def n_devices(server):
    return server.admin().get("/api/v1/devices?limit=1000").json()


@pytest.mark.parametrize("kind", KINDS)
def test_load(server, tmp_path, kind):
    devices = tmp_path / "devices"
    token = server.enrollment_token()
    result = bench(server, kind, "--devices=20", "--connections=5", "--requests=100", "--enrollment-token", token,
                   "--devices-file", str(devices))
    assert (result["ok"], result["errors"], result["kind"]) == (100, 0, kind)
    assert result["p50_ms"] <= result["p99_ms"] <= result["max_ms"]
    assert len(n_devices(server)["items"]) == 20
    assert len(devices.read_text().splitlines()) == 20
    # the same devices again
    assert bench(server, kind, "--devices=20", "-c3", "--time=200ms", "--devices-file", str(devices))["ok"] > 0
    assert len(n_devices(server)["items"]) == 20
    reported = [d for d in n_devices(server)["items"] if d["verdict"] != "UNKNOWN"]
    assert len(reported) == (20 if kind.endswith("report") else 0)


@pytest.mark.parametrize("kind", sorted(MAKERS.values()))
def test_makers(server, kind):
    result = bench(server, kind, "--devices=30", "--enrollment-token", server.enrollment_token())
    assert (result["ok"], result["errors"]) == (30, 0)
    assert len(n_devices(server)["items"]) == 30


def test_what_is_wrong_is_told(server, tmp_path):
    assert "status 401" in bench(server, "device-report", "--devices=3", "--enrollment-token=wrong", code=1)
    devices = tmp_path / "devices"
    devices.write_text("1 nobody\n")
    command = [binary("reeve-bench"), "--server", "127.0.0.1:%d" % server.port, "device-report", "--requests=4",
               "--devices-file", str(devices)]
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_env(), timeout=120)
    assert p.returncode == 1 and "0 ok, 4 errors" in p.stdout and "status 401" in p.stderr
    port, server.port = server.port, 1
    assert "refused" in bench(server, "mdmcore-enroll", code=1)
    server.port = port
    for wrong in (["nothing"], [], ["mdmcore-policy", "--connections=0"], ["mdmcore-policy", "--server=x"]):
        bench(server, *wrong, code=2)
