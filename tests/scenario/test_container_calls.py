# SPDX-License-Identifier: Apache-2.0
"""reeve-container against a host in grpcio: what it tells when, and what its service answers."""
import json
import os
import pathlib
import signal
import struct

import grpc
import pytest

from conftest import wait_for
from container_fixtures import CONTAINER, TOKEN, VIM, container, stand_in  # noqa: F401 (fixtures)
from grpc_fixtures import LONG_S
from host_fixtures import PNG, guest_pb, host_pb


def mime_cache(*types):
    """A mime.cache of (extension, type) pairs, each a branch of its own from the root."""
    tree, names, at = b"", b"", 48
    chains = [[*reversed("." + e), None] for e, _ in types]
    base = at + 12 * sum(len(c) for c in chains)
    roots, rest, offset = b"", b"", at + 12 * len(chains)
    for chain, (_, name) in zip(chains, types):
        nodes = []
        for c in chain[1:]:
            nodes.append(struct.pack(">III", 0, base + len(names), 50) if c is None else
                         struct.pack(">III", ord(c), 1, offset + 12 * (len(nodes) + 1)))
        roots += struct.pack(">III", ord(chain[0]), 1, offset)
        offset += 12 * len(nodes)
        rest += b"".join(nodes)
        names += name.encode() + b"\0"
    tree = struct.pack(">II", len(chains), at)
    return struct.pack(">HH9I", 1, 2, 0, 0, 0, 40, 0, 0, 0, 0, 0) + tree + roots + rest + names


def applications(message):
    return {a.desktop_file_id: a for a in message.application}


def test_first_words(container, stand_in):
    container.install("vim.desktop")
    container.install("vim.desktop", VIM.replace("Vim", "Other"), system=True)
    container.install("kde/okular.desktop", VIM.replace("text/plain;", "") + "Keywords=a;b;\nTerminal=true\n", system=True)
    container.install("hidden.desktop", VIM + "Hidden=true\n")
    container.install("hidden.desktop", VIM, system=True)
    container.install("broken.desktop", "[Desktop Entry]\n")
    container.install("gone.desktop", VIM + "TryExec=no-such-program-here\n")
    (container.system / "mime/mime.cache").write_bytes(mime_cache(("png", "image/png"), ("tar.gz", "x/old")))
    user = container.home / ".local/share/mime"
    user.mkdir()
    (user / "mime.cache").write_bytes(mime_cache(("tar.gz", "x/new")))
    container.options += ["--low-disk", str(1 << 40)]
    container.start()
    stand_in.wait_for("LowDiskSpaceTriggered")
    apps = applications(stand_in.wait_for("UpdateApplicationList"))
    assert sorted(apps) == ["kde-okular", "vim"]
    vim = apps["vim"]
    assert [(v.locale, v.value) for v in vim.name.values] == [("", "Vim"), ("fr", "Vi")]
    assert (vim.executable_file_name, list(vim.mime_types), vim.terminal) == ("sh", ["text/plain"], False)
    assert vim.exec == 'sh -c "true" %F'
    assert apps["kde-okular"].keywords.values[0].value == ["a", "b"] and apps["kde-okular"].terminal
    assert dict(stand_in.wait_for("UpdateMimeTypes").mime_type_mappings) == {"png": "image/png", "tar.gz": "x/new"}
    assert stand_in.wait_for("LowDiskSpaceTriggered").free_bytes > 0
    assert stand_in.raw[0] == ("ContainerReady", bytes.fromhex(
        "0a2433663162633031302d633837622d343532632d386136632d37393865646239626631336110904e"))
    container.stop()
    assert stand_in.messages[-1][0] == "ContainerShutdown"


def test_changes_are_told(container, stand_in):
    container.start()
    assert not stand_in.wait_for("UpdateApplicationList").application
    container.install("new/folder/vim.desktop")
    wait_for(lambda: any(m.count for m in stand_in.got("PendingUpdateApplicationListCalls")), timeout=LONG_S)
    assert list(applications(stand_in.wait_for("UpdateApplicationList", 2))) == ["new-folder-vim"]
    (container.applications / "new/folder/vim.desktop").unlink()
    assert not stand_in.wait_for("UpdateApplicationList", 3).application
    wait_for(lambda: stand_in.got("PendingUpdateApplicationListCalls")[-1].count == 0, timeout=LONG_S)
    (container.system / "mime/mime.cache").write_bytes(mime_cache(("a", "x/a")))
    assert dict(stand_in.wait_for("UpdateMimeTypes").mime_type_mappings) == {"a": "x/a"}


