# SPDX-License-Identifier: Apache-2.0
"""TLS: versions, garbage, certificates exchanged while it serves."""
import signal
import ssl
import subprocess
import threading
import time

import pytest

from http_peers import Answer, dial, H, is_closed, Server


def make_certificate(folder, name):
    subprocess.check_call(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-subj", "/CN=" + name,
         "-addext", "subjectAltName=IP:127.0.0.1"], stderr=subprocess.DEVNULL)


def tls_dial(port, version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    return context.wrap_socket(dial(port), server_hostname="127.0.0.1")


def served_name(port):
    with tls_dial(port) as s:
        der = s.getpeercert(binary_form=True)
    out = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject"], input=der, capture_output=True, check=True)
    return out.stdout.decode().strip().split("= ")[-1].split("=")[-1].strip()


@pytest.fixture
def tls_server(tmp_path):
    make_certificate(tmp_path, "first")
    (tmp_path / "spool").mkdir()
    s = Server("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"), "--body-dir", str(tmp_path / "spool"))
    s.folder = tmp_path
    yield s
    s.stop()


def test_tls(tls_server):
    with tls_dial(tls_server.port) as s:
        assert s.version() == "TLSv1.3"
        for request, status in (("GET /hello", 200), ("GET /defer?ms=20", 200), ("GET /nope", 404), ("GET /big", 200)):
            s.sendall((request + " HTTP/1.1\r\n" + H + "\r\n").encode())
            assert Answer(s).status == status
        s.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n186a1\r\n" + b"x" * 100001)
        assert Answer(s).problem()["status"] == 413  # from the middle of the body
    with tls_dial(tls_server.port, ssl.TLSVersion.TLSv1_2) as s:
        s.sendall(b"GET /stream?n=3&ms=5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            data += Answer.more(s)
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        tls_dial(tls_server.port, ssl.TLSVersion.TLSv1_1)


def test_tls_hostile(tls_server):
    start = time.monotonic()
    for garbage in b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\xff" + bytes(50), b"":
        with dial(tls_server.port) as s:
            s.sendall(garbage)
            assert is_closed(s)  # at once, or when the time for the headers is over
    assert time.monotonic() - start < 60
    assert served_name(tls_server.port) == "first"


def reload_tls(server):
    server.process.send_signal(signal.SIGHUP)
    return server.process.stdout.readline().strip()


def test_tls_reload(tls_server):
    folder = tls_server.folder
    assert served_name(tls_server.port) == "first"
    with tls_dial(tls_server.port) as old:
        old_key = (folder / "key.pem").read_bytes()
        make_certificate(folder, "second")
        assert reload_tls(tls_server) == "reload ok"
        assert served_name(tls_server.port) == "second"
        old.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        assert Answer(old).status == 200  # what was connected stays so
        good = (folder / "cert.pem").read_bytes(), (folder / "key.pem").read_bytes()
        for cert, key in ((b"nonsense", good[1]), (good[0], b"nonsense"), (good[0], old_key), (b"", b"")):
            (folder / "cert.pem").write_bytes(cert)
            (folder / "key.pem").write_bytes(key)
            told = reload_tls(tls_server)
            assert ".pem: " in told, told
            assert served_name(tls_server.port) == "second"
        (folder / "cert.pem").unlink()
        assert "No such file" in reload_tls(tls_server)


def test_tls_reload_under_load(tls_server):
    failures = []

    def connect_often():
        for _ in range(40):
            try:
                with tls_dial(tls_server.port) as s:
                    s.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
                    assert Answer(s).status == 200
            except Exception as e:
                failures.append(e)

    peers = [threading.Thread(target=connect_often) for _ in range(4)]
    for p in peers:
        p.start()
    for i in range(5):
        make_certificate(tls_server.folder, "number %d" % i)
        assert reload_tls(tls_server) == "reload ok"
    for p in peers:
        p.join()
    assert not failures
