# SPDX-License-Identifier: Apache-2.0
"""A thousand MQTT devices on one thread: 3.1.1 by hand, strict about what the broker says, and as our own agents behave:
they obey Subscribe, confirm every task each time they hear of it, carry out an order once however often it is told, and come
back when the connection is lost. What was not acknowledged is said again."""
import collections
import fcntl
import heapq
import json
import random
import resource
import selectors
import socket
import threading
import time

COME_BACK_S = 0.05, 1.0
PACKET_MAX = 1 << 20
FD_FIRST = 2048  # low numbers are left to libraries that use select(), as paho
CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9


def text(s):
    return len(s.encode()).to_bytes(2, "big") + s.encode()


def packet(head, body):
    n, length = len(body), b""
    while True:
        n, low = n >> 7, n & 127
        length += bytes([low | (128 if n else 0)])
        if not n:
            return bytes([head]) + length + body


def take_packet(data):
    """(head, body, size), or None when it is not complete."""
    n = 0
    for i in range(1, 5):
        if i >= len(data):
            return None
        n |= (data[i] & 127) << (7 * (i - 1))
        if data[i] < 128:
            assert n <= PACKET_MAX
            return (data[0], bytes(data[i + 1:i + 1 + n]), i + 1 + n) if len(data) >= i + 1 + n else None
    raise AssertionError("not a length: %r" % bytes(data[:5]))


class Device:
    """'answer' is the one of POST /device/v1/enroll."""

    def __init__(self, answer):
        self.id, mqtt = answer["device_id"], answer["mqtt"]
        self.user, self.password, self.root = mqtt["user"], mqtt["password"], mqtt["topic"]
        self.sock, self.fleets, self.waiting = None, set(), {}
        self.unacked = {}                            # packet id -> PUBLISH; of what was said, over connections
        self.last_id = 0
        self.policies = {}                           # topic -> value, as this connection was told
        self.orders = collections.Counter()          # task id -> times told
        self.done = []                               # task ids, in the order in which they were carried out
        self.n_connected = 0

    # ---- a connection ----

    def hello(self):
        return packet(0x10, text("MQTT") + b"\x04\xc2\x00\x78" + text("crowd-%d" % self.id) + text(self.user) + text(self.password))

    def begin(self, sock):
        self.sock, self.data, self.out = sock, bytearray(), bytearray(self.hello())
        self.accepted, self.waiting, self.fleets = False, {}, set()
        self.policies = {}  # who was away has not heard what was taken back

    def next_id(self):
        self.last_id = self.last_id % 65535 + 1
        assert self.last_id not in self.unacked
        return self.last_id

    def subscribe(self, topic):
        number = self.next_id()
        self.waiting[number] = topic
        self.out += packet(0x82, number.to_bytes(2, "big") + text(topic) + b"\x01")

    def say(self, suffix, message):
        number = self.next_id()
        body = text(self.root + "/" + suffix) + number.to_bytes(2, "big") + json.dumps(message).encode()
        self.unacked[number] = body
        self.out += packet(0x32, body)

    # ---- what the broker says ----

    def hear(self, data):
        self.data += data
        while (taken := take_packet(self.data)) is not None:
            head, body, size = taken
            del self.data[:size]
            kind = head >> 4
            assert self.accepted or kind == CONNACK, "before CONNACK: %#x" % head
            assert kind in (CONNACK, PUBLISH, PUBACK, SUBACK) and (kind == PUBLISH or head & 15 == 0), "%#x" % head
            {CONNACK: self.on_connack, PUBLISH: self.on_publish, PUBACK: self.on_puback, SUBACK: self.on_suback}[kind](head, body)

    def on_connack(self, _, body):
        assert body == b"\0\0" and not self.accepted, "refused: %r" % body
        self.accepted = True
        self.n_connected += 1
        for said in self.unacked.values():
            self.out += packet(0x3a, said)
        self.subscribe(self.root + "/#")

    def on_suback(self, _, body):
        assert len(body) == 3 and body[2] in (0, 1), "%s: %r" % (self.waiting, body)
        del self.waiting[int.from_bytes(body[:2], "big")]

    def on_puback(self, _, body):
        del self.unacked[int.from_bytes(body, "big")]

    def on_publish(self, head, body):
        qos, n = head >> 1 & 3, int.from_bytes(body[:2], "big")
        assert qos in (0, 1)
        topic, at = body[2:2 + n].decode(), 2 + n
        if qos:
            self.out += packet(0x40, body[at:at + 2])
            at += 2
        self.obey(topic, json.loads(body[at:]) if body[at:] else None)

    def obey(self, topic, message):
        parts = topic.split("/")
        own = topic.startswith(self.root + "/")
        assert own or any(topic.startswith(f + "/") for f in self.fleets), "%s is not for %s" % (topic, self.root)
        if "Policy" in parts:
            self.set_policy(topic, parts[-1], message)
        elif message is None or not own:
            return
        elif parts[-1] == "Subscribe":
            for fleet in {str(e["topic"]) for e in message["subscribe"]} - self.fleets:
                self.fleets.add(fleet)
                self.subscribe(fleet + "/#")
        elif parts[-1] == "Ping":
            self.say("Status/Ping", "!")
        elif "taskId" in message:
            self.carry_out(message["taskId"])

    def set_policy(self, topic, number, message):
        if message is None:
            self.policies.pop(topic, None)
            return
        self.policies[topic] = next(iter(message.values()))
        self.say("Status/Task/" + number, {"status": "done"})

    def carry_out(self, number):
        self.orders[number] += 1
        if number not in self.done:
            self.done.append(number)
        self.say("Status/Task/" + number, {"status": "done"})


