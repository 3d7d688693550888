# SPDX-License-Identifier: Apache-2.0
"""SetUpUser of reeve-guest: the files of users as other programs read them, what is refused, who has locked them."""
import pathlib

import pytest

from conftest import wait_for
from guest_fixtures import guest, guest_factory  # noqa: F401 (fixtures)

FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nchronos:x:1000:1000::/home/chronos:/bin/sh\n",
    "etc/group": "root:x:0:\nsudo:x:27:chronos\nvideo:x:44:\nchronos:x:1000:\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\nchronos:!:19000:0:99999:7:::\n",
    "etc/gshadow": "root:*::\nsudo:*::chronos\nvideo:*::\nchronos:!::\n",
}


@pytest.fixture
def users(guest_factory):
    g = guest_factory("--no-ready", files=FILES)
    for path, mode in ("passwd", 0o644), ("group", 0o644), ("shadow", 0o640), ("gshadow", 0o640):
        (g.root / "etc" / path).chmod(mode)
    g.sh("chgrp 42 /etc/shadow /etc/gshadow")
    return g


def files(g):
    return {name: (g.root / name).read_text() for name in FILES}


def set_up(g, username, **fields):
    r = g.call("SetUpUser", username=username, **fields)
    assert r.username == username
    return r.success, r.failure_reason


def test_a_new_user(users):
    assert set_up(users, "me", group_names=["sudo", "video"]) == (True, "")
    assert users.output("id me").strip() == "uid=1001(me) gid=1001(me) groups=1001(me),27(sudo),44(video)"
    assert users.output("stat -c '%U %G %a' /home/me").strip() == "me me 700"
    assert users.output("stat -c '%a %g' /etc/passwd /etc/group /etc/shadow /etc/gshadow").split() == [
        "644", "0", "644", "0", "640", "42", "640", "42"]
    assert users.sh("setpriv --reuid me --regid me --init-groups touch /home/me/x") == ("EXITED", 0)
    assert users.output("stat -c %U /home/me/x").strip() == "me"
    after = files(users)
    for name, before in FILES.items():  # nothing but added lines, and members
        assert after[name].splitlines()[0] == before.splitlines()[0]
    assert "sudo:*::chronos,me" in after["etc/gshadow"] and "me:!:" in after["etc/shadow"]  # and no password
    users.sh("mkdir -p /root /home/chronos")
    assert users.output("pwck -r 2>&1; grpck -r 2>&1") == ""  # whole, say the tools of Debian


def test_again_and_in_more_groups(users):
    assert set_up(users, "me", uid=2000, group_names=["sudo"]) == (True, "")
    before = files(users)
    for fields in {}, {"uid": 2000}, {"uid": 2000, "group_names": ["sudo"]}:
        assert set_up(users, "me", **fields) == (True, "")
        assert files(users) == before
    assert set_up(users, "me", group_names=["video"]) == (True, "")
    assert users.output("id -Gn me").split() == ["me", "sudo", "video"]
    assert users.output("grep -c ^me: /etc/passwd").strip() == "1"


def test_conflicts_are_an_answer(users):
    for username, uid, reason in ("chronos", 2000, "chronos has the uid 1000"), ("me", 1000, "uid 1000 is that of chronos"):
        assert set_up(users, username, uid=uid, group_names=["video"]) == (False, reason)
    assert files(users) == FILES


@pytest.mark.parametrize("fields, text", [
    ({}, "not a name"), ({"username": "Me"}, "not a name"), ({"username": "me:0"}, "not a name"),
    ({"username": "me\nroot2::0:0::/:/bin/sh"}, "not a name"), ({"username": "x" * 33}, "not a name"),
    ({"username": "me", "uid": 0}, "uid 0"), ({"username": "me", "uid": 2**32 - 1}, "uid 4294967295"),
    ({"username": "me", "group_names": ["sudo", "nope"]}, "no group “nope”"),
    ({"username": "me", "group_names": [""]}, "no group “”"),
])
def test_refusals_touch_nothing(users, fields, text):
    call = users.begin("SetUpUser", **fields)
    assert call.code().name == "INVALID_ARGUMENT" and text in call.details()
    assert files(users) == FILES
    assert not (users.root / "home").exists()


def test_a_root_without_users(guest):
    assert set_up(guest, "me") == (True, "")
    assert guest.output("cat /etc/passwd /etc/group") == "me:*:1000:1000::/home/me:%s\nme:x:1000:\n" % (
        "/bin/bash" if pathlib.Path("/usr/bin/bash").exists() else "/bin/sh")


def test_many_at_once(users):
    calls = [users.begin("SetUpUser", username="u%d" % i, group_names=["video"]) for i in range(20)]
    assert [c.result().success for c in calls] == [True] * 20
    assert len({line.split(":")[2] for line in files(users)["etc/passwd"].splitlines()}) == 22  # no number twice
    assert files(users)["etc/group"].split("video:x:44:")[1].split("\n")[0].count(",") == 19


def test_while_somebody_else_writes(users):
    """lckpwdf(3) is what usermod and its like hold."""
    users.launch("python3", "-c", "import fcntl, time; f = open('/etc/.pwd.lock', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); "
                 "open('/host/locked', 'w'); time.sleep(1000)")
    wait_for((users.host / "locked").exists, what="the lock")
    call = users.begin("SetUpUser", username="me")
    assert users.sh("exit 3") == ("EXITED", 3)  # nobody else waits
    assert call.code().name == "UNAVAILABLE" and "/etc/.pwd.lock" in call.details()
    users.sh("pkill python3")
    assert set_up(users, "me") == (True, "")


def test_a_root_that_cannot_be_written(users):
    users.mount("/etc", "/etc", flags=4096)
    users.mount("", "/etc", flags=4096 | 32 | 1)
    call = users.begin("SetUpUser", username="me")
    assert call.code().name == "INTERNAL" and "Read-only file system" in call.details()
