# SPDX-License-Identifier: Apache-2.0
"""ContainerListener and StartupListener of reeve-host, each call well and badly made, by grpcio."""
import json
import os
import uuid

import grpc
import pytest

from conftest import wait_for
from grpc_fixtures import LONG_S
from host_fixtures import LISTENER, METHODS, PNG, Container, container, guest_pb, host, host_factory, host_pb  # noqa: F401 (fixtures)

REFUSED = "FAILED_PRECONDITION"
APP = host_pb.Application
EMPTY_TOKEN = {"ContainerShutdown", "PendingUpdateApplicationListCalls"}  # INVALID_ARGUMENT
IN_BAND = {"SelectFile", "GetDiskInfo", "RequestSpace", "ReleaseSpace", "ReportMetrics"}  # OK, and the answer says it
SHADERS = {"InstallShaderCache", "UninstallShaderCache", "UnmountShaderCache"}
ANYBODY = {"ContainerReady", "UpdateApplicationList", "OpenUrl"}


def test_machines_say_once_that_they_are_ready(host):
    assert host.main().code("VmReady") == REFUSED  # nobody
    assert host.vm().code("VmReady") == "OK"
    assert host.vm().code("VmReady") == REFUSED
    assert host.vm("other").code("VmReady") == "OK"
    assert host.vm().code("VmInstallStatus", state=1, in_progress_percent=40) == "OK"
    assert host.vm().code("VmInstallStatus", state=0) == REFUSED
    assert host.main().code("VmInstallStatus", state=1) == REFUSED


def test_ready_and_shutdown(host):
    garcon, vm, token = host.garcon(), host.vm(), host.token()
    assert vm.code("ContainerShutdown", token=token) == REFUSED  # it is not up
    assert vm.code("ContainerReady", token=token, garcon_port=9999) == REFUSED  # nobody is there
    assert vm.code("ContainerReady", token=token, garcon_port=0) == REFUSED
    assert vm.code("ContainerReady", token=str(uuid.uuid4()), garcon_port=10000) == REFUSED
    assert host.vm("other").code("ContainerReady", token=token, garcon_port=10000) == REFUSED  # another machine's token
    assert host.main().code("ContainerReady", token=token, garcon_port=10000) == REFUSED
    assert vm.code("ContainerReady", token=token, garcon_port=10000, sftp_port=7) == "OK"
    assert vm.code("ContainerReady", token=token, garcon_port=10000) == "OK"  # its service started again
    assert host.run("container", "list").splitlines()[1].split() == ["termina", "penguin", "up", "0"]
    assert host.vm("other").code("ContainerShutdown", token=token) == REFUSED
    assert vm.code("ContainerShutdown", token=token) == "OK"
    assert vm.code("ContainerShutdown", token=token) == REFUSED
    assert vm.code("ContainerReady", token=token, garcon_port=10000) == "OK"
    assert len(garcon.asked("GetGarconSessionInfo")) == 3
    garcon.stop()


def test_old_services_do_not_know_the_call(host):
    garcon = host.garcon()
    garcon.answers["GetGarconSessionInfo"] = lambda r, context: context.abort(grpc.StatusCode.UNIMPLEMENTED, "")
    assert host.vm().code("ContainerReady", token=host.token(), garcon_port=10000) == "OK"
    garcon.stop()


@pytest.mark.parametrize("name", [m.name for m in LISTENER.methods])
def test_tokens(host, name):
    """Empty ones, parts of one, somebody else's, one that is no text of a token, and a peer that nobody knows."""
    c = Container(host)
    if "token" not in METHODS[name][1].DESCRIPTOR.fields_by_name:
        assert host.main().code(name) == REFUSED
        c.garcon.stop()
        return
    for token in ("", c.token[:-1], c.token + "0", c.token.upper(), str(uuid.uuid4()), host.token("other"), "x\n'"):
        future = c.caller.begin(name, token=token)
        if name == "OpenUrl" and future.code().name == "RESOURCE_EXHAUSTED":
            continue
        if name in SHADERS:
            expected = "INTERNAL"
        elif name in IN_BAND:
            expected = "OK"
            reply = future.result()
            assert getattr(reply, "error", 1) == 1 and not list(getattr(reply, "files", []))
        elif name in EMPTY_TOKEN and token == "":
            expected = "INVALID_ARGUMENT"
        else:
            expected = REFUSED
        assert future.code().name == expected, token
    if name not in SHADERS:
        assert host.main().code(name, token=c.token) == REFUSED
    c.garcon.stop()


