# SPDX-License-Identifier: Apache-2.0
"""reeved as a process: the ready line, first start, files and their modes, signals, exit codes, bad configuration."""
import datetime
import ipaddress
import os
import re
import signal
import socket
import ssl
import stat
import subprocess

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conftest import binary, clean_env, wait_for


def run(*args, env=None, timeout=60):
    return subprocess.run([binary("reeved"), *args], capture_output=True, text=True, timeout=timeout,
                          env=clean_env(**(env or {})))


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# ---- first start ----

def test_first_start(reeved):
    assert re.fullmatch(r"reeved: ready http://127\.0\.0\.1:\d+", reeved.ready_line)
    assert reeved.port != 0
    assert mode(reeved.data) == 0o700
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}\n", (reeved.data / "admin.token").read_text())
    reeved.settle()
    assert (reeved.data / "admin.password").read_text().strip()
    keys = list((reeved.data / "keys").iterdir())
    assert sorted(k.name.split("-")[0] for k in keys) == ["policy", "token", "verification"]
    for path in reeved.data.rglob("*"):
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path


def test_token_in_clear_nowhere_else(reeved):
    token, password = reeved.admin_token, None
    reeved.settle()
    password = (reeved.data / "admin.password").read_text().strip()
    reeved.stop()
    for path in reeved.data.rglob("*"):
        if path.is_file() and path.name not in ("admin.token", "admin.password"):
            content = path.read_bytes()
            assert token.encode() not in content and password.encode() not in content, path
    assert token not in reeved.stderr() and password not in reeved.stderr()


def test_deleted_token_is_not_made_again(reeved):
    reeved.settle()
    reeved.stop()
    (reeved.data / "admin.token").unlink()
    (reeved.data / "admin.password").unlink()
    reeved.start()
    reeved.settle()
    assert not (reeved.data / "admin.token").exists()
    assert not (reeved.data / "admin.password").exists()


def test_reset_admin_token(reeved):
    old = reeved.admin_token
    assert reeved.admin().get("/api/v1/organizations").status_code == 200
    reeved.stop()
    done = run("--data", str(reeved.data), "--reset-admin-token")
    assert done.returncode == 0, done.stderr
    assert mode(reeved.data / "admin.token") == 0o600
    reeved.start()
    assert reeved.admin_token != old
    assert reeved.admin().get("/api/v1/organizations").status_code == 200
    s = reeved.session()
    s.headers["Authorization"] = "Bearer " + old
    assert s.get("/api/v1/organizations").status_code == 401


def test_killed_during_first_start(reeved_factory):
    """Whenever the power goes, the next start ends with a server that one can use."""
    server = reeved_factory(start=False)
    for delay_ms in (0, 1, 3, 8, 15, 30, 60, 120):
        process = subprocess.Popen(server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=server.env)
        try:
            process.wait(timeout=delay_ms / 1000)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    server.start()
    server.settle()
    assert server.admin().get("/api/v1/organizations").json()["items"][0]["name"] == "default"
    assert (server.data / "admin.password").exists()


# ---- life ----

def test_restart_keeps_everything(reeved):
    token = reeved.enrollment_token()
    device = reeved.device(token=token, name="kept", serial="S1")
    reeved.settle()
    keys = {k.name: k.read_bytes() for k in (reeved.data / "keys").iterdir()}
    admin_token = reeved.admin_token
    reeved.restart()
    assert reeved.admin_token == admin_token
    reeved.settle()
    assert {k.name: k.read_bytes() for k in (reeved.data / "keys").iterdir()} == keys
    items = reeved.admin().get("/api/v1/devices").json()["items"]
    assert [(d["name"], d["serial"]) for d in items] == [("kept", "S1")]
    device.base = reeved.url
    assert device.get("/device/v1/desired").status_code == 200
    assert reeved.admin().get("/api/v1/organizations").json()["items"][0]["name"] == "default"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_well(reeved_factory, number):
    server = reeved_factory()
    server.signal(number)
    assert server.wait() == 0
    assert server.rest == ""  # exactly one line on stdout
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), timeout=30)


def test_second_instance_is_refused(reeved):
    second = run("--data", str(reeved.data), "--listen", "127.0.0.1:0")
    assert second.returncode == 1
    assert "is in use by another reeved (process %d)" % reeved.process.pid in second.stderr
    assert second.stdout == ""
    assert reeved.session().get("/healthz").status_code == 200


def test_port_in_use(reeved, tmp_path):
    second = run("--data", str(tmp_path / "other"), "--listen", "127.0.0.1:%d" % reeved.port)
    assert second.returncode == 1
    assert "127.0.0.1:%d" % reeved.port in second.stderr


def test_reload(reeved_factory, tmp_path):
    config = tmp_path / "reeved.yaml"
    config.write_text("mdmcore.open_enrollment: false\n")
    server = reeved_factory("--config", str(config))
    s = server.session()
    assert s.get("/devices").status_code == 404
    config.write_text("mdmcore.open_enrollment: true\n")
    server.signal(signal.SIGHUP)
    wait_for(lambda: s.get("/devices").status_code == 200, what="the new configuration")
    config.write_text("mdmcore.open_enrollment: maybe\n")
    server.signal(signal.SIGHUP)
    wait_for(lambda: "%s:1: mdmcore.open_enrollment" % config in server.stderr(), what="the complaint")
    assert s.get("/devices").status_code == 200
    config.write_text("mdmcore.open_enrollment: true\nlisten: 127.0.0.1:1\n")
    server.signal(signal.SIGHUP)
    wait_for(lambda: server.stderr().count("configuration read again") == 2)
    config.write_text("mdmcore.open_enrollment: true\ntls.insecure: true\n")
    server.signal(signal.SIGHUP)
    wait_for(lambda: "key=tls.insecure" in server.stderr(), what="the hint that a restart is needed")