def test_more_types_than_a_message_holds(container, stand_in):
    user = container.home / ".local/share/mime"
    user.mkdir()
    for folder, first in ((container.system / "mime", 0x4e00), (user, 0x4e00 + 9900)):
        (folder / "mime.cache").write_bytes(mime_cache(*((chr(first + n), "x/" + "y" * 253) for n in range(9900))))
    container.start()
    assert len(stand_in.wait_for("UpdateMimeTypes").mime_type_mappings) > 10000
    assert "left out" in container.log()


def test_files_that_are_none(container, stand_in):
    theme = container.system / "icons/hicolor"
    (theme / "48x48/apps").mkdir(parents=True)
    (theme / "index.theme").write_text("[Icon Theme]\nDirectories=48x48/apps\n[48x48/apps]\nSize=48\n")
    (container.home / ".config/gtk-3.0").mkdir(parents=True)
    for path in (container.system / "mime/mime.cache", container.applications / "pipe.desktop", theme / "48x48/apps/pipe.png",
                 container.home / "pipe.svg", container.home / ".config/gtk-3.0/settings.ini"):
        os.mkfifo(path)  # reading it would wait for a writer
    (container.applications / "zero.desktop").symlink_to("/dev/zero")
    container.install("a.desktop", VIM.replace("Icon=vim", "Icon=pipe"))
    container.install("b.desktop", VIM.replace("Icon=vim", "Icon=%s/pipe.svg" % container.home))
    container.start()
    assert sorted(applications(stand_in.wait_for("UpdateApplicationList"))) == ["a", "b"]
    assert not container.call("GetIcon", desktop_file_ids=["a", "b", "pipe", "zero"], icon_size=48, scale=1).desktop_icons
    for app in ("pipe", "zero"):
        answer = container.call("LaunchApplication", desktop_file_id=app)
        assert not answer.success and answer.failure_reason, app


def test_host_that_comes_back(container, stand_in):
    container.install("vim.desktop")
    container.start()
    stand_in.wait_for("UpdateApplicationList")
    stand_in.stop()
    wait_for(lambda: "is=down" in container.log(), timeout=LONG_S)
    stand_in.start()
    stand_in.wait_for("ContainerReady", 2)
    assert list(applications(stand_in.wait_for("UpdateApplicationList", 2))) == ["vim"]
    stand_in.ready = False  # a host that forgot us without going away
    stand_in.wait_for("ContainerReady", 3)
    stand_in.stop()
    wait_for(lambda: container.log().count("is=down") == 3, timeout=LONG_S)
    container.stop()  # nobody there to say good-bye to
    stand_in.start()


def test_over_tcp_with_a_secret(container, stand_in):
    (container.folder / "secret").write_text("s3cret\n")
    container.options += ["--vm-token-file", str(container.folder / "secret"), "--port", "0", "--listen", "tcp:127.0.0.1:0"]
    address = container.start().address.removeprefix("tcp:")
    stand_in.wait_for("UpdateApplicationList")
    assert stand_in.got("ContainerReady")[0].garcon_port == int(address.split(":")[-1])
    assert stand_in.metadata["authorization"] == "Bearer s3cret"
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary("/vm_tools.container.Garcon/GetGarconSessionInfo")
        assert call(b"", metadata=[("authorization", "Bearer s3cret")], timeout=LONG_S)
        for metadata in ([], [("authorization", "Bearer other")]):
            with pytest.raises(grpc.RpcError) as e:
                call(b"", metadata=metadata, timeout=LONG_S)
            assert e.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_does_not_start(container):
    for words, code in ((["daemon"], 4), (["daemon", "--allow-root", "--listen", "nonsense"], 2),
                        (["daemon", "--allow-root", "--listen", "tcp:127.0.0.1:0"], 2), (["daemon", "x"], 2),
                        (["daemon", "--allow-root", "--listen", "unix:%s/x" % container.folder], 2)):
        assert container.run(*words, code=code)


