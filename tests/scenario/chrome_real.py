# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium as a managed browser: in a mount namespace of its own it sees its own /etc/chromium (with the
enrollment token), its own machine id, and, if asked, a copy of its binary with another verification key.

    with RealChromium(folder, url, token) as browser:
        browser.policies("HomepageLocation")
"""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import uuid

import pytest

from browser import Browser
from conftest import wait_for
from test_chrome_policy_file import ROWS

BINARY = pathlib.Path("/usr/lib/chromium/chromium")
BUILT_IN_KEY = "04f2c64466a099d36c48c39b5c46fc43085a0602fa0621019df6e10196601736"  # SHA-256 of the key in the binary
KEY_MARK, KEY_SIZE = b"1:356l7w\0", 294  # the key stands a few bytes after its name
MOUNTS = """mount --bind "$1" /etc/chromium && mount --bind "$2" /etc/machine-id &&
{ test -z "$3" || mount --bind "$3" /usr/lib/chromium/chromium; } && shift 3 && exec "$@" """
SLOW = 180  # seconds: a busy machine; the browser applies its first policy when its start has calmed down
RELOAD = """(() => {
    const find = node => {
        for (const e of node.querySelectorAll("*")) {
            if (e.id === "reload-policies") return e;
            const below = e.shadowRoot && find(e.shadowRoot);
            if (below) return below;
        }
    };
    return find(document);
})()"""


def with_key(folder, spki):
    """A copy of the browser whose verification key is this one; for as long as a test runs."""
    assert len(spki) == KEY_SIZE
    path = pathlib.Path(folder) / "chromium-copy"
    shutil.copyfile(BINARY, path)
    path.chmod(0o755)
    content = BINARY.read_bytes()
    marks = [i for i in _all(content, KEY_MARK)]
    for mark in marks:
        for at in range(mark, mark + 64):
            if hashlib.sha256(content[at:at + KEY_SIZE]).hexdigest() == BUILT_IN_KEY:
                with open(path, "r+b") as f:
                    f.seek(at)
                    f.write(spki)
                return path
    pytest.skip("this Chromium keeps its verification key in another place")


def _all(content, needle):
    at = content.find(needle)
    while at >= 0:
        yield at
        at = content.find(needle, at + 1)


class RealChromium:
    """A machine with one Chromium: start(), stop(), and what survives in between."""

    def __init__(self, folder, url, token=None, binary=None, flags=(), verify=False):
        if not BINARY.exists() or not os.path.isdir("/etc/chromium"):
            pytest.skip("Debian's Chromium is not installed")
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.etc = self.folder / "etc"
        (self.etc / "policies/enrollment").mkdir(parents=True)
        self.machine_id = self.folder / "machine-id"
        self.machine_id.write_text(uuid.uuid4().hex)
        self.binary = binary
        self.flags = ["--enable-chrome-browser-cloud-management", "--no-first-run",
                      "--device-management-url=" + url + "/devicemanagement/data/api",
                      "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
                      "--enable-logging=stderr", "--vmodule=*policy*=2,*cloud*=2,*device_management*=2", *flags]
        if not verify:
            self.flags.append("--disable-features=AlwaysVerifyPolicyKey")
        self.browser = self.page = None
        if token:
            self.enrollment_token(token)

    def enrollment_token(self, token):
        (self.etc / "policies/enrollment/CloudManagementEnrollmentToken").write_text(token + "\n")

    @property
    def device_id(self):
        digest = hashlib.sha1(self.machine_id.read_text().encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @property
    def profile(self):
        return self.folder / "profile"

    @property
    def token_file(self):
        return self.profile / "Policy/Enrollment" / self.device_id

    def dm_token(self):
        return self.token_file.read_text() if self.token_file.exists() else None

    @property
    def log(self):
        return (self.folder / "chromium.log").read_text(errors="replace")

    # ---- life ----

    def start(self):
        (self.profile / "DevToolsActivePort").unlink(missing_ok=True)
        user_namespace = [] if os.geteuid() == 0 else ["--map-root-user"]
        prefix = ["unshare", "--mount", *user_namespace, "sh", "-c", MOUNTS, "sh", str(self.etc),
                  str(self.machine_id), str(self.binary or "")]
        self.browser = Browser(self.folder, prefix=prefix, flags=self.flags, timeout=90)
        return self

    def stop(self):
        if self.browser:
            self.browser.close()
            self.browser = self.page = None

    def restart(self):
        self.stop()
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def alive(self):
        return self.browser.process.poll() is None

    # ---- what it shows ----

    def policy_page(self):
        if self.page is None:
            self.page = self.browser.open("chrome://policy")
        return self.page

    def shown(self):
        """{policy: {value, level, source, messages}} as chrome://policy says."""
        return self.policy_page().evaluate(ROWS)

    def policies(self, *names, timeout=SLOW):
        """Likewise, once all these are shown as set."""
        wait_for(lambda: set(names) <= set(self.shown()), timeout, "%s on chrome://policy" % (names,))
        return self.shown()

    def wait_policies(self, condition, timeout=SLOW, what="the policies"):
        return wait_for(lambda: condition(self.shown()), timeout, what)

    def reload(self):
        """The page's own button."""
        page = self.policy_page()
        page.wait_for(RELOAD)
        page.evaluate(RELOAD + ".click()")

    def value(self, name):
        text = self.shown().get(name, {}).get("value")
        try:
            return json.loads(text)
        except (TypeError, ValueError):
            return text
