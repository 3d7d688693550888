# SPDX-License-Identifier: Apache-2.0
"""Every command of `reeve`: the requests it makes, and what it prints of the answers."""
import csv
import io
import json

import pytest
import yaml

from cli_stand_in import (  # noqa: F401 (fixtures)
    ADMIN, API, API_TOKEN, COMMAND, COMMAND_TYPE, DEVICE, E, ENROLLMENT, EVENT, FILE, FLEET,
    get, items, KEY, listed, ORG, OVERVIEW, page, reeve, SETTING, stand_in, token_file)

COMMANDS = [
    ("org list", [listed("/organizations", ORG)], "default", [ORG]),
    ("org show", [get("/organizations", items(ORG), limit="1"), get("/organizations/1", ORG)], "poll.interval", ORG),
    ("org show acme", [get("/organizations/acme", ORG)], "default", ORG),
    ("--org acme org show", [get("/organizations/acme", ORG)], "default", ORG),
    ("org create acme --domain acme.example",
     [E("POST", API + "/organizations", body={"name": "acme", "domain": "acme.example"}, status=201, answer=ORG)],
     "Created the organization acme.", ORG),
    ("org set --org acme mdmcore.open_enrollment true",
     [E("PATCH", API + "/organizations/acme", body={"config": {"mdmcore.open_enrollment": True}}, answer=ORG)],
     "mdmcore.open_enrollment of the organization default is now true.", ORG),
    ("org set --org acme poll.interval null",
     [E("PATCH", API + "/organizations/acme", body={"config": {"poll.interval": None}}, answer=ORG)], None, ORG),
    ("org set --org acme domain true",
     [E("PATCH", API + "/organizations/acme", body={"domain": "true"}, answer=ORG)], None, ORG),
    ("fleet list", [listed("/fleets", FLEET)], "Sales", [FLEET]),
    ("fleet list --org acme", [listed("/fleets", FLEET, org="acme")], "Sales", [FLEET]),
    ("fleet show default/Sales", [get("/fleets/default%2FSales", FLEET)], "default/Sales", FLEET),
    ("fleet create Sales", [E("POST", API + "/fleets", body={"name": "Sales"}, status=201, answer=FLEET)],
     "Created the fleet default/Sales.", FLEET),
    ("fleet create Sales --parent default --org a&b",
     [E("POST", API + "/fleets", {"org": "a&b"}, {"name": "Sales", "parent": "default"}, status=201, answer=FLEET)],
     None, FLEET),
    ("fleet move 3 default", [E("PATCH", API + "/fleets/3", body={"parent": "default"}, answer=FLEET)],
     "Moved the fleet: it is now default/Sales.", FLEET),
    ("fleet rename 3 Sales", [E("PATCH", API + "/fleets/3", body={"name": "Sales"}, answer=FLEET)],
     "Renamed the fleet: it is now default/Sales.", FLEET),
    ("fleet delete Sales", [E("DELETE", API + "/fleets/Sales", status=204)], "Deleted the fleet Sales.", {}),
    ("enrollment-token create",
     [E("POST", API + "/enrollment-tokens", body={}, status=201, answer=dict(ENROLLMENT, token="secret"))],
     "secret\n", dict(ENROLLMENT, token="secret")),
    ("enrollment-token create --fleet F --uses 5 --expires 24h --kind flyve --email a@b.example",
     [E("POST", API + "/enrollment-tokens",
        body={"fleet": "F", "uses": 5, "expires": "1d", "kind": "flyve", "email": "a@b.example"}, status=201,
        answer=dict(ENROLLMENT, token="secret", deep_link="x"))], "secret\n",
     dict(ENROLLMENT, token="secret", deep_link="x")),
    ("enrollment-token list", [listed("/enrollment-tokens", ENROLLMENT)], "0 of 1", [ENROLLMENT]),
    ("enrollment-token revoke 8", [E("DELETE", API + "/enrollment-tokens/8", status=204)], "Revoked", {}),
    ("device list", [listed("/devices", DEVICE)], "5 → 7", [DEVICE]),
    ("device list --filter kind=linux --limit 7",
     [get("/devices", items(DEVICE), filter="kind=linux", limit="7")], "host7", [DEVICE]),
    ("device count --filter kind=linux", [get("/devices/count", {"count": 41}, filter="kind=linux")], "41\n",
     {"count": 41}),
    ("device show 12", [get("/devices/12", dict(DEVICE, settings=[], inventory={}, attributes={}))],
     "7 desired, 5 applied", dict(DEVICE, settings=[], inventory={}, attributes={})),
    ("device move 12 default/Sales",
     [E("PATCH", API + "/devices/12", body={"fleet": "default/Sales"}, answer=DEVICE)],
     "Moved host7 to default/Sales.", DEVICE),
    ("device rename 12 host7", [E("PATCH", API + "/devices/12", body={"name": "host7"}, answer=DEVICE)],
     "Renamed device 12 to host7.", DEVICE),
    ("device unenroll 12", [E("POST", API + "/devices/12/unenroll", answer=DEVICE)], "host7 is no longer managed.",
     DEVICE),
    ("device delete 12", [E("DELETE", API + "/devices/12", status=204)], "Deleted device 12", {}),
    ("setting list", [listed("/settings", SETTING)], "No camera works", [SETTING]),
    ("setting list wifi.*", [listed("/settings", SETTING)], "", []),
    ("setting list c*.disabled", [listed("/settings", SETTING)], "camera", [SETTING]),
    ("setting show camera.disabled", [get("/settings/camera.disabled", SETTING)], "No camera works", SETTING),
    ("setting list --fleet Sales",
     [listed("/fleets/Sales/settings", {"name": "a", "value": 1, "level": "mandatory", "changed": None, "actor": "x"})],
     "mandatory", [{"name": "a", "value": 1, "level": "mandatory", "changed": None, "actor": "x"}]),
    ("setting set --fleet default/Sales camera.disabled true",
     [E("PUT", API + "/fleets/default%2FSales/settings/camera.disabled", body={"value": True},
        answer={"name": "camera.disabled", "value": True, "level": "mandatory", "changed": True})],
     "camera.disabled is now true on fleet default/Sales.",
     {"name": "camera.disabled", "value": True, "level": "mandatory", "changed": True}),
    ("setting set --device 12 chrome.HomepageLocation https://x.example --level recommended",
     [E("PUT", API + "/devices/12/settings/chrome.HomepageLocation",
        body={"value": "https://x.example", "level": "recommended"},
        answer={"name": "chrome.HomepageLocation", "value": "https://x.example", "level": "recommended",
                "changed": False})],
     'chrome.HomepageLocation was already "https://x.example" on device 12.', None),
    ("setting unset --device 12 wifi.disabled", [E("DELETE", API + "/devices/12/settings/wifi.disabled", status=204)],
     "wifi.disabled is no longer set on device 12.", {}),
    ("setting effective 12",
     [E("GET", API + "/devices/12/effective", page(), answer={"version": 7, "items": [
         {"name": "a", "value": 1, "level": "mandatory", "source": "fleet", "source_id": 3, "source_name": "Sales",
          "applies": True}]})], "fleet Sales", None),
    ("setting effective --fleet Sales", [listed("/fleets/Sales/effective")], "", []),
    ("command send 12 ping",
     [E("POST", API + "/commands", body={"device": 12, "type": "ping", "params": {}}, status=201, answer=COMMAND)],
     "Command 9 is queued.", COMMAND),
    ("command send 12 set_volume -p volume=30 --param note=loud --expires 1h --idempotency-key k1",
     [E("POST", API + "/commands", body={"device": 12, "type": "set_volume", "params": {"volume": 30, "note": "loud"},
                                         "expires": "1h"}, headers={"Idempotency-Key": "k1"}, status=201,
        answer=COMMAND)], None, COMMAND),
    ('command send 12 x --payload {"a":[1]} --param b=2',
     [E("POST", API + "/commands", body={"device": 12, "type": "x", "params": {"a": [1], "b": 2}}, status=201,
        answer=COMMAND)], None, COMMAND),
    ("command send 12 ping --wait",
     [E("POST", API + "/commands", body={"device": 12, "type": "ping", "params": {}}, status=201, answer=COMMAND),
      get("/commands/9", dict(COMMAND, state="sent")),
      get("/commands/9", dict(COMMAND, state="done", result={"ms": 3}))], '{"ms":3}',
     dict(COMMAND, state="done", result={"ms": 3})),
    ("command send --filter kind=linux ping",
     [E("POST", API + "/commands", body={"filter": "kind=linux", "type": "ping", "params": {}}, status=201,
        answer={"items": [COMMAND], "refused": [{"device": 13, "detail": "it is gone"}]})],
     "Sent to 1, refused for 1.", {"items": [COMMAND], "refused": [{"device": 13, "detail": "it is gone"}]}),
    ("command types", [listed("/command-types", COMMAND_TYPE)], "android  password", [COMMAND_TYPE]),
    ("command list", [listed("/commands", COMMAND)], "queued", [COMMAND]),
    ("command list 12 --state queued", [listed("/commands", COMMAND, device="12", state="queued")], "ping", [COMMAND]),
    ("command show 9", [get("/commands/9", COMMAND)], "queued", COMMAND),
    ("command cancel 9", [E("POST", API + "/commands/9/cancel", answer=dict(COMMAND, state="cancelled"))],
     "Cancelled command 9.", dict(COMMAND, state="cancelled")),
    ("key list", [listed("/keys", KEY)], "verification", [KEY]),
    ("key rotate", [E("POST", API + "/keys/rotate", answer=KEY)], "version 2", KEY),
    ("key show verification", [get("/keys/verification", KEY)], "-----PUBLIC-----\n", KEY),
    ("key show verification --private",
     [get("/keys/verification", dict(KEY, private_pem="-----PRIVATE-----"), private="true")], "-----PRIVATE-----\n",
     dict(KEY, private_pem="-----PRIVATE-----")),
    ("event list", [listed("/events", EVENT, since="0")], '{"value":true}', [EVENT]),
    ("event list --since 4 --device 12", [listed("/events", EVENT, since="4", device="12")], "setting.set", [EVENT]),
    ("event list --limit 2",
     [get("/events", items(dict(EVENT, id=6), EVENT), newest="true", limit="2")], None, [EVENT, dict(EVENT, id=6)]),
    ("file list", [listed("/files", FILE, kind="file")], "5 B", [FILE]),
    ("file delete 4", [E("DELETE", API + "/files/4", status=204)], "Deleted the file 4.", {}),
    ("file delete motd",
     [listed("/files", FILE, kind="file"), E("DELETE", API + "/files/4", status=204)], "Deleted the file motd.", {}),
    ("app list", [listed("/files", dict(FILE, kind="app"), kind="app")], "motd", [dict(FILE, kind="app")]),
    ("app delete motd",
     [listed("/files", FILE, kind="app"), E("DELETE", API + "/files/4", status=204)], "Deleted the app motd.", {}),
    ("api-token create ci --scope read --scope devices:write --expires 90d --org acme",
     [E("POST", API + "/api-tokens", body={"name": "ci", "scopes": ["read", "devices:write"], "organization": "acme",
                                           "expires": "90d"}, status=201, answer=dict(API_TOKEN, token="s3cret"))],
     "s3cret\n", dict(API_TOKEN, token="s3cret")),
    ("api-token list", [listed("/api-tokens", API_TOKEN)], "never", [API_TOKEN]),
    ("api-token revoke ci", [listed("/api-tokens", API_TOKEN), E("DELETE", API + "/api-tokens/6", status=204)],
     "Revoked the API token ci.", {}),
    ("admin list", [listed("/administrators", ADMIN)], "ada", [ADMIN]),
    ("admin create ada --scope * --password-file -",
     [E("POST", API + "/administrators", body={"name": "ada", "scopes": ["*"], "password": "correct horse"},
        status=201, answer=ADMIN)], "Created the administrator ada.", ADMIN),
    ("admin password ada --password-file -",
     [listed("/administrators", ADMIN),
      E("PATCH", API + "/administrators/2", body={"password": "correct horse"}, answer=ADMIN)],
     "ada has a new password.", ADMIN),
    ("admin scopes 2 --scope read", [E("PATCH", API + "/administrators/2", body={"scopes": ["read"]}, answer=ADMIN)],
     None, ADMIN),
    ("admin disable 2", [E("PATCH", API + "/administrators/2", body={"disabled": True}, answer=ADMIN)], None, ADMIN),
    ("admin enable 2", [E("PATCH", API + "/administrators/2", body={"disabled": False}, answer=ADMIN)], None, ADMIN),
    ("admin delete ada", [listed("/administrators", ADMIN), E("DELETE", API + "/administrators/2", status=204)],
     "Deleted the administrator ada.", {}),
    ("overview", [get("/overview", OVERVIEW)], "2 COMPLIANT, 1 STALE", OVERVIEW),
    ("check", [get("/check", {"findings": []})], "Everything is sound.", {"findings": []}),
]


@pytest.mark.parametrize("line,exchanges,table,value", COMMANDS, ids=[c[0] for c in COMMANDS])
def test_command(reeve, line, exchanges, table, value):
    done = reeve(*line.split(" "), exchanges=exchanges, stdin="correct horse\n")
    if table is not None:
        assert table in done.stdout
        if table.endswith("\n"):
            assert done.stdout == table  # alone, for scripts
    done = reeve("-o", "json", *line.split(" "), exchanges=exchanges, stdin="correct horse\n")
    answer = json.loads(done.stdout)
    if value is not None:
        assert answer == value
    done = reeve(*line.split(" "), "--output=yaml", exchanges=exchanges, stdin="correct horse\n")
    assert yaml.safe_load(done.stdout) == answer
    done = reeve(*line.split(" "), "-ocsv", exchanges=exchanges, stdin="correct horse\n")
    rows = list(csv.reader(io.StringIO(done.stdout, newline="")))
    things = answer if isinstance(answer, list) else [answer] if answer else []
    assert len(rows) == (len(things) + 1 if things else 0)
    if things:
        assert rows[0] == list(things[0])