def test_launch(container, stand_in, tmp_path):
    out = tmp_path / "out"
    script = tmp_path / "a b.sh"
    script.write_text("#!/bin/sh\nprintf '%%s|' \"$PWD\" \"$DESKTOP_STARTUP_ID\" \"$DISPLAY\" \"$@\" > %s.new; mv %s.new %s\n"
                      % (out, out, out))
    script.chmod(0o755)
    container.install("a-b/c.desktop", "[Desktop Entry]\nType=Application\nName=N\nStartupNotify=true\nPath=/usr\n"
                      'Exec="%s" %%U --x\n' % script)
    container.install("term.desktop", VIM + "Terminal=true\n")
    container.install("bad.desktop", VIM.replace("sh -c", "/no/such"))
    container.start()
    stand_in.wait_for("UpdateApplicationList")
    container.call("GetGarconSessionInfo")  # our own connection is there
    files = container.open_files()
    assert container.call("LaunchApplication", desktop_file_id="a-b-c", files=["/x y", "$(z)"],
                          display_scaling="SCALED").success
    wait_for(out.exists, timeout=LONG_S)
    assert out.read_text() == "/usr|a-b-c|:7|/x y|$(z)|--x|"
    assert container.call("LaunchApplication", desktop_file_id="term", files=["/f"]).success
    assert list(stand_in.wait_for("OpenTerminal").params) == ["sh", "-c", "true", "/f"]
    for app in ("nope", "bad", "..-..-x", "../x"):
        answer = container.call("LaunchApplication", desktop_file_id=app)
        assert not answer.success and answer.failure_reason, app
    assert container.code("LaunchApplication") == "INVALID_ARGUMENT"
    wait_for(lambda: container.open_files() == files, timeout=LONG_S, what="everything to be closed")


def test_icons(container, stand_in):
    theme = container.system / "icons/hicolor"
    (theme / "48x48/apps").mkdir(parents=True)
    (theme / "index.theme").write_text("[Icon Theme]\nDirectories=48x48/apps\n[48x48/apps]\nSize=48\n")
    (theme / "48x48/apps/vim.png").write_bytes(PNG)
    (theme / "48x48/apps/large.png").write_bytes(bytes((1 << 20) + 1))
    (container.home / ".icons").mkdir()
    (container.home / ".icons/own.png").write_bytes(PNG)
    container.install("own.desktop", VIM.replace("Icon=vim", "Icon=own"))
    svg = container.home / "x.svg"
    svg.write_text("<svg/>")
    container.install("vim.desktop")
    container.install("svg.desktop", VIM.replace("Icon=vim", "Icon=%s" % svg))
    container.install("large.desktop", VIM.replace("Icon=vim", "Icon=large"))
    container.start()
    icons = container.call("GetIcon", desktop_file_ids=["vim", "nope", "svg", "own", "large"], icon_size=48, scale=1).desktop_icons
    assert [(i.desktop_file_id, i.icon, i.format) for i in icons] == [
        ("vim", PNG, guest_pb.DesktopIcon.PNG), ("svg", b"<svg/>", guest_pb.DesktopIcon.SVG), ("own", PNG, guest_pb.DesktopIcon.PNG)]


def test_file_watches(container, stand_in):
    (container.home / "d").mkdir()
    container.start()
    stand_in.wait_for("UpdateApplicationList")
    good, bad = guest_pb.AddFileWatchResponse.SUCCEEDED, guest_pb.AddFileWatchResponse.FAILED
    assert container.call("AddFileWatch", path="d").status == good
    assert container.call("AddFileWatch", path="d").status == good
    for path in ("/etc", "../x", "d/../..", "nope"):
        answer = container.call("AddFileWatch", path=path)
        assert answer.status == bad and answer.failure_reason, path
    for n in range(20):
        (container.home / "d/f").write_text(str(n))
    assert stand_in.wait_for("FileWatchTriggered").path == "d"
    stand_in.wait_for("FileWatchTriggered", 2)
    assert container.call("RemoveFileWatch", path="d").status == guest_pb.RemoveFileWatchResponse.SUCCEEDED
    assert container.call("RemoveFileWatch", path="d").status == guest_pb.RemoveFileWatchResponse.FAILED
    assert container.code("AddFileWatch") == container.code("RemoveFileWatch") == "INVALID_ARGUMENT"


