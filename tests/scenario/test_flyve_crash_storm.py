# SPDX-License-Identifier: Apache-2.0
"""A thousand connected devices, a policy that changes, orders under way, and kill -9 of the broker, of the server, of both:
all end with the right state, no order is lost, none is carried out twice, and none that was done is told again."""
import concurrent.futures
import os
import signal

from conftest import wait_for
from flyve_agents import D1, D2, agents, ask, command, invite, make_fleet, state  # noqa: F401 (a fixture)
from mqtt_crowd import Crowd
from test_flyve_crash import broker_pid, camera_of, locks
from test_mqtt_broker_life import free_port

N = int(os.environ.get("REEVE_STORM", "1000"))
N_ORDERS = 60   # in each round
PATIENCE_S = 120


def enroll(server, n):
    token = invite(server, fleet="phones")["token"]

    def one(i):
        body = {"token": token, "channel": "flyve", "kind": "android", "name": "crowd%d" % i, "serial": "CROWD%d" % i}
        r = server.session().post("/device/v1/enroll", json=body, timeout=PATIENCE_S)
        assert r.status_code == 201, r.text
        return r.json()

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(one, range(n)))


def kill_broker(server):
    os.kill(broker_pid(server), signal.SIGKILL)


def kill_server(server):
    server.kill()
    server.start()


def kill_both(server):
    pid = broker_pid(server)
    os.kill(server.process.pid, signal.SIGSTOP)  # or it would start another one in between
    os.kill(pid, signal.SIGKILL)
    kill_server(server)


def set_camera(server, value):
    ask(server, "PUT", "/fleets/phones/settings/camera.disabled", 200, {"value": value})


def told(d, value):
    """Exactly that: nothing of an earlier value is left."""
    return [str(v).lower() for t, v in list(d.policies.items()) if "/disableCamera/" in t] == [str(value).lower()]


def change_and_crash(server, crowd, crash, at):
    """Orders before and after the blow, and the blow when some know of the change and others do not."""
    victims = crowd.devices[at:at + N_ORDERS]
    numbers = {d: command(server, d.id, "lock") for d in victims[::2]}
    for value in (True, False, True):
        set_camera(server, value)
    crowd.wait(lambda: crowd.count(lambda d: told(d, True)) > N // 5, "some to know")
    crash(server)
    set_camera(server, False)
    numbers.update({d: command(server, d.id, "lock") for d in victims[1::2]})
    set_camera(server, True)
    return numbers


def check_crowd(server, crowd, numbers):
    crowd.wait(lambda: crowd.count(lambda d: told(d, True)) == N, lambda: "%d know" % crowd.count(lambda d: told(d, True)), PATIENCE_S)
    for d, number in numbers.items():
        crowd.wait(lambda: str(number) in d.done, "order %d" % number, PATIENCE_S)  # noqa: B023 (waited for here)
        wait_for(lambda: state(server, number) == "done", PATIENCE_S, "its end")    # noqa: B023
    wait_for(lambda: verdicts(server) >= N, PATIENCE_S, "everybody to be known to comply")


def verdicts(server):
    return ask(server, "GET", "/devices/count?filter=verdict%3DCOMPLIANT", 200)["count"]


def check_orders(crowd, numbers, before):
    """Carried out once, by whom they are for; and what was done before the blow was not told again."""
    mine = {d: str(n) for d, n in numbers.items()}
    for d in crowd.devices:
        assert len(d.done) == len(set(d.done))
        for number, times in before.get(d, {}).items():
            assert d.orders[number] == times, "%s was done, and told again" % number
        assert set(d.done) - set(before.get(d, {})) == ({mine[d]} if d in mine else set())


def test_storm(reeved_factory, agents):  # noqa: F811
    server = reeved_factory("--mqtt", "embedded:%d" % free_port())
    fleet = make_fleet(server)
    paho = [agents((D1, D2)[i % 2], "PAHO%d" % i).enroll(invite(server, fleet="phones")) for i in range(4)]
    with Crowd(int(server.ready_line.rsplit(":", 1)[1]), enroll(server, N)) as crowd:
        for a in paho:
            a.connect()
        crowd.wait(lambda: crowd.count(lambda d: d.fleets and not d.waiting) == N, "the crowd")
        done = command(server, paho[0].record["id"], "lock")
        wait_for(lambda: state(server, done) == "done", PATIENCE_S, "the lock")
        for i, crash in enumerate((kill_broker, kill_server, kill_both)):
            before = {d: dict(d.orders) for d in crowd.devices}
            numbers = change_and_crash(server, crowd, crash, 2 * N_ORDERS * i % N)
            check_crowd(server, crowd, numbers)
            check_orders(crowd, numbers, before)
            for a in paho:
                a.wait(lambda a=a: camera_of(a, fleet) == "true", "the last value", PATIENCE_S)
        assert len(locks(paho[0])) == 1
        assert all(d.n_connected >= 4 for d in crowd.devices)