def test_sd_notify(reeved_factory, tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(60)
        server = reeved_factory(env={"NOTIFY_SOCKET": path})
        assert s.recv(100) == b"READY=1"
        server.stop()
        assert s.recv(100) == b"STOPPING=1"


# ---- TLS ----

def make_certificate(folder, name):
    """A self-signed certificate for 127.0.0.1; returns its serial number."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256()))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate.serial_number


def served_serial(port):
    pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=60)
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_tls(reeved_factory, tmp_path):
    first = make_certificate(tmp_path, "first")
    server = reeved_factory("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    assert server.ready_line.startswith("reeved: ready https://127.0.0.1:")
    assert requests.get(server.url + "/healthz", verify=str(tmp_path / "cert.pem"), timeout=60).text == "ok\n"
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(server.url + "/healthz", timeout=60)
    assert served_serial(server.port) == first
    second = make_certificate(tmp_path, "second")
    assert served_serial(server.port) == first  # not before it is told
    server.signal(signal.SIGHUP)
    wait_for(lambda: served_serial(server.port) == second, what="the new certificate")
    (tmp_path / "cert.pem").write_text("this is none")
    server.signal(signal.SIGHUP)
    wait_for(lambda: "the old certificate stays in use" in server.stderr())
    assert served_serial(server.port) == second


# ---- configuration ----

@pytest.mark.parametrize("text, complaint", [
    ("listne: x\n", ":1: there is no setting \"listne\"; did you mean \"listen\"?"),
    ("tls:\n  cert: a\n  kay: b\n", ":3: there is no setting \"tls.kay\"; did you mean \"tls.key\"?"),
    ("# x\npoll:\n  interval: soon\n", ":3: poll.interval: \"soon\" is not a duration"),
    ("data: [\n", ":1: one value is expected here: data"),
    ("tls: }\n", ":1: "),
    ("listen: 0.0.0.0:0\n", ":1: listen: 0.0.0.0:0 is not a loopback address"),
    ("store: postgres://u@h/d\n", ":1: store: this version cannot use PostgreSQL yet"),
])
def test_bad_file(tmp_path, text, complaint):
    config = tmp_path / "bad.yaml"
    config.write_text(text)
    for more in ([], ["--check"]):
        done = run("--config", str(config), *more)
        assert done.returncode == 2
        assert str(config) + complaint in done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize("args, complaint", [
    (["--nonsense"], "unknown option --nonsense"),
    (["stray"], "unexpected argument"),
    (["--listen", "0.0.0.0:0"], "--listen: 0.0.0.0:0 is not a loopback address"),
    (["--mqtt", "on"], "--mqtt: \"on\" is not off, embedded"),
    (["--fcm-credentials", "/nonexistent/key.json"], "/nonexistent/key.json"),
    (["--tls-cert", "/nonexistent/c", "--tls-key", "/nonexistent/k"], "/nonexistent/c"),
])
def test_bad_flags(tmp_path, args, complaint):
    done = run("--data", str(tmp_path / "data"), *args)
    assert done.returncode == 2, done.stderr
    assert complaint in done.stderr


def test_check_dump_help_version(tmp_path):
    assert run("--check").returncode == 0
    assert run("--version").stdout.startswith("reeved ")
    for option in ("--data", "--listen", "--tls-cert", "--store", "--mqtt", "--check", "--dump-config", "--config"):
        assert option in run("--help").stdout
    first = run("--dump-config", "--poll-interval", "7m", env={"REEVE_LOG_LEVEL": "debug"}).stdout
    assert "poll.interval: 7m" in first and "log.level: debug" in first
    config = tmp_path / "dumped.yaml"
    config.write_text(first)
    assert run("--config", str(config), "--dump-config").stdout == first


def test_unusable_data_folder(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("--data", str(tmp_path / "file"), "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr


def test_damaged_store(reeved_factory, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "store.sqlite").write_bytes(b"this is no database" * 1000)
    done = run("--data", str(data), "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "store.sqlite" in done.stderr


# ---- operations ----

def test_operations(reeved):
    s = reeved.session()
    assert (s.get("/healthz").status_code, s.get("/healthz").text) == (200, "ok\n")
    version = s.get("/version").json()
    assert version["name"] == "reeve" and version["version"]
    wait_for(lambda: s.get("/readyz").json() == {"ready": True, "parts": {"store": "ok", "keys": "ok"}})
    text = s.get("/metrics").text
    assert "reeve_build_info{version=\"%s\"} 1" % version["version"] in text
    assert re.search(r'^reeve_http_requests_total\{class="other",status="2xx"\} [1-9]', text, re.M)
    # every sample belongs to a metric that says its type, and is a number
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, value = re.fullmatch(r"([a-z_]+)(?:\{[^}]*\})? (\S+)", line).groups()
        float(value)
        assert name in types or re.sub(r"_(bucket|sum|count)$", "", name) in types, line


def test_metrics_through_a_proxy_need_a_scope(reeved):
    s = reeved.session()
    assert s.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 401
    assert reeved.admin().get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 200


def test_root_without_mdmcore(reeved):
    r = reeved.session().get("/", allow_redirects=False)
    if r.status_code == 302:
        assert r.headers["Location"] == "/console/"
    else:
        assert r.status_code == 404
