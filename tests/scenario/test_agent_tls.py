# SPDX-License-Identifier: Apache-2.0
"""reeve-agent trusts nothing but its server: certificates, a CA of one's own, a pinned key."""
import base64
import hashlib
import subprocess

import pytest

from agent_fixtures import Agent, DeviceApi, agent  # noqa: F401 (fixture)


def openssl(*args, **kw):
    return subprocess.run(["openssl", *args], check=True, capture_output=True, **kw).stdout


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert), "-days", "2",
            "-subj", "/CN=stand-in", "-addext", "subjectAltName=IP:127.0.0.1")
    return str(cert), str(key)


@pytest.fixture
def pin(certificate):
    public = openssl("x509", "-in", certificate[0], "-pubkey", "-noout")
    der = openssl("pkey", "-pubin", "-outform", "DER", input=public)
    return "sha256//" + base64.b64encode(hashlib.sha256(der).digest()).decode()


@pytest.fixture
def api(certificate):
    a = DeviceApi(tls=certificate).start()
    yield a
    a.stop()
    assert a.violations == []


def test_a_certificate_of_nobody_is_refused(api, agent):
    code, out, err = agent.run("--once")
    assert code == 1 and out == "" and "certificate" in err.splitlines()[-1]
    assert api.requests == []


def test_a_ca_of_ones_own(api, agent, certificate):
    code, out, err = agent.run("--once", "--ca", certificate[0])
    assert code == 0 and "reported version 1" in out, err


def test_another_ca(api, agent, tmp_path):
    other = tmp_path / "other.pem"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(tmp_path / "k"), "-out", str(other), "-days", "2",
            "-subj", "/CN=other", "-addext", "subjectAltName=IP:127.0.0.1")
    assert agent.run("--once", "--ca", str(other))[0] == 1
    assert agent.run("--once", "--ca", str(tmp_path / "missing.pem"))[0] == 1
    assert api.requests == []


def test_the_name_must_be_right(api, agent, certificate):
    code, _, err = agent.run("--once", "--ca", certificate[0], server=api.url.replace("127.0.0.1", "localhost"))
    assert code == 1 and api.requests == [], err


def test_a_pinned_key(api, agent, certificate, pin):
    wrong = "sha256//" + base64.b64encode(bytes(32)).decode()
    code, _, err = agent.run("--once", "--ca", certificate[0], "--pin", wrong)
    assert code == 1 and "pinned" in err.splitlines()[-1] and api.requests == []
    assert agent.run("--once", "--pin", pin)[0] == 1  # the pin is no substitute for a valid certificate
    code, out, err = agent.run("--once", "--ca", certificate[0], "--pin", pin)
    assert code == 0, err


def test_plain_http_to_a_tls_server(api, agent):
    assert agent.run("--once", server=api.url.replace("https", "http"))[0] == 1
    assert api.requests == []


def test_a_server_below_a_path(certificate, tmp_path):
    """Everything is asked below the path of the server's address."""
    seen = DeviceApi(tls=certificate).start()
    machine = Agent(tmp_path / "machine", seen)
    code, _, err = machine.run("--once", "--ca", certificate[0], server=seen.url + "/reeve/")
    assert code == 1 and [r.path for r in seen.requests] == ["/reeve/device/v1/enroll"], err
    seen.stop()
