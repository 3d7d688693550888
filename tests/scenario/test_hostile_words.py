# SPDX-License-Identifier: Apache-2.0
"""Each call of both sides with words that have a meaning somewhere: paths, options, escapes, placeholders, lines, lengths. Nothing of
it may be more than an argument, a name or a refusal."""
import os
import pathlib

import pytest
from google.protobuf.descriptor import FieldDescriptor

import container_fixtures
from conftest import wait_for
from container_fixtures import VIM, stand_in  # noqa: F401 (a fixture)
from grpc_fixtures import LONG_S
from host_fixtures import GARCON, LISTENER, PNG, Container, classes, guest_pb, host_factory  # noqa: F401 (a fixture)

WORDS = ["", ".", "..", "/", "../../etc/passwd", "/etc/passwd", "a/../../b", "-x", "--help", "-oProxyCommand=touch owned", "a\nExec=touch owned",
         "a\r\n[Desktop Entry]", "\x1b]0;x\x07", "\u202egnp.exe", "{vm}{url}{params}", "%n%s%f%U", "$(touch owned)", "`touch owned`", ";touch owned",
         "'\"\\", "a;b;1;", "\u00e4" * 100, "x" * 300, "x" * 70000, "y/" * 40000, "http://localhost:1/", "file:///home/user/%2e%2e/x", "file:///%00"]
NUMBERS = [0, 1, -1, 2**31 - 1, -2**31]


def fill(message, word, number, depth=0):
    """Every field of the message: texts are the word, numbers the number, lists have two of it."""
    for field in message.DESCRIPTOR.fields:
        many = field.label == FieldDescriptor.LABEL_REPEATED
        if field.name == "token":
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].type == FieldDescriptor.TYPE_STRING:
                getattr(message, field.name)[word] = word
        elif field.message_type:
            for _ in range(2 if depth < 3 else 0):
                fill(getattr(message, field.name).add() if many else getattr(message, field.name), word, number, depth + 1)
        else:
            value = word
            if field.type == FieldDescriptor.TYPE_BYTES:
                value = word.encode()
            elif field.type == FieldDescriptor.TYPE_BOOL:
                value = bool(number & 1)
            elif field.type == FieldDescriptor.TYPE_ENUM:
                value = number if field.enum_type.file.syntax == "proto3" else field.enum_type.values[0].number
            elif field.type != FieldDescriptor.TYPE_STRING:
                unsigned = field.type in (FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64)
                value = abs(number) if unsigned else number
            if many:
                getattr(message, field.name).extend([value] * 2)
            else:
                setattr(message, field.name, value)


def everything(service, *but):
    for method in service.methods:
        request, reply = classes(method)
        for n, word in enumerate(WORDS):
            if method.name not in but:
                message = request()
                fill(message, word, NUMBERS[n % len(NUMBERS)])
                yield method.name, message, reply


def below(folder):
    return {str(p.relative_to(folder)) for p in pathlib.Path(folder).rglob("*")}


