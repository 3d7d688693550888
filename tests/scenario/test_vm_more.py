# SPDX-License-Identifier: Apache-2.0
"""More of virtual machines, each with a daemon of its own."""
import os
import signal

from conftest import wait_for
from vm_fixtures import BOOT_S, image, own_machines  # noqa: F401


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
