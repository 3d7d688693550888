# SPDX-License-Identifier: Apache-2.0
"""The embedded broker with many connected clients, against a mosquitto of the same configuration that lets in everybody: a
change of a fleet's setting against mosquitto_pub of the same message to the same clients, all of them connecting at once, and
memory of an idle device. Both sides have the same load generator (peers/mqtt_crowd.c)."""
import concurrent.futures
import contextlib
import http.client
import json
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import time

import lib

CLIENTS = 10000
MARGIN = 200  # descriptors that are not the clients'
BUDGET_FAN_OUT, BUDGET_STORM = 0.5, 0.8
BROKER_KIB, SERVER_KIB = 8, 2
CONF = """listener %d 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence true
persistence_location %s/
autosave_interval 60
max_queued_messages 1000000
max_queued_bytes 67108864
log_type error
"""


def build_crowd(folder):
    lib.need("cc", "mosquitto", "mosquitto_pub")
    out = folder / "mqtt_crowd"
    source = pathlib.Path(__file__).parent / "peers/mqtt_crowd.c"
    subprocess.run(["cc", "-O2", "-o", out, source], check=True)
    return out


def room():
    """How many clients the limit of open files has room for."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return CLIENTS if hard == resource.RLIM_INFINITY else hard - MARGIN


def enroll(server, token, numbers):
    """(user, password) of each, over one connection."""
    connection, found = http.client.HTTPConnection(server.address, timeout=60), []
    for i in numbers:
        body = {"token": token, "channel": "flyve", "kind": "android", "name": "crowd%d" % i, "serial": "CROWD%d" % i}
        connection.request("POST", "/device/v1/enroll", json.dumps(body), {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        found.append((answer["mqtt"]["user"], answer["mqtt"]["password"]))
    return found


def make_clients(server, n, path):
    fleet = server.api("POST", "/fleets", {"name": "crowd"})[0]["id"]
    token = server.api("POST", "/enrollment-tokens", {"kind": "flyve", "fleet": "crowd"})[0]["token"]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        parts = pool.map(lambda k: enroll(server, token, range(k, n, 16)), range(16))
        path.write_text("".join("%s %s\n" % c for part in parts for c in part))
    return "0/fleet/%d" % fleet


class Crowd:
    def __init__(self, program, port, root, clients):
        self.process = lib.pinned([program, "127.0.0.1", port, root + "/#", "disableCamera", clients], lib.LOAD_CORES,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.seconds = float(self.line("ready"))

    def line(self, word):
        line = self.process.stdout.readline().split()
        if not line or line[0] != word:
            sys.exit("bench: mqtt_crowd ended")
        return line[1]

    def fan_out(self, change):
        """Milliseconds from the start of the change to the last client."""
        start = time.monotonic_ns()
        change()
        return (int(self.line("all")) - start) / 1e6

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def rss_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path("/proc/%d/status" % pid).read_text()).group(1))


def child_of(pid):
    for task in pathlib.Path("/proc/%d/task" % pid).iterdir():
        for child in (task / "children").read_text().split():
            if pathlib.Path("/proc/%s/comm" % child).read_text().strip() == "mosquitto":
                return int(child)
    sys.exit("bench: reeved has no broker")


@contextlib.contextmanager
def mosquitto(folder):
    port, conf = lib.free_port(), folder / "mosquitto.conf"
    folder.chmod(0o777)  # it is somebody else when it was started by root
    conf.write_text(CONF % (port, folder))
    with lib.ending(lib.pinned(["mosquitto", "-c", conf], [lib.SERVER_CORE], stderr=subprocess.DEVNULL)) as p:
        lib.wait_for_port(port, p)
        yield port, p.pid


class Side:
    """One broker: 'change(i)' makes it say something new to the fleet."""

    def __init__(self, program, port, pid, root, clients, change):
        self.crowd = lambda: Crowd(program, port, root, clients)
        self.pid, self.change = pid, change
        self.storms, self.fans, self.cpu = [], [], []

    def storm(self):
        before = lib.cpu_seconds(self.pid)
        with self.crowd() as crowd:
            self.storms.append(crowd.seconds)
            self.cpu.append(lib.cpu_seconds(self.pid) - before)
        time.sleep(0.5)  # the broker notices that they went

    def fan_out(self, rounds):
        with self.crowd() as crowd:
            self.change(0)
            crowd.line("all")
            for i in range(1, rounds + 1):
                self.fans.append(crowd.fan_out(lambda i=i: self.change(i)))


def publish(port, root):
    def change(i):
        topic = "%s/Policy/disableCamera/Task/%d" % (root, i)
        payload = '{"disableCamera":"%s"}' % ("true" if i % 2 else "false")
        subprocess.run(["mosquitto_pub", "-p", str(port), "-q", "1", "-r", "-t", topic, "-m", payload], check=True)
    return change


def memory(server, side, n):
    before = rss_kib(side.pid), rss_kib(server.pid)
    with side.crowd():
        after = rss_kib(side.pid), rss_kib(server.pid)
    lib.limit("mqtt, the broker's memory of an idle device", (after[0] - before[0]) / n, "KiB", BROKER_KIB)
    lib.limit("mqtt, the server's memory of an idle device", (after[1] - before[1]) / n, "KiB", SERVER_KIB)


def compare(ours, theirs, n, rounds):
    for _ in range(rounds):
        for side in (ours, theirs):
            side.storm()
    for side in (ours, theirs):
        side.fan_out(2 * rounds)
    a, b = (n / statistics.median(s.storms) for s in (ours, theirs))
    lib.ratio("mqtt, %d connect and subscribe, 1/s" % n, "reeve", a, "anonymous", b, a / b, BUDGET_STORM)
    a, b = (statistics.median(s.cpu) / n * 1e6 for s in (ours, theirs))
    lib.known("mqtt, the broker's CPU of one, with our plugin", a, "us")
    lib.known("mqtt, the broker's CPU of one, anonymous", b, "us")
    a, b = (statistics.median(s.fans) for s in (ours, theirs))
    lib.ratio("mqtt, a change to %d clients, ms" % n, "reeve", a, "mosquitto_pub", b, b / a, BUDGET_FAN_OUT)


def run(options):
    wanted = min(CLIENTS, options.devices)
    n = min(wanted, room())
    if n < wanted:
        print("mqtt-broker: ulimit -n (hard) has room for %d clients only" % n)
    with lib.folder(options) as folder, lib.folder(options) as their_folder:
        program, clients, nobody = build_crowd(folder), folder / "clients", folder / "nobody"
        nobody.write_text("- -\n" * n)
        port = lib.free_port()
        with lib.reeved(options.build, folder / "data", "--mqtt", "embedded:%d" % port, cores=[lib.SERVER_CORE]) as server:
            server.settle()
            root = make_clients(server, n, clients)
            ours = Side(program, port, child_of(server.pid), root, clients, lambda i: server.api(
                "PUT", "/fleets/crowd/settings/camera.disabled", {"value": bool(i % 2)}))
            memory(server, ours, n)
            with mosquitto(their_folder) as (their_port, pid):
                compare(ours, Side(program, their_port, pid, root, nobody, publish(their_port, root)), n, options.rounds)