def test_about_and_what_is_not_there(container, stand_in):
    container.start()
    info = container.call("GetGarconSessionInfo")
    assert info.status == guest_pb.GetGarconSessionInfoResponse.SUCCEEDED
    assert info.container_homedir == str(container.home) and info.container_username
    assert "reeve-container" in container.call("GetDebugInformation").debug_information
    for name, fields in (("LaunchVshd", {"port": 9001}), ("ConnectChunnel", {"chunneld_port": 1, "target_tcp4_port": 2})):
        answer = container.call(name, **fields)
        assert not answer.success and answer.failure_reason
        assert container.code(name) == "INVALID_ARGUMENT"
    answer = container.call("ConfigureForArcSideload")
    assert answer.status == guest_pb.ConfigureForArcSideloadResponse.FAILED and answer.failure_reason


# ---- programs that the calls need are the test's ----


def put_program(container, name, script):
    folder = container.folder / "bin"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n" + script)
    (folder / name).chmod(0o755)
    if str(folder) not in container.env["PATH"]:
        container.env["PATH"] = "%s:%s" % (folder, container.env["PATH"])
    return folder / name


@pytest.mark.skipif(os.geteuid() != 0, reason="asks no sudo as root")
def test_packages(container, stand_in):
    put_program(container, "apt-get", 'echo "$@" >> "$HOME/apt"; case "$*" in *bad*) echo "E: it is broken"; exit 100;; esac\n'
                "echo Reading; echo dlstatus:1:50.0:Retrieving; echo pmstatus:vim:amd64:60.5:Unpacking\n"
                'while [ -e "$HOME/hold" ]; do sleep 0.05; done\n')
    put_program(container, "apt-cache", 'printf "Package: vim\\nVersion: 2:9\\nArchitecture: amd64\\nInstalled-Size: 3\\n'
                'Homepage: http://v\\nDescription-en: an editor\\n with modes\\n .\\n more\\nTag: x\\n"; [ "$3" = vim ]\n')
    put_program(container, "dpkg-query", 'case "$1" in -W) shift 2; for p; do echo "$p 1:2 amd64"; done; exit;; esac; shift; r=1\n'
                'for f; do case "$f" in *vim.desktop) echo "vim-gtk3: $f"; r=0;; esac; done; exit $r\n')
    container.install("vim.desktop", system=True)
    container.install("own.desktop")
    container.install("nobodys.desktop", system=True)
    container.start()
    assert {i: a.package_id for i, a in applications(stand_in.wait_for("UpdateApplicationList")).items()} == {
        "vim": "vim-gtk3;1:2;amd64;", "own": "", "nobodys": ""}
    info = container.call("GetLinuxPackageInfo", package_name="vim")
    assert (info.success, info.package_id, info.size, info.summary) == (True, "vim;2:9;amd64;", 3072, "an editor")
    assert (info.project_url, info.description) == ("http://v", "with modes\n\nmore\n")
    assert not container.call("GetLinuxPackageInfo", package_name="nope").success
    hold = container.home / "hold"
    hold.touch()
    started = guest_pb.InstallLinuxPackageResponse.STARTED
    assert container.call("InstallLinuxPackage", package_id=info.package_id, command_uuid="u").status == started
    stand_in.wait_for("InstallLinuxPackageProgress", 2)
    assert (container.call("InstallLinuxPackage", package_id="x").status ==
            guest_pb.InstallLinuxPackageResponse.INSTALL_ALREADY_ACTIVE)
    assert (container.call("UninstallPackageOwningFile", desktop_file_id="vim").status ==
            guest_pb.UninstallPackageOwningFileResponse.BLOCKING_OPERATION_IN_PROGRESS)
    hold.unlink()
    stand_in.wait_for("InstallLinuxPackageProgress", 3)
    status = host_pb.InstallLinuxPackageProgressInfo
    assert [(m.status, m.progress_percent, m.command_uuid) for m in stand_in.got("InstallLinuxPackageProgress")] == [
        (status.DOWNLOADING, 50, "u"), (status.INSTALLING, 60, "u"), (status.SUCCEEDED, 100, "u")]
    assert container.call("InstallLinuxPackage", package_id="bad").status == started
    failed = stand_in.wait_for("InstallLinuxPackageProgress", 4)
    assert (failed.status, failed.failure_details) == (status.FAILED, "it is broken")
    assert container.call("UninstallPackageOwningFile", desktop_file_id="own").failure_reason
    assert (container.call("UninstallPackageOwningFile", desktop_file_id="vim").status ==
            guest_pb.UninstallPackageOwningFileResponse.STARTED)
    wait_for(lambda: [m.status for m in stand_in.got("UninstallPackageProgress")][-1:] ==
             [host_pb.UninstallPackageProgressInfo.SUCCEEDED], timeout=LONG_S)
    lines = (container.home / "apt").read_text().splitlines()
    assert [line.split(" -- ")[1] for line in lines] == ["vim:amd64=2:9", "bad", "vim-gtk3"]
    for words in ("-y", "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold", "-o DPkg::Lock::Timeout="):
        assert all(words in line for line in lines)  # nobody is there to answer
    for name, fields in (("InstallLinuxPackage", {"package_id": "-o;1"}), ("InstallLinuxPackage", {"file_path": "/nope.deb"}),
                         ("GetLinuxPackageInfo", {}), ("UninstallPackageOwningFile", {})):
        assert container.code(name, **fields) == "INVALID_ARGUMENT"