class Crowd:
    """with Crowd(port, answers) as crowd: …; 'failures' is checked by wait() and at the end."""

    def __init__(self, port, answers):
        self.port = port
        hard, need = resource.getrlimit(resource.RLIMIT_NOFILE)[1], FD_FIRST + len(answers) + 100
        assert hard == resource.RLIM_INFINITY or hard >= need, "ulimit -n: %d descriptors are needed" % need
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < need:
            resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))
        self.devices = [Device(a) for a in answers]
        self.failures, self.stopping = [], False
        self.selector = selectors.DefaultSelector()
        self.due = [(0.0, i) for i in range(len(self.devices))]  # a heap: when who comes (back)
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stopping = True
        self.thread.join()
        for d in self.devices:
            if d.sock:
                d.sock.close()
        self.selector.close()
        assert kind or not self.failures, self.failures[:3]

    def wait(self, condition, what, timeout=90):
        end = time.monotonic() + timeout
        while not condition():
            assert not self.failures, self.failures[:3]
            assert time.monotonic() < end, "timed out: " + (what() if callable(what) else what)
            time.sleep(0.02)  # the devices change as they please: there is no one event

    def count(self, condition):
        return sum(map(bool, map(condition, self.devices)))

    # ---- the thread ----

    def come(self, i):
        d = self.devices[i]
        with socket.socket() as low:
            sock = socket.socket(fileno=fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, FD_FIRST))
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", self.port))
        d.begin(sock)
        self.selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, i)

    def leave(self, i):
        d = self.devices[i]
        self.selector.unregister(d.sock)
        d.sock.close()
        d.sock = None
        heapq.heappush(self.due, (time.monotonic() + random.uniform(*COME_BACK_S), i))

    def serve(self, i, events):
        d = self.devices[i]
        try:
            if events & selectors.EVENT_READ:
                data = d.sock.recv(65536)
                if not data:
                    return self.leave(i)
                d.hear(data)
            if d.out:
                del d.out[:d.sock.send(d.out)]
        except BlockingIOError:
            pass
        except OSError:
            return self.leave(i)
        self.selector.modify(d.sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if d.out else 0), i)

    def turn(self):
        now = time.monotonic()
        while self.due and self.due[0][0] <= now:
            self.come(heapq.heappop(self.due)[1])
        for key, events in self.selector.select(0.02):
            self.serve(key.data, events)

    def run(self):
        try:
            while not self.stopping:
                self.turn()
        except Exception as e:  # shown by who waits
            self.failures.append(repr(e))
