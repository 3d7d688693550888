# SPDX-License-Identifier: Apache-2.0
"""Five thousand retained messages: when the broker has them all, none is missed in the flood that answers the server's
question (a missed one would be an order that nobody erases, or a message told twice); when it has none, all come back."""
import os
import signal
import sqlite3

from conftest import wait_for
from flyve_agents import D2, agents, invite, make_fleet, server  # noqa: F401 (fixtures)
from mqtt_fixtures import metric
from test_flyve_crash import broker_pid, port, reconnect

N = 5000
PATIENCE_S = 120


def change_store(server, statements):  # noqa: F811
    """While the server is away, whose thread alone writes otherwise."""
    server.stop()
    db = sqlite3.connect(server.data / "store.sqlite")
    for sql, rows in statements:
        db.executemany(sql, rows)
    db.commit()
    db.close()
    server.start()


def mine(a):
    return [t for t, payload in a.heard if "/Policy/many" in t and payload]


def test_many_retained(server, agents):  # noqa: F811
    make_fleet(server)
    a = agents(D2, "SER1").enroll(invite(server, fleet="phones"))
    topics = ["%s/Policy/many%d/Task/%d" % (a.topic, i, i) for i in range(N)]
    insert = ("INSERT INTO retained(topic, org_id, fleet_id, device_id, command_id, qos, payload, published, changed_ms)"
              " VALUES (?, 1, 0, ?, 0, 1, ?, 0, 0)")
    change_store(server, [(insert, [(t, a.record["id"], '{"many":"%s"}' % ("x" * 200)) for t in topics])])
    a.record["port"] = str(port(server))
    a.connect()
    a.wait(lambda: len(mine(a)) == N, "all of them", PATIENCE_S)  # devices are let in when everything is there
    assert metric(server, "reeve_flyve_lost_total") == 0
    # the broker has everything: nothing is missed, nothing is said again
    a.disconnect()
    a.forget()
    server.restart()
    reconnect(server, [a])
    a.wait(lambda: len(mine(a)) == N, "all of them", PATIENCE_S)
    assert metric(server, "reeve_flyve_lost_total") == 0 and metric(server, "reeve_flyve_published_total") <= 1  # where the broker is
    # half of it is nobody's any more: it is gone before anybody can read it
    a.disconnect()
    a.forget()
    change_store(server, [("DELETE FROM retained WHERE topic = ?", [(t,) for t in topics[::2]])])
    reconnect(server, [a])
    a.wait(lambda: len(mine(a)) >= N // 2, "the other half", PATIENCE_S)
    assert sorted(mine(a)) == sorted(topics[1::2])
    assert metric(server, "reeve_flyve_erased_total") >= N // 2
    # the broker forgets all of it
    pid = broker_pid(server)
    a.forget()
    (server.data / "mqtt" / "mosquitto.db").unlink(missing_ok=True)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: metric(server, "reeve_flyve_lost_total") >= N // 2, PATIENCE_S, "the loss to be seen")
    a.wait(lambda: len(mine(a)) >= N // 2, "the other half", PATIENCE_S)
    assert sorted(mine(a)) == sorted(topics[1::2])
