# SPDX-License-Identifier: Apache-2.0
"""`reeve-host`: what goes wrong around it. Slow and dead services, hooks that hang, hostile icons, its end while calls run, files of its own."""
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import binary, clean_env, wait_for
from grpc_fixtures import LONG_S
from host_fixtures import PNG, Container, container, guest_pb, host, host_factory, host_pb, png_head  # noqa: F401 (fixtures)
from portal_fixtures import bus, portal  # noqa: F401 (fixtures)

REFUSED = "FAILED_PRECONDITION"
APP = host_pb.Application


def descriptors(host):
    return len(os.listdir("/proc/%d/fd" % host.process.pid))


def alive(pid):
    """A process that still runs (not one that waits to be collected)."""
    try:
        with open("/proc/%s/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_dialog_of_the_desktop(host_factory, bus, portal, monkeypatch):
    """From the container through the default hook to the portal, and back in the container's words."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus["DBUS_SESSION_BUS_ADDRESS"])
    host = host_factory(config={"hooks": {}})
    p = portal(code=0, uris=["file://%s/a%%20b.png" % host.home, "file:///etc/passwd"])
    c = Container(host)
    r = c.call("SelectFile", type="open-multi-file", title="--title", default_path="/home/user", allowed_extensions="png")
    assert list(r.files) == ["/home/user/a b.png"]
    said = p.read()
    assert said["title"] == "--title" and said["options"]["current_folder"] == str(host.home)
    c.garcon.stop()


def test_dialog_is_closed_for_its_caller(host_factory, bus, portal, monkeypatch):
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus["DBUS_SESSION_BUS_ADDRESS"])
    host = host_factory(config={"hooks": {}})
    p = portal(wait=True)
    c = Container(host)
    future = c.caller.begin("SelectFile", token=c.token)
    assert p.read()["method"] == "OpenFile"
    future.cancel()
    assert p.read() == "closed"
    c.garcon.stop()


def test_slow_service_holds_up_nobody(host):
    """A container whose own service takes connections and says nothing: refused after a while; others are served meanwhile."""
    garcon, vm = host.garcon(), host.vm()
    stop = []
    garcon.answers["GetGarconSessionInfo"] = lambda r, context: wait_for(lambda: stop or not context.is_active(), timeout=LONG_S, what="the end")
    future = vm.begin("ContainerReady", token=host.token(), garcon_port=10000)
    other = Container(host, "other", 10001)
    assert other.code("UpdateApplicationList") == "OK"
    assert not future.done() or future.code().name == REFUSED
    assert future.code().name == REFUSED
    assert vm.code("UpdateApplicationList", token=host.token()) == REFUSED  # not up
    stop.append(1)
    garcon.stop()
    other.garcon.stop()


def test_service_that_left(host, container):
    container.garcon.stop()
    assert container.code("UpdateApplicationList", application=[APP(desktop_file_id="vim")]) == "OK"  # without icons
    assert list(host.entries()) == ["reeve-termina-penguin-vim.desktop"]
    assert host.run("container", "launch", "termina", "penguin", "vim", code=1)
    container.garcon = host.garcon()  # started again
    assert container.code("ContainerReady", garcon_port=10000) == "OK"
    container.garcon.answers["LaunchApplication"] = lambda r, _: guest_pb.LaunchApplicationResponse(success=True)
    host.run("container", "launch", "termina", "penguin", "vim")


def test_icons(host, container):
    """Only what is a picture, of a bounded size, for an application of this container; a link in the way is not written through."""
    icons = {"big": PNG + bytes(1 << 20), "text": b"#!/bin/sh\n", "nothing": b"", "svg": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
             "zero": b"<svg>\0</svg>", "png": PNG, "bomb": png_head(2049, 1), "flat": png_head(48, 0), "short": PNG[:20]}
    target = host.folder / "target"
    target.write_text("mine")
    folder = host.data / "reeve-host/icons"
    (folder / "reeve-termina-penguin-png.png").symlink_to(target)
    (host.data / "applications/reeve-termina-penguin-png.desktop").symlink_to(target)
    container.garcon.answers["GetIcon"] = lambda request, _: guest_pb.IconResponse(
        desktop_icons=[{"desktop_file_id": i, "icon": icons[i], "format": 0} for i in request.desktop_file_ids])
    container.call("UpdateApplicationList", application=[APP(desktop_file_id=i) for i in icons])
    wait_for(lambda: sum(len(r.desktop_file_ids) for r in container.garcon.asked("GetIcon")) == len(icons), timeout=LONG_S, what="questions")
    wait_for(lambda: "Icon=" in host.entries()["reeve-termina-penguin-png.desktop"] and
             "Icon=" in host.entries()["reeve-termina-penguin-svg.desktop"], timeout=LONG_S, what="icons")
    assert sorted(p.name for p in folder.iterdir()) == ["reeve-termina-penguin-png.png", "reeve-termina-penguin-svg.svg"]
    assert target.read_text() == "mine" and not (folder / "reeve-termina-penguin-png.png").is_symlink()
    assert all(len(r.desktop_file_ids) <= 3 for r in container.garcon.asked("GetIcon"))


def test_icons_of_one_that_left(host, container):
    """Their answer comes when the container is down, or has another list."""
    release = []

    def slow(request, _):
        wait_for(lambda: release, timeout=LONG_S, what="release")
        return guest_pb.IconResponse(desktop_icons=[{"desktop_file_id": i, "icon": PNG} for i in request.desktop_file_ids])

    container.garcon.answers["GetIcon"] = slow
    container.call("UpdateApplicationList", application=[APP(desktop_file_id="a")])
    wait_for(lambda: container.garcon.asked("GetIcon"), timeout=LONG_S, what="a question")
    container.call("UpdateApplicationList", application=[])
    container.call("ContainerShutdown")
    release.append(1)
    assert container.code("ContainerReady", garcon_port=10000) == "OK"
    assert host.entries() == {} and not list((host.data / "reeve-host/icons").iterdir())


def test_hooks_that_hang(host_factory):
    """They hold up no call, are bounded in number, and end with the host."""
    host = host_factory(hooks={"file_changed": ["sh", "-c", 'echo $$ >> "$RECORD.pids"; exec sleep 1000']})
    c = Container(host)
    for i in range(70):
        assert c.code("FileWatchTriggered", path=str(i)) == "OK"
    pids = host.folder / "record.pids"
    wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 24, timeout=LONG_S, what="hooks")
    assert c.code("OpenUrl", url="http://x/") == REFUSED  # no room, and somebody waits for the answer
    c.garcon.stop()
    host.stop()
    assert not [p for p in pids.read_text().split() if alive(p)]
    host.start()


def test_a_hook_takes_too_long(host_factory):
    host = host_factory(hooks={"notify": ["sh", "-c", "sleep 1000 & wait"]})
    c = Container(host)
    assert c.code("LowDiskSpaceTriggered", free_bytes=1) == "OK"
    wait_for(lambda: "took too long" in host.log(), timeout=LONG_S, what="its end")
    c.garcon.stop()


def test_missing_program(host_factory):
    host = host_factory(hooks={"open_url": ["/nonexistent/browser", "{url}"], "notify": ["/nonexistent/notify"]})
    c = Container(host)
    future = c.caller.begin("OpenUrl", token=c.token, url="http://x/")
    assert future.code().name == REFUSED and "/nonexistent/browser" in future.details()
    assert c.code("LowDiskSpaceTriggered", free_bytes=1) == "OK"  # nobody waits for that one
    wait_for(lambda: "/nonexistent/notify" in host.log(), timeout=LONG_S, what="a line in the log")
    c.garcon.stop()


def test_end_while_calls_run(host_factory):
    """SIGTERM, twice, while a dialog is open: calls end, programs that were bounded too, exit code 0."""
    host = host_factory(hooks={"select_file": ["sh", "-c", 'echo $$ > "$RECORD.pid"; exec sleep 1000'],
                               "security_key": ["sh", "-c", 'echo $$ > "$RECORD.key"; exec sleep 1000']})
    c = Container(host)
    calls = [c.caller.begin("SelectFile", token=c.token), c.caller.begin("ForwardSecurityKeyMessage", message="x")]
    files = [host.folder / "record.pid", host.folder / "record.key"]
    wait_for(lambda: all(p.exists() and p.read_text().strip() for p in files), timeout=LONG_S, what="programs")
    host.process.send_signal(signal.SIGTERM)
    host.process.send_signal(signal.SIGTERM)
    assert host.process.wait(timeout=LONG_S) == 0, host.log()
    assert all(call.code().name in ("CANCELLED", "UNAVAILABLE", REFUSED) for call in calls)
    wait_for(lambda: not any(alive(p.read_text().strip()) for p in files), timeout=LONG_S, what="their end")
    c.garcon.stop()
    host.process.stdout.close()
    host.start()


def test_nothing_stays(host):
    """Descriptors and processes after many containers have come and gone."""
    def round_trip(n):
        for _ in range(n):
            c = Container(host)
            c.call("UpdateApplicationList", application=[APP(desktop_file_id="vim")])
            c.call("LowDiskSpaceTriggered", free_bytes=1)
            c.call("ContainerShutdown")
            c.caller.channel.close()
            c.garcon.stop()

    round_trip(2)
    host.wait_recorded("notify", 2)
    wait_for(lambda: children(host) == 0, timeout=LONG_S, what="no children")
    before = settled_descriptors(host)
    round_trip(20)
    host.wait_recorded("notify", 22)
    wait_for(lambda: children(host) == 0 and descriptors(host) <= before, timeout=LONG_S, what="%d descriptors" % before)


def children(host):
    with open("/proc/%d/task/%d/children" % (host.process.pid, host.process.pid)) as f:
        return len(f.read().split())


def settled_descriptors(host):
    """When their number has not changed for a while: connections that were closed take their time to be noticed."""
    last, since = descriptors(host), time.monotonic()
    while time.monotonic() - since < 1:
        if descriptors(host) != last:
            last, since = descriptors(host), time.monotonic()
        time.sleep(0.05)
    return last


@pytest.mark.parametrize("text,problem", [
    ("vms: [{name: a}]", "cid"),
    ("vms: [{name: a, cid: 5}, {name: a, cid: 6}]", "a"),
    ("vms: [{name: a, cid: 5}, {name: b, cid: 5}]", "has this CID"),
    ("hooks: {open_url: [x, '{titel}']}", "{titel}"),
    ("vms: [{name: a, cid: 5, listen: 'unix:/nonexistent/folder/s'}]", "/nonexistent/folder"),
    ("vms: [", "config"),
])
def test_bad_configuration(tmp_path, text, problem):
    config = tmp_path / "config"
    config.write_text(text)
    r = subprocess.run([binary("reeve-host"), "--state", str(tmp_path / "state"), "--config", str(config), "--no-menu",
                        "--listen", "unix:%s/s" % tmp_path, "serve"], capture_output=True, text=True, timeout=LONG_S, env=clean_env())
    assert r.returncode in (1, 2, 5) and r.stdout == "" and problem in r.stderr, r


def test_bad_token_files(tmp_path):
    """A token that is none is not taken for one, and not replaced."""
    token = tmp_path / "state/tokens/a/b"
    token.parent.mkdir(parents=True)
    config = tmp_path / "config"
    config.write_text("vms: [{name: a, cid: 5, containers: [{name: b}]}]")
    for text in ("", "short\n", "3F1BC010-c87b-452c-8a6c-798edb9bf13a\n"):
        token.write_text(text)
        r = subprocess.run([binary("reeve-host"), "--state", str(tmp_path / "state"), "--config", str(config), "--no-menu",
                            "--listen", "unix:%s/s" % tmp_path, "serve"], capture_output=True, text=True, timeout=LONG_S, env=clean_env())
        assert r.returncode == 2 and str(token) in r.stderr and token.read_text() == text


def test_one_daemon_a_state_folder(host):
    r = subprocess.run([binary("reeve-host"), "--state", str(host.state), "--no-menu", "--listen", "unix:%s/second" % host.folder, "serve"],
                       capture_output=True, text=True, timeout=LONG_S, env=clean_env())
    assert r.returncode == 1 and "control.sock" in r.stderr
    assert json.loads(host.run("-o", "json", "container", "list"))  # the first one is not disturbed
    assert oct((host.state / "control.sock").stat().st_mode)[-3:] == "600"
    assert oct(host.state.stat().st_mode)[-3:] == "700"


def test_no_daemon(tmp_path):
    r = subprocess.run([binary("reeve-host"), "--state", str(tmp_path), "container", "list"], capture_output=True, text=True, timeout=LONG_S,
                       env=clean_env())
    assert r.returncode == 1 and "is not running" in r.stderr and str(tmp_path) in r.stderr


def test_more_types_than_an_argument_holds(host_factory):
    script = 'cat > "$RECORD.new" && printf %s "$0" > "$RECORD.first" && mv "$RECORD.new" "$RECORD.all"'
    host = host_factory(hooks={"mime_types": ["sh", "-c", script, "{types}"]})
    c = Container(host)
    types = {"e%d" % n: "x/" + "y" * 100 for n in range(20000)}
    c.call("UpdateMimeTypes", mime_type_mappings={**types, "line": "x/a\nb=x/c"})
    everything, first = host.folder / "record.all", host.folder / "record.first"
    wait_for(everything.exists, timeout=LONG_S, what="the hook")
    assert sorted(everything.read_text().splitlines()) == sorted("%s=%s" % pair for pair in types.items())
    words = dict(word.split("=") for word in first.read_text().split(","))
    assert 900 < len(words) < 1000 and words.items() <= types.items()
    assert "more types than an argument" in host.log()
    c.garcon.stop()


def test_notifications_are_bounded_and_plain(host, container):
    for _ in range(100):
        container.call("UninstallPackageProgress", status=1, failure_details="<a href='http://x'>a\nb</a>&" + "x" * 1000)
    wait_for(lambda: "a notification is left out" in host.log(), timeout=LONG_S, what="the log")
    wait_for(lambda: children(host) == 0, timeout=LONG_S, what="no children")
    told = host.recorded("notify")
    assert len(told) < 100 and told[0][3] == "‹a href='http://x'>a b‹/a>&" + "x" * 473
    assert host.log().count("removing a package") < 100


def test_one_container_does_not_use_up_all_hooks(host_factory):
    host = host_factory(hooks={"file_changed": ["sh", "-c", 'echo "$0" >> "$RECORD.list"; exec sleep 1000', "{vm}"]})
    one, other = Container(host), Container(host, "other", 10001)
    for _ in range(70):
        one.call("FileWatchTriggered", path="x")
    other.call("FileWatchTriggered", path="x")
    wait_for(lambda: "other" in (host.folder / "record.list").read_text(), timeout=LONG_S, what="the other container's hook")
    assert "24 programs run for it already" in host.log()
    one.garcon.stop()
    other.garcon.stop()


def test_desktop_is_told_of_many_lists_at_once(host_factory):
    host = host_factory(hooks={"menu_changed": ["sh", "-c", 'echo x >> "$RECORD.told"; while [ -e "$RECORD.hold" ]; do sleep 0.05; done']})
    hold, told = host.folder / "record.hold", host.folder / "record.told"
    hold.touch()
    c = Container(host)
    for n in range(10):
        c.call("UpdateApplicationList", application=[APP(desktop_file_id="a%d" % n)])
    wait_for(told.exists, timeout=LONG_S, what="the hook")
    assert children(host) == 1
    hold.unlink()
    wait_for(lambda: told.read_text().count("x") == 2 and children(host) == 0, timeout=LONG_S, what="the second one")
    c.garcon.stop()
