# SPDX-License-Identifier: Apache-2.0
"""The messages of Chrome's protocol for Google's protobuf runtime: `seed` (clients of 2015), `today` (the browser of
2026) and `settings` (what policies hold), compiled by protoc from chrome/*.proto when this is imported.

CloudPolicySettings is made here from data/chrome-policies.tsv, one field a policy, by the browser's own rule for
numbers, not by the table's columns: so a wrong number in the table would be found, too.
"""
import csv
import pathlib
import subprocess
import types

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE.parents[1] / "data" / "chrome-policies.tsv"
LAST_TOP_LEVEL_ID, CHUNK = 1040, 800
MESSAGE_OF_KIND = {"Boolean": "BooleanPolicyProto", "Integer": "IntegerPolicyProto", "String": "StringPolicyProto",
                   "JSON": "StringPolicyProto", "StringList": "StringListPolicyProto"}


def policy_table():
    """[{name, id, kind, …}] of every policy known."""
    lines = (line for line in TABLE.read_text().splitlines() if not line.startswith("#"))
    return [dict(row, id=int(row["id"])) for row in csv.DictReader(lines, delimiter="\t")]


def place(policy_id):
    """(chunk, field) of a policy; chunk 0 is CloudPolicySettings itself."""
    if policy_id <= LAST_TOP_LEVEL_ID:
        return 0, policy_id + 2
    beyond = policy_id - LAST_TOP_LEVEL_ID - 1
    return beyond // CHUNK + 1, beyond % CHUNK + 1


def _optional(message, name, number, type_name):
    field = message.field.add(name=name, number=number, type_name=type_name)
    field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
    field.label = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL


def _cloud_policy_settings():
    file = descriptor_pb2.FileDescriptorProto(name="cloud.proto", package="settings", syntax="proto2",
                                              dependency=["settings.proto"])
    messages = {0: file.message_type.add(name="CloudPolicySettings")}
    for row in policy_table():
        chunk, number = place(row["id"])
        if chunk not in messages:
            name = "CloudPolicySubProto%d" % chunk
            messages[chunk] = file.message_type.add(name=name)
            _optional(messages[0], "chunk%d" % chunk, LAST_TOP_LEVEL_ID + 2 + chunk, ".settings." + name)
        _optional(messages[chunk], row["name"], number, ".settings." + MESSAGE_OF_KIND[row["kind"]])
    return file


def _load():
    names = ["seed.proto", "today.proto", "settings.proto"]
    compiled = subprocess.run(["protoc", "--descriptor_set_out=/dev/stdout", "-I", str(HERE / "chrome"), *names],
                              check=True, capture_output=True).stdout
    pool, factory = descriptor_pool.DescriptorPool(), message_factory.MessageFactory()
    spaces = {}
    files = list(descriptor_pb2.FileDescriptorSet.FromString(compiled).file) + [_cloud_policy_settings()]
    for file in files:
        pool.Add(file)
    for file in files:
        space = spaces.setdefault(file.package, types.SimpleNamespace())
        for name in (m.name for m in file.message_type):
            setattr(space, name, factory.GetPrototype(pool.FindMessageTypeByName(file.package + "." + name)))
    return spaces


_spaces = _load()
seed, today, settings = _spaces["seed"], _spaces["today"], _spaces["settings"]


def cloud_policies(payload):
    """{policy: (value, level)} of a CloudPolicySettings; fails on numbers that no policy has."""
    found = {}

    def collect(message):
        assert not len(message.UnknownFields()), "field %d is no policy" % message.UnknownFields()[0].field_number
        for field, value in message.ListFields():
            if field.name.startswith("chunk"):
                collect(value)
                continue
            assert value.HasField("value"), field.name + " has no value"
            is_list = hasattr(value.value, "entries")
            recommended = value.policy_options.mode == 1
            found[field.name] = (list(value.value.entries) if is_list else value.value,
                                 "recommended" if recommended else "mandatory")

    collect(settings.CloudPolicySettings.FromString(payload))
    return found