@pytest.mark.skipif(os.geteuid() != 0, reason="asks no sudo as root")
def test_end_waits_for_a_package(container, stand_in):
    put_program(container, "apt-get", 'echo dlstatus:1:50.0:Retrieving; while [ -e "$HOME/hold" ]; do sleep 0.05; done\n'
                'echo pmstatus:vim:99.0:Unpacking; touch "$HOME/whole"\n')
    hold = container.home / "hold"
    hold.touch()
    container.start()
    stand_in.wait_for("UpdateApplicationList")
    container.call("InstallLinuxPackage", package_id="vim")
    stand_in.wait_for("InstallLinuxPackageProgress")
    container.process.send_signal(signal.SIGTERM)
    wait_for(lambda: "waits for" in container.log(), timeout=LONG_S)
    assert container.call("ApplyAnsiblePlaybook", playbook="x").failure_reason
    assert not stand_in.got("ContainerShutdown") and not (container.home / "whole").exists()
    hold.unlink()
    assert container.process.wait(timeout=LONG_S) == 0
    assert (container.home / "whole").exists()
    names = [name for name, _ in stand_in.messages if name in ("InstallLinuxPackageProgress", "ContainerShutdown")]
    assert names == ["InstallLinuxPackageProgress"] * 3 + ["ContainerShutdown"]
    assert stand_in.got("InstallLinuxPackageProgress")[-1].status == host_pb.InstallLinuxPackageProgressInfo.SUCCEEDED


@pytest.mark.skipif(os.geteuid() != 0, reason="asks no sudo as root")
def test_second_signal_waits_for_nothing(container, stand_in):
    put_program(container, "apt-get", "echo dlstatus:1:50.0:Retrieving; exec sleep 1000\n")
    container.start()
    stand_in.wait_for("UpdateApplicationList")
    container.call("InstallLinuxPackage", package_id="vim")
    stand_in.wait_for("InstallLinuxPackageProgress")
    container.process.send_signal(signal.SIGTERM)
    wait_for(lambda: "waits for" in container.log(), timeout=LONG_S)
    container.process.send_signal(signal.SIGTERM)
    assert container.process.wait(timeout=20) == 0  # a third of what it would wait


