# SPDX-License-Identifier: Apache-2.0
"""What the scenarios of Chrome share: a server that manages the domain example.com, an administrator, clients.

    from chrome_fixtures import chrome, chrome_factory, started_before, token_info  # noqa: F401 fixtures
"""
import json
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from chrome_browser import Browser
from chrome_seed_device import SeedDevice, TokenInfo
from conftest import Reeved, binary, clean_env

DOMAIN = "example.com"


class Cli:
    """`reeve`, as an administrator types it."""

    def __init__(self, reeved):
        self.reeved = reeved

    def try_run(self, *args):
        return subprocess.run(
            [binary("reeve"), *[str(a) for a in args]], capture_output=True, text=True, timeout=60,
            env=clean_env(REEVE_SERVER=self.reeved.url, REEVE_TOKEN_FILE=str(self.reeved.data / "admin.token")))

    def run(self, *args, expect=0):
        result = self.try_run(*args)
        assert result.returncode == expect, (args, result.returncode, result.stdout, result.stderr)
        return result.stdout

    def json(self, *args):
        return json.loads(self.run(*args, "-o", "json"))


class Chrome:
    """A server, its administrator, and clients that know its verification key."""

    def __init__(self, reeved, token_info=None):
        self.reeved = reeved.settle()
        self.cli = Cli(reeved)
        self.token_info = token_info
        pem = self.cli.run("key", "show", "verification").encode()
        self.verification_key = serialization.load_pem_public_key(pem).public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def url(self):
        return self.reeved.url

    def token(self, fleet="default", *more):
        return self.cli.json("enrollment-token", "create", "--kind", "chrome", "--fleet", fleet, *more)["token"]

    def browser(self, enroll=True, token=None, **kw):
        """A new browser; enrolled, and with its first policy, unless told otherwise."""
        b = Browser(self.url, self.verification_key, **kw)
        if enroll:
            answer = b.register(token or self.token())
            assert answer.status == 200, answer
        return b

    def seed_device(self, oauth="admin", **kw):
        """A ChromeOS device, registered by a person."""
        d = SeedDevice(self.url, self.verification_key)
        if oauth:
            answer = d.register(oauth, **kw)
            assert answer.status == 200, answer
        return d

    def set(self, name, value, where=("--fleet", "default"), level=None):
        self.cli.run("setting", "set", *where, name, json.dumps(value), *(["--level", level] if level else []))

    def unset(self, name, where=("--fleet", "default")):
        self.cli.run("setting", "unset", *where, name)

    def row(self, client):
        """The client's device as `reeve device list` shows it."""
        rows = [d for d in self.cli.json("device", "list") if d["external_id"] == client.device_id]
        assert len(rows) == 1, rows
        return rows[0]

    def show(self, client):
        return self.cli.json("device", "show", self.row(client)["id"])

    def verdict(self, client):
        return self.row(client)["verdict"]

    def send(self, client, command, *more):
        return self.cli.json("command", "send", self.row(client)["id"], command, *more)["id"]

    def command(self, number):
        return self.cli.json("command", "show", number)


@pytest.fixture
def token_info():
    info = TokenInfo(admin="admin@" + DOMAIN, ann="ann@" + DOMAIN, stranger="joe@elsewhere.example")
    yield info
    info.close()


@pytest.fixture(scope="session")
def started_before(tmp_path_factory):
    """The data of a server after its first start: to make keys takes longer than most tests."""
    server = Reeved(tmp_path_factory.mktemp("chrome") / "data")
    server.start().settle().stop()
    return server.data


@pytest.fixture
def chrome_factory(reeved_factory, started_before, token_info, tmp_path):
    """chrome_factory(*options) -> Chrome, with data of its own."""
    def make(*options):
        data = tmp_path / ("chrome-%d" % len(list(tmp_path.iterdir())))
        shutil.copytree(started_before, data)
        return Chrome(reeved_factory("--chrome-domain", DOMAIN, "--chrome-token-info-url", token_info.url, *options,
                                     data=data), token_info)
    return make


@pytest.fixture
def chrome(chrome_factory):
    return chrome_factory()