def test_applications_come_and_go(host, container):
    def names(*pairs):
        return APP.LocalizedString(values=[APP.LocalizedString.StringWithLocale(locale=a, value=b) for a, b in pairs])

    vim = APP(desktop_file_id="vim", name=names(("", "Vim"), ("fr", "Vi amélioré")), mime_types=["text/plain"], package_id="vim;1;amd64;")
    evil = APP(desktop_file_id="evil", name=names(("", "a\nExec=touch /tmp/evil\n")), exec="rm -rf /")
    bad = [APP(desktop_file_id=i, name=names(("", "x"))) for i in ("", "..", "a/b", ".hidden", "x" * 300)]
    container.garcon.answers["GetIcon"] = lambda request, _: guest_pb.IconResponse(
        desktop_icons=[{"desktop_file_id": i, "icon": PNG if i == "vim" else b"GIF89a", "format": 0}
                       for i in request.desktop_file_ids] + [{"desktop_file_id": "stranger", "icon": PNG}])
    assert container.call("PendingUpdateApplicationListCalls", count=1) is not None
    container.call("UpdateApplicationList", application=[vim, evil, *bad, vim])
    container.call("PendingUpdateApplicationListCalls", count=0)
    entries = host.entries()
    assert sorted(entries) == ["reeve-termina-penguin-evil.desktop", "reeve-termina-penguin-vim.desktop"]
    assert "\nExec=touch" not in entries["reeve-termina-penguin-evil.desktop"]
    assert "Name[fr]=Vi amélioré\n" in entries["reeve-termina-penguin-vim.desktop"]
    icon = host.data / "reeve-host/icons/reeve-termina-penguin-vim.png"
    wait_for(lambda: "Icon=%s\n" % icon in host.entries()["reeve-termina-penguin-vim.desktop"], timeout=LONG_S, what="the icon")
    assert icon.read_bytes() == PNG and len(list(icon.parent.iterdir())) == 1
    assert "vim" in host.run("container", "apps", "termina", "penguin")
    container.call("UpdateApplicationList", application=[evil])
    assert list(host.entries()) == ["reeve-termina-penguin-evil.desktop"] and not list(icon.parent.iterdir())
    container.call("ContainerShutdown")
    assert host.entries() == {}


def test_entries_leave_with_the_host(host_factory):
    host = host_factory()
    c = Container(host)
    c.call("UpdateApplicationList", application=[APP(desktop_file_id="vim")])
    foreign = host.data / "applications/reeve-termina-penguin-mine.desktop"
    foreign.write_text("[Desktop Entry]\nType=Application\nName=Mine\nExec=true\n")
    assert len(host.entries()) == 2
    host.process.kill()  # without time to clean up
    host.process.wait()
    host.process.stdout.close()
    host.start()
    assert list(host.entries()) == [foreign.name]
    c.caller.channel.close()
    c.garcon.stop()
    again = Container(host)  # the token is the same
    assert again.token == c.token
    again.call("UpdateApplicationList", application=[APP(desktop_file_id="vim")])
    assert len(host.entries()) == 2
    again.garcon.stop()
    host.stop()
    assert list(host.entries()) == [foreign.name]
    host.start()


