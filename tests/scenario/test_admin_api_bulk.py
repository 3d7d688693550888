# SPDX-License-Identifier: Apache-2.0
"""Commands to many devices, and Idempotency-Key: what was done once is not done twice, over a restart too."""
import pytest

from admin_api import Api, api, enroll, server, start, token_api  # noqa: F401 (fixtures)

N = 1203  # more than two batches of 500


@pytest.fixture(scope="module")
def devices(server, api):
    api.post("/fleets", {"name": "Bulk"})
    token = api.post("/enrollment-tokens", {"fleet": "Bulk"})["token"]
    return [server.device(token, name="b%04d" % i, kind="vm" if i % 100 == 0 else "linux").device["device_id"] for i in range(N)]


def send(api, status=201, key=None, **body):
    headers = {"Idempotency-Key": key} if key else {}
    return api("POST", "/commands", status, json=dict({"type": "ping"}, **body), headers=headers).json()


def test_to_all(api, devices):
    answer = send(api, filter="within=Bulk", expires="2h")
    assert [c["device"] for c in answer["items"]] == devices and answer["refused"] == []
    assert {c["state"] for c in answer["items"]} == {"queued"} and answer["items"][7]["device_name"] == "b0007"
    assert answer["items"][0] == api.get("/commands/%d" % answer["items"][0]["id"])
    assert send(api, filter="within=Bulk and name=nobody") == {"items": [], "refused": []}


def test_to_some(api, devices):
    answer = send(api, filter="within=Bulk and kind=vm")
    assert [c["device"] for c in answer["items"]] == devices[::100]


def test_refused_devices_hold_nobody_up(api, server, devices, reeved_factory):
    """Devices whose channel has no word for the command are listed, the others get it."""
    mixed = reeved_factory("--mdmcore-open-enrollment")
    a = Api(mixed.admin())
    linux = mixed.device(name="linux").device["device_id"]
    r = mixed.session().post("/enroll", json={"serial": "M1"})
    assert r.status_code in (200, 201), r.text
    answer = send(a, filter="", type="ping")
    assert [c["device"] for c in answer["items"]] == [linux]
    (refused,) = answer["refused"]
    assert refused["device"] != linux and refused["detail"]


def test_bad_parameters_are_one_error(api, devices):
    before = api.get("/overview")["commands_open"]
    api.bad("POST", "/commands", 400, "nope", json={"filter": "within=Bulk", "type": "ping", "params": {"nope": 1}})
    assert api.get("/overview")["commands_open"] == before


def test_the_same_key_sends_once(api, server, devices):
    first = send(api, key="k1", filter="within=Bulk")
    again = send(api, key="k1", filter="within=Bulk")
    assert [c["id"] for c in again["items"]] == [c["id"] for c in first["items"]]
    api.bad("POST", "/commands", 409, "Idempotency-Key", json={"filter": "within=Bulk and kind=vm", "type": "ping"},
            headers={"Idempotency-Key": "k1"})
    other = token_api(server, ["*"], name="other")  # keys are of who sends
    assert not {c["id"] for c in send(other, key="k1", filter="within=Bulk and kind=vm")["items"]} & {c["id"] for c in first["items"]}
    server.restart()
    mine = Api(server.admin())
    api.session.base = mine.session.base
    again = send(mine, key="k1", filter="within=Bulk")
    assert [c["id"] for c in again["items"]] == [c["id"] for c in first["items"]]


# ---- the key on other requests ----

def test_one_answer_for_a_key(api, server):
    headers = {"Idempotency-Key": "fleet-1"}
    first = api("POST", "/fleets", 201, json={"name": "Once"}, headers=headers)
    again = api("POST", "/fleets", 201, json={"name": "Once"}, headers=headers)
    assert again.json() == first.json()
    api.bad("POST", "/fleets", 409, "Idempotency-Key", json={"name": "Twice"}, headers=headers)
    api.bad("POST", "/fleets", 409, "Once", json={"name": "Once"}, headers={"Idempotency-Key": "fleet-2"})
    server.restart()
    api.session.base = server.url
    assert api("POST", "/fleets", 201, json={"name": "Once"}, headers=headers).json() == first.json()
    # a failure is not kept
    api("POST", "/fleets", 404, json={"name": "Late", "parent": "Nobody"}, headers={"Idempotency-Key": "fleet-3"})
    api.post("/fleets", {"name": "Nobody"})
    api("POST", "/fleets", 201, json={"name": "Late", "parent": "Nobody"}, headers={"Idempotency-Key": "fleet-3"})
    api("POST", "/fleets", 400, json={"name": "x"}, headers={"Idempotency-Key": "k" * 300})


def test_single_command(api, devices):
    body = {"device": devices[0], "type": "ping"}
    first = api("POST", "/commands", 201, json=body, headers={"Idempotency-Key": "c1"}).json()
    assert api("POST", "/commands", 201, json=body, headers={"Idempotency-Key": "c1"}).json()["id"] == first["id"]
    api.bad("POST", "/commands", 409, json=dict(body, device=devices[1]), headers={"Idempotency-Key": "c1"})


def test_secrets_are_shown_once(api):
    for path, body in (("/enrollment-tokens", {}), ("/api-tokens", {"name": "once", "scopes": ["read"]})):
        n = len(api.all(path))
        assert api("POST", path, 201, json=body, headers={"Idempotency-Key": path}).json()["token"]
        api.bad("POST", path, 409, "once", json=body, headers={"Idempotency-Key": path})
        assert len(api.all(path)) == n + 1


def test_under_another_secret(reeved):
    """As after a restore on another server: what was kept cannot be recognized, and nothing is done twice."""
    secret = reeved.data / "idempotency.key"
    assert secret.stat().st_mode & 0o777 == 0o600
    reeved.device()
    requests = {"/fleets": {"name": "Once"}, "/commands": {"filter": "kind=linux", "type": "ping"}}
    for path, body in requests.items():
        Api(reeved.admin())("POST", path, 201, json=body, headers={"Idempotency-Key": path})
    reeved.stop()
    secret.unlink()
    reeved.start()
    for path, body in requests.items():
        Api(reeved.admin()).bad("POST", path, 409, "cannot tell", json=body, headers={"Idempotency-Key": path})
    assert secret.stat().st_size == 32


def test_slow_work(api, server):
    """Requests that are done on a job keep the key as well: uploads, rotation, apply, administrators."""
    for path, kw in (("/files", {"params": {"name": "keyed"}, "data": b"x", "headers": {"Content-Type": "application/octet-stream"}}),
                     ("/keys/rotate", {}),
                     ("/administrators", {"json": {"name": "keyed", "password": "correct horse", "scopes": ["read"]}})):
        headers = dict(kw.pop("headers", {}), **{"Idempotency-Key": "slow"})
        headers["Idempotency-Key"] += path
        first = api("POST", path, 201, headers=headers, **kw).json()
        assert api("POST", path, 201, headers=headers, **kw).json() == first, path
    n_keys = len([k for k in api.all("/keys")])
    assert len(list((server.data / "keys").iterdir())) == n_keys  # the second pair was thrown away
    document = {"documents": [{"fleets": [{"path": "default/Keyed"}]}]}
    first = api("POST", "/apply", 200, json=document, headers={"Idempotency-Key": "apply"}).json()
    assert first["add"] == 1
    assert api("GET", "/files", 200).json()["items"][0]["version"] == 1