def test_playbook(container, stand_in):
    put_program(container, "ansible-playbook", 'for last; do :; done; cp "$last" "$HOME/book"; echo "TASK [one]"; echo said\n'
                'grep -q bad "$last" && exit 2; exit 0\n')
    container.start()
    stand_in.wait_for("UpdateApplicationList")
    assert container.call("ApplyAnsiblePlaybook", playbook="- good").status == guest_pb.ApplyAnsiblePlaybookResponse.STARTED
    status = host_pb.ApplyAnsiblePlaybookProgressInfo
    assert stand_in.wait_for("ApplyAnsiblePlaybookProgress").status_string == ["TASK [one]"]
    assert stand_in.wait_for("ApplyAnsiblePlaybookProgress", 2).status == status.SUCCEEDED
    assert (container.home / "book").read_text() == "- good"
    assert container.call("ApplyAnsiblePlaybook", playbook="bad").status == guest_pb.ApplyAnsiblePlaybookResponse.STARTED
    failed = stand_in.wait_for("ApplyAnsiblePlaybookProgress", 4)
    assert (failed.status, failed.failure_details) == (status.FAILED, "said")
    assert container.code("ApplyAnsiblePlaybook") == "INVALID_ARGUMENT"
    assert not list(pathlib.Path("/tmp").glob("reeve-playbook-*"))


# ---- commands ----


def test_open(container, stand_in):
    name = os.fsdecode(b"a b%?#\xff")
    (container.home / name).touch()
    for words, url in ((["http://x/?a=1"], "http://x/?a=1"), ([name], "file://%s/a%%20b%%25%%3F%%23%%FF" % container.home),
                       (["mailto:x@y"], "mailto:x@y")):
        container.run("open-url", *words)
        assert (stand_in.got("OpenUrl")[-1].url, stand_in.got("OpenUrl")[-1].token) == (url, TOKEN)
    opener = container.folder / "xdg-open"
    opener.symlink_to(CONTAINER)
    container.run("http://localhost:8000/", program=opener)
    assert stand_in.got("OpenUrl")[-1].url == "http://localhost:8000/"
    container.run("open-terminal", "--", "vim", "-R", "x")
    assert list(stand_in.got("OpenTerminal")[-1].params) == ["vim", "-R", "x"]
    stand_in.answers["OpenUrl"] = grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "the host: " in container.run("open-url", "http://x", code=1)
    container.run("open-url", code=2)
    container.run("nonsense", code=2)
    container.token_file.unlink()
    assert "token" in container.run("open-url", "http://x", code=1)


def test_dialog_and_messages(container, stand_in):
    stand_in.answers["SelectFile"] = host_pb.SelectFileResponse(files=["/a", "/b c"])
    assert container.run("select-file", "--type=open-multi-file", "--title=T", "--path=/p", "--extensions=png") == "/a\n/b c\n"
    m = stand_in.got("SelectFile")[0]
    assert (m.type, m.title, m.default_path, m.allowed_extensions) == ("open-multi-file", "T", "/p", "png")
    stand_in.answers["SelectFile"] = None
    assert container.run("select-file", code=1) == ""
    container.run("select-file", "--type=nonsense", code=2)
    stand_in.answers["ForwardSecurityKeyMessage"] = host_pb.ForwardSecurityKeyMessageResponse(message="pong")
    assert container.run("security-key", "ping") == "pong\n"
    container.run("metrics", "a.b=1", "c=-2")
    assert [(x.name, x.value) for x in stand_in.got("ReportMetrics")[0].metric] == [("a.b", 1), ("c", -2)]
    container.run("metrics", "a", code=2)


def test_disk(container, stand_in):
    stand_in.answers["GetDiskInfo"] = host_pb.GetDiskInfoResponse(available_space=1, disk_size=3)
    assert json.loads(container.run("disk", "get_disk_info")) == {
        "error": "0", "availableSpace": "1", "expandableSpace": "0", "diskSize": "3"}
    stand_in.answers["GetDiskInfo"] = host_pb.GetDiskInfoResponse(error=4)
    info = json.loads(container.run("disk", "get_disk_info"))
    assert info["error"] == "0" and int(info["availableSpace"]) > 0
    stand_in.answers["RequestSpace"] = host_pb.RequestSpaceResponse(space_granted=1 << 30)
    assert json.loads(container.run("disk", "request_space", str(1 << 30))) == {"spaceGranted": str(1 << 30), "error": "0"}
    assert ("RequestSpace", bytes.fromhex("0a24" + TOKEN.encode().hex() + "108080808004")) in stand_in.raw
    stand_in.answers["ReleaseSpace"] = host_pb.ReleaseSpaceResponse(error=-1)
    assert json.loads(container.run("disk", "release_space", "5")) == {"spaceReleased": "0", "error": "-1"}
    container.run("disk", "request_space", "-1", code=2)