def test_open_url(host, container):
    (host.home / "a b").touch()
    urls = {"http://example.org/?q=a&b=`id`$(id)": None, "http://localhost/x": "http://100.115.92.204/x",
            "http://localhost:8000/": None, "file:///home/user/a b": "file://%s/a%%20b" % host.home}
    for url in urls:
        assert container.code("OpenUrl", url=url) == "OK"
    expected = sorted(["termina", "penguin", out or url] for url, out in urls.items())
    assert sorted(host.wait_recorded("open_url", len(urls))) == expected
    for url in ("file:///home/user/../x", "file:///etc/passwd", "javascript:x", "", "--help"):
        assert container.code("OpenUrl", url=url) == REFUSED
    path = METHODS["OpenUrl"][0]
    bad = container.caller.channel.unary_unary(path).future(b"\n\x09http://\xff/\x12$" + container.token.encode(), timeout=LONG_S)
    assert bad.code().name in (REFUSED, "INTERNAL")
    assert len(host.recorded("open_url")) == len(urls)


def test_terminal_takes_no_options(host, container):
    for params in (["-oProxyCommand=touch /tmp/owned"], ["-"], ["--", "vim"]):  # ssh would read them behind its host's name
        assert container.code("OpenTerminal", params=params) == REFUSED
    assert container.code("OpenTerminal", params=["vim", "-R"]) == "OK"
    assert host.wait_recorded("open_terminal") == [["termina", "penguin", "ssh", "-t", "penguin", "vim", "-R"]]


def test_urls_and_terminals_share_a_limit(host, container):
    other = Container(host, "other", 10001)
    outcomes = [c.code(*what) if isinstance(what, tuple) else c.code(what, url="http://a/") for c, what in [
        (container, "OpenUrl"), (other, "OpenUrl")] * 4]
    assert outcomes == ["OK"] * 8
    assert container.code("OpenTerminal", params=["a b", "$x"]) == "OK"
    assert host.vm().code("OpenUrl", token="", url="http://a/") == REFUSED  # counts, too
    assert container.code("OpenUrl", url="http://a/") == "RESOURCE_EXHAUSTED"
    assert other.code("OpenTerminal") == "RESOURCE_EXHAUSTED"
    assert host.wait_recorded("open_terminal") == [["termina", "penguin", "ssh", "-t", "penguin", "a b", "$x"]]
    other.garcon.stop()


@pytest.mark.parametrize("name,unknown,told", [
    ("InstallLinuxPackageProgress", (4, -1), {0: "Package installed", 1: "Package not installed", 2: None, 3: None}),
    ("UninstallPackageProgress", (3,), {0: "Package removed", 1: "Package not removed", 2: None}),
    ("ApplyAnsiblePlaybookProgress", (0, 4), {1: "Playbook applied", 2: "Playbook failed", 3: None}),
])
def test_progress(host, container, name, unknown, told):
    n = 0
    for status, title in told.items():
        assert container.code(name, status=status, failure_details="why --x") == "OK"
        n += title is not None
    seen = {c[2] for c in host.wait_recorded("notify", n)}
    assert seen == {"penguin: " + t for t in told.values() if t}
    for status in unknown:
        assert container.code(name, status=status) == REFUSED
    assert len(host.recorded("notify")) == n


def test_files_disks_types_numbers(host, container):
    assert container.code("FileWatchTriggered", path="Documents") == "OK"
    assert host.wait_recorded("file_changed") == [["termina", "penguin", "Documents"]]
    for path in ("", "/etc/passwd", "../x", "a\nb"):
        assert container.code("FileWatchTriggered", path=path) == REFUSED
    assert container.code("LowDiskSpaceTriggered", free_bytes=5 << 20) == "OK"
    assert host.wait_recorded("notify") == [["termina", "penguin", "penguin: Disk nearly full", "5 MiB are free"]]
    assert container.code("UpdateMimeTypes", mime_type_mappings={"png": "image/png"}) == "OK"
    assert host.wait_recorded("mime_types") == [["termina", "penguin", "png=image/png"]]
    assert container.call("ReportMetrics", metric=[{"name": "a.b", "value": -3}]).error == 0
    assert host.wait_recorded("metrics") == [["termina", "penguin", "a.b=-3"]]
    assert container.code("ReportMetrics", metric=[{"name": "a b", "value": 1}]) == REFUSED
    assert container.code("ReportMetrics", metric=[{"name": "a"}] * 33) == REFUSED
    errors = [container.call("ReportMetrics").error for _ in range(40)]
    assert errors == [0] * 39 + [1]


