# SPDX-License-Identifier: Apache-2.0
"""A strict org.freedesktop.portal.FileChooser on the session bus (a process of its own): checks every call against the interface's
version 4, writes what it was asked as a line of JSON to stdout, and answers as its argument says:

    {"code": 0, "uris": [...]}           an answer
    {"crash": true}                      it dies instead
    {"forge": true, …}                   somebody else answers first, with a file of his
    {"old_path": true, …}                a request path as very old portals made it
    {"wait": true}                       no answer; prints "closed" when the caller leaves the bus
"""
import json
import os
import sys

import dbus
import dbus.lowlevel
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME, OBJECT = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
COMMON = {"handle_token": "s", "modal": "b", "accept_label": "s", "filters": "a(sa(us))", "current_filter": "(sa(us))", "choices": "a(ssa(ss)s)"}
OPTIONS = {"OpenFile": COMMON | {"multiple": "b", "directory": "b", "current_folder": "ay"},
           "SaveFile": COMMON | {"current_name": "s", "current_folder": "ay", "current_file": "ay"}}
answer = json.loads(sys.argv[1])


def plain(v):
    """A D-Bus value as JSON has it; byte strings must end with a NUL."""
    if isinstance(v, dbus.Array) and v.signature == "y":
        data = bytes(v)
        assert data.endswith(b"\0") and b"\0" not in data[:-1], data
        return data[:-1].decode()
    if isinstance(v, dbus.Boolean):
        return bool(v)
    if isinstance(v, (dbus.Array, dbus.Struct)):
        return [plain(i) for i in v]
    return str(v) if isinstance(v, str) else int(v)


def signature(v):
    if isinstance(v, dbus.Array):
        return "a" + str(v.signature)
    return {dbus.Boolean: "b", dbus.String: "s", dbus.UInt32: "u"}[type(v)]


def say(what):
    print(json.dumps(what), flush=True)


def respond(bus, sender, path, code, uris):
    signal = dbus.lowlevel.SignalMessage(path, "org.freedesktop.portal.Request", "Response")
    signal.set_destination(sender)
    signal.append(dbus.UInt32(code), dbus.Dictionary({"choices": dbus.Array([], signature="(ss)"),
                                                      "uris": dbus.Array(uris, signature="s")}, signature="sv"),
                  signature="ua{sv}")
    bus.send_message(signal)
    bus.flush()


class Portal(dbus.service.Object):
    def begin(self, method, parent, title, options, sender):
        for name, value in options.items():
            assert OPTIONS[method].get(name) == signature(value), (method, name, signature(value))
        token = options.get("handle_token", "t")
        assert str(token).replace("_", "").isalnum()
        say({"method": method, "parent": str(parent), "title": str(title), "options": {str(k): plain(v) for k, v in options.items()}})
        if answer.get("crash"):
            os._exit(1)
        path = "%s/request/%s/%s" % (OBJECT, "old" if answer.get("old_path") else str(sender)[1:].replace(".", "_"), token)
        if answer.get("wait"):
            bus.watch_name_owner(sender, lambda owner: owner or say("closed"))
        else:
            GLib.idle_add(self.finish, sender, path)
        return dbus.ObjectPath(path)

    def finish(self, sender, path):
        if answer.get("forge"):
            respond(dbus.bus.BusConnection(os.environ["DBUS_SESSION_BUS_ADDRESS"]), sender, path, 0, ["file:///forged"])
        # Twice: an old portal's first signal may come before its caller knows the path.
        GLib.timeout_add(500 if answer.get("old_path") else 0, lambda: respond(bus, sender, path, answer["code"], answer.get("uris", [])))

    @dbus.service.method("org.freedesktop.portal.FileChooser", in_signature="ssa{sv}", out_signature="o", sender_keyword="sender")
    def OpenFile(self, parent, title, options, sender=None):
        return self.begin("OpenFile", parent, title, options, sender)

    @dbus.service.method("org.freedesktop.portal.FileChooser", in_signature="ssa{sv}", out_signature="o", sender_keyword="sender")
    def SaveFile(self, parent, title, options, sender=None):
        return self.begin("SaveFile", parent, title, options, sender)


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
owned = dbus.service.BusName(NAME, bus, do_not_queue=True)
portal = Portal(bus, OBJECT)
say("ready")
GLib.MainLoop().run()
