# SPDX-License-Identifier: Apache-2.0
"""More of virtual machines, each with a daemon of its own."""
import json
import os
import shutil
import signal
import subprocess

import pytest

from conftest import clean_env, wait_for
from vm_fixtures import BOOT_S, HOST, image, own_machines  # noqa: F401


def test_a_guest_prints_without_end(own_machines):
    machines = own_machines
    machines.boot("one")
    console = machines.state / "vms/one/console"
    with open(console, "ab") as f:  # as qemu does, which would take its time
        f.write(b"old\n" * (1 << 20) + b"the end of it\n")
    wait_for(lambda: console.stat().st_size < 1 << 20, timeout=BOOT_S, what="it to be shorter")
    assert machines.output("one", "echo more") == "more"
    text = console.read_bytes()
    assert text.index(b"the end of it") > 500_000 and text.index(b"more") > text.index(b"the end of it")
    assert b"\0" not in text and b"listening" not in text


def test_its_last_words(own_machines):
    """They end a sentence of limited length, and may be no text."""
    machines = own_machines
    machines.boot("one")
    machines.run("vm", "exec", "--console", "one", "--", "sh", "-c",
                 "yes | head -c 600; printf '\\377\\033[31m\\302 this is \\342\\202\\254 the end\\n'")
    os.kill(machines.info("one")["pid"], signal.SIGKILL)
    wait_for(lambda: machines.info("one")["state"] == "crashed", timeout=BOOT_S, what="its end")
    why = machines.info("one")["why"]
    assert why.startswith("qemu has ended; the console's last words: ") and why.endswith("\ufffd [31m\ufffd this is € the end")
    machines.run("vm", "start", "one")
    assert "this is" not in machines.run("vm", "console", "one")  # of the run before


def test_a_relative_state_folder(own_machines):
    """It is the same folder, whatever it is called: a machine of it is found again."""
    machines = own_machines
    machines.stop_daemon()
    machines.daemons_state = "s"
    machines.start_daemon()
    machines.boot("one")
    pid = machines.info("one")["pid"]
    machines.daemons_state = str(machines.state)
    machines.restart_daemon()
    assert machines.info("one")["pid"] == pid
    machines.sh("one", "true")


@pytest.mark.parametrize("other", [{"name": "a", "cid": 6}, {"name": "b", "cid": 5}])
def test_two_of_one_name_or_cid(tmp_path, other):
    config = tmp_path / "host.yaml"
    config.write_text(json.dumps({"vms": [{"name": "a", "cid": 5}, other]}))
    r = subprocess.run([str(HOST), "--state", str(tmp_path / "s"), "--config", str(config), "--no-menu", "--listen",
                        "unix:%s/l" % tmp_path, "serve"], capture_output=True, text=True, timeout=60, env=clean_env())
    assert r.returncode == 2 and "already" in r.stderr, r.stderr


# What stands for qemu: it notes each call's accelerator, and KVM fails at once ("exit"), or is there and does nothing ("hang").
WRAPPER = """#!/bin/sh
case "$*" in
*accel=kvm*) echo kvm >> "$0.calls" ;;
*) echo tcg >> "$0.calls"; exec %(qemu)s "$@" ;;
esac
if [ %(kvm)s = exit ]; then echo no such luck >&2; exit 1; fi
for word; do
  shift
  case "$word" in q35,accel=kvm) word=q35,accel=tcg ;; host) word=max ;; esac
  set -- "$@" "$word"
done
exec %(qemu)s "$@" -S
"""


@pytest.mark.skipif(not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="KVM is not even tried here")
@pytest.mark.parametrize("kvm", ["exit", "hang"])
def test_kvm_that_does_not_work(own_machines, kvm):
    """The machine starts without, and the next one at once, until the host is booted again."""
    machines = own_machines
    wrapper = machines.folder / "qemu-system-x86_64"
    wrapper.write_text(WRAPPER % {"qemu": shutil.which("qemu-system-x86_64"), "kvm": kvm})
    wrapper.chmod(0o755)
    calls = machines.folder / "qemu-system-x86_64.calls"
    machines.stop_daemon()
    machines.env["PATH"] = "%s:%s" % (machines.folder, machines.env["PATH"])
    machines.start_daemon()
    machines.boot("one", "--disk", "%s/d.img:size=8M" % machines.folder)
    assert machines.info("one")["accelerator"] == "tcg" and calls.read_text().split() == ["kvm", "tcg"]
    machines.restart_daemon()
    machines.run("vm", "stop", "--force", "one")
    machines.run("vm", "start", "one")
    assert calls.read_text().split() == ["kvm", "tcg", "tcg"]
    if kvm == "exit":
        machines.run("vm", "stop", "--force", "one")
        (machines.state / "no-kvm").write_text("00000000-0000-0000-0000-000000000000")  # of another boot
        machines.run("vm", "start", "one")
        assert calls.read_text().split()[3:] == ["kvm", "tcg"]


def test_a_machine_that_starts_neither_way(own_machines):
    """That is not KVM's fault."""
    machines = own_machines
    (machines.folder / "text").write_text("no kernel\n")
    assert "qemu did not start" in machines.run("vm", "start", "one", "--kernel", machines.folder / "text", code=1)
    assert not (machines.state / "no-kvm").exists()