def test_disk(host, container):
    mib = 1 << 20
    assert container.call("GetDiskInfo").error == 1  # it is not there
    with open(host.disk, "wb") as f:
        f.write(os.urandom(3 * mib))
        f.truncate(64 * mib)
    info = container.call("GetDiskInfo")
    assert (info.error, info.disk_size) == (0, 64 * mib)
    assert 60 * mib <= info.available_space <= 61 * mib and info.expandable_space > 0
    r = container.call("RequestSpace", space_requested=10 * mib + 5)
    assert (r.error, r.space_granted) == (0, 10 * mib)
    assert host.disk.stat().st_size == 74 * mib
    r = container.call("RequestSpace", space_requested=2 ** 64 - 1)
    assert r.error == 0 and r.space_granted <= info.expandable_space
    os.truncate(host.disk, 74 * mib)
    r = container.call("ReleaseSpace", space_to_release=20 * mib)
    assert (r.error, r.space_released, host.disk.stat().st_size) == (0, 20 * mib, 54 * mib)
    r = container.call("ReleaseSpace", space_to_release=2 ** 64 - 1)
    assert (r.error, r.space_released, host.disk.stat().st_size) == (0, 51 * mib, 3 * mib)
    assert host.disk.read_bytes().count(0) < mib
    host.disk.unlink()
    os.mkfifo(host.disk)
    assert [container.call(n).error for n in ("GetDiskInfo", "RequestSpace", "ReleaseSpace")] == [1, 1, 1]


def test_no_disk(host_factory):
    host = host_factory()
    del host.config["vms"][0]["disk"]
    host.config_path.write_text(json.dumps(host.config))
    host.stop()
    host.start()
    c = Container(host)
    assert [c.call(n).error for n in ("GetDiskInfo", "RequestSpace", "ReleaseSpace")] == [4, 4, 4]
    c.garcon.stop()


def test_select_file(host_factory):
    host = host_factory(hooks={"select_file": ["sh", "-c", 'printf "%s|%s|%s|%s\n" "$@" >> "$RECORD.dialog"; cat "$RECORD.choice"', "sh",
                                               "{type}", "{title}", "{path}", "{extensions}"]})
    c = Container(host)
    choice, asked = host.folder / "record.choice", host.folder / "record.dialog"
    choice.write_text("%s/a b\n/etc/passwd\n%s/ü\n" % (host.home, host.home))
    r = c.call("SelectFile", type="open-multi-file", title="Which? $(id)", default_path="/home/user/x", allowed_extensions="txt,md")
    assert list(r.files) == ["/home/user/a b", "/home/user/ü"]
    assert asked.read_text() == "open-multi-file|Which? $(id)|%s/x|txt,md\n" % host.home
    choice.unlink()  # cat fails: cancelled
    assert list(c.call("SelectFile", type="no-such-type", default_path="/etc").files) == []
    assert asked.read_text().splitlines()[1] == "open-file|||"
    c.garcon.stop()


def test_a_dialog_ends_with_its_caller(host_factory):
    host = host_factory(hooks={"select_file": ["sh", "-c", 'echo $$ > "$RECORD.pid"; exec sleep 1000']})
    c = Container(host)
    future = c.caller.begin("SelectFile", token=c.token)
    pid = host.folder / "record.pid"
    wait_for(lambda: pid.exists() and pid.read_text().strip(), timeout=LONG_S, what="the dialog")
    future.cancel()
    wait_for(lambda: not os.path.exists("/proc/" + pid.read_text().strip()), timeout=LONG_S, what="its end")
    assert c.code("LowDiskSpaceTriggered") == "OK"
    c.garcon.stop()