def test_a_container_at_its_host(host_factory):
    quiet = {name: ["true", "{%s}" % word] for name, word in (
        ("open_url", "url"), ("inhibit_screensaver", "reason"), ("security_key", "message"), ("select_file", "title"))}
    host = host_factory(hooks={**quiet, "open_terminal": ["true", "{enter}", "{params}"]})
    c = Container(host)
    c.garcon.answers["GetIcon"] = lambda request, _: guest_pb.IconResponse(desktop_icons=[
        {"desktop_file_id": i, "icon": PNG, "format": 0} for i in [*request.desktop_file_ids, *WORDS]])
    files, request = below(host.folder), classes(LISTENER.methods_by_name["UpdateApplicationList"])[0]()
    for word in (w for w in WORDS if len(w) < 1000):
        fill(request.application.add(), word, 0)
    c.call("UpdateApplicationList", application=request.application)
    seen = host.entries()
    assert len(seen) >= 10 and all(name.startswith("reeve-termina-penguin-") for name in seen)
    for name, message, reply in everything(LISTENER, "ContainerReady", "ContainerShutdown"):
        if "token" in message.DESCRIPTOR.fields_by_name:
            message.token = c.token
        stub = c.caller.channel.unary_unary("/%s/%s" % (LISTENER.full_name, name), request_serializer=type(message).SerializeToString,
                                            response_deserializer=reply.FromString)
        assert stub.future(message, timeout=LONG_S).code().name in (
            "OK", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "INTERNAL"), (name, message)
    for name, text in seen.items():
        assert [line.split(" ")[0] for line in text.splitlines() if line.startswith("Exec")] == ['Exec="%s"' % host_binary(host)], name
        assert text.count("[Desktop Entry]\n") == 1 and "\x1b" not in text and "\r" not in text
    assert all("/applications/" in path or "/icons/" in path for path in below(host.folder) - files)
    assert "up" in host.run("container", "list") and not list(host.folder.rglob("owned")) and not os.path.exists("owned")
    c.garcon.stop()


def host_binary(host):
    return os.readlink("/proc/%d/exe" % host.process.pid)


@pytest.fixture
def container(stand_in, tmp_path_factory):
    c = container_fixtures.Container(tmp_path_factory.mktemp("c"), "unix:%s" % stand_in.path)
    yield c
    c.stop()


def test_a_host_at_its_container(container, stand_in):
    programs = container.folder / "bin"
    programs.mkdir()
    for name in ("apt-get", "apt-cache", "dpkg-query", "dpkg-deb", "ansible-playbook", "sudo", "pkexec"):
        (programs / name).write_text('#!/bin/sh\nprintf \'%%s\\037\' %s "$@" >> "$HOME/ran"; printf \'\\036\' >> "$HOME/ran"\n' % name)
        (programs / name).chmod(0o755)
    container.env["PATH"] = "%s:%s" % (programs, container.env["PATH"])
    for n, word in enumerate(WORDS):
        line = word.replace("\n", "\\n").replace("\r", "\\r")
        container.install("w%d.desktop" % n, VIM.replace("Name=Vim", "Name=%s" % line).replace("Icon=vim", "Icon=%s" % line) +
                          "Keywords=%s\nStartupWMClass=%s\nTryExec=%s\n" % (line, line, "sh" if n % 2 else ""))
    for name in (b"bad\xff.desktop", b"line\nbreak.desktop", b"-x.desktop", b"a;b.desktop"):
        (container.applications / os.fsdecode(name)).write_bytes(VIM.encode() + b"Comment=\xff\xfe\nKeywords=a\0b\n")
    (container.applications / "up").symlink_to("..")
    (container.applications / "itself").symlink_to(".")
    container.start()
    seen = {a.desktop_file_id for a in stand_in.wait_for("UpdateApplicationList").application}
    assert {"-x", "a;b", "w7", "w8", "w24"} <= seen and not any("itself" in name for name in seen)
    container.call("GetGarconSessionInfo")
    files = below(container.home) | {"ran"}
    for name, message, reply in everything(GARCON):
        stub = container.channel.unary_unary("/%s/%s" % (GARCON.full_name, name), request_serializer=type(message).SerializeToString,
                                             response_deserializer=reply.FromString)
        assert stub.future(message, timeout=LONG_S).code().name in ("OK", "INVALID_ARGUMENT"), (name, message)
    wait_for(lambda: container.call("GetGarconSessionInfo").container_username, timeout=LONG_S)
    ran = [r.split("\x1f")[:-1] for r in (container.home / "ran").read_text().split("\x1e")[:-1]]
    for program, *words in ran:
        if program == "apt-get":
            assert words[-2] == "--" and not words[-1].startswith("-"), words
    assert below(container.home) <= files and not list(container.folder.rglob("owned"))