def test_security_key(host_factory):
    host = host_factory(hooks={"security_key": ["sh", "-c", 'test "$1" = ask && printf answer', "sh", "{message}"]})
    assert host.vm().call("ForwardSecurityKeyMessage", message="ask").message == "answer"
    assert host.vm().code("ForwardSecurityKeyMessage", message="other") == REFUSED
    assert host.main().code("ForwardSecurityKeyMessage", message="ask") == REFUSED


def test_no_key(host):
    assert host.vm().code("ForwardSecurityKeyMessage", message="ask") == REFUSED


def test_screen(host_factory):
    host = host_factory(hooks={"inhibit_screensaver": ["sh", "-c", 'echo $$ >> "$RECORD.pids"; exec sleep 1000']})
    c = Container(host)

    def pids():
        path = host.folder / "record.pids"
        return [p for p in path.read_text().split() if os.path.exists("/proc/" + p)] if path.exists() else []

    for cookie in (1, 2, 1):
        assert c.code("InhibitScreensaver", cookie=cookie, client="video", reason="film") == "OK"
    wait_for(lambda: len(pids()) == 2, timeout=LONG_S, what="two programs")
    assert c.code("UninhibitScreensaver", cookie=1) == "OK"
    assert c.code("UninhibitScreensaver", cookie=9) == "OK"
    wait_for(lambda: len(pids()) == 1, timeout=LONG_S, what="one program")
    c.call("ContainerShutdown")
    wait_for(lambda: not pids(), timeout=LONG_S, what="none")
    c.garcon.stop()


def test_shaders(host, container):
    for name in SHADERS:
        assert container.code(name, steam_app_id=1) == "INTERNAL"


def test_too_large_a_list(host, container):
    app = APP(desktop_file_id="a", exec="x" * 100000)
    assert container.code("UpdateApplicationList", application=[app] * 50) == "RESOURCE_EXHAUSTED"
    assert container.code("UpdateApplicationList", application=[app] * 30) == "OK"


def test_launch(host, container):
    container.garcon.answers["LaunchApplication"] = lambda request, _: guest_pb.LaunchApplicationResponse(
        success=request.desktop_file_id == "vim", failure_reason="no such application")
    host.run("container", "launch", "termina", "penguin", "vim", str(host.home / "a b"))
    assert list(container.garcon.asked("LaunchApplication")[0].files) == ["/home/user/a b"]
    assert "no such application" in host.run("container", "launch", "termina", "penguin", "emacs", code=5)
    assert "/etc/passwd" in host.run("container", "launch", "termina", "penguin", "vim", "/etc/passwd", code=5)
    assert "no container x" in host.run("container", "launch", "termina", "x", "vim", code=3)
    assert "no virtual machine x" in host.run("container", "launch", "x", "x", "vim", code=3)
    assert "down" in (container.call("ContainerShutdown") and "") + host.run("container", "launch", "termina", "penguin", "vim", code=5)


def test_more_containers(host):
    token = host.run("container", "add", "termina", "second").strip()
    assert str(uuid.UUID(token)) == token and token == host.token("termina", "second")
    assert oct((host.state / "tokens/termina/second").stat().st_mode)[-3:] == "600"
    assert "already" in host.run("container", "add", "termina", "second", code=5)
    assert "name" in host.run("container", "add", "termina", "../x", code=2)
    host.stop()
    host.start()
    assert host.token("termina", "second") == token
    assert [x["container"] for x in json.loads(host.run("-o", "json", "container", "list")) if x["vm"] == "termina"] == [
        "penguin", "second"]
    host.run("container", "remove", "termina", "second")
    assert not (host.state / "tokens/termina/second").exists()
    assert "no container" in host.run("container", "remove", "termina", "second", code=3)
