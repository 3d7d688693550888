# SPDX-License-Identifier: Apache-2.0
"""What benchmarks share: pinned servers, load by wrk, processor time, ratio lines."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CORE = 0
LOAD_CORES = [c for c in sorted(os.sched_getaffinity(0)) if c != SERVER_CORE] or [0]


def need(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        sys.exit("bench: install %s" % " ".join(missing))


def pinned(command, cores, **more):
    return subprocess.Popen(["taskset", "-c", ",".join(map(str, cores)), *map(str, command)], **more)


def wait_for_port(port, process):
    for _ in range(500):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        if process.poll() is not None:
            break
        time.sleep(0.01)
    sys.exit("bench: %s does not serve" % process.args)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pid):
    """Of the process and its children."""
    pids, total = [pid], 0.0
    while pids:
        p = pids.pop()
        with contextlib.suppress(OSError):
            fields = pathlib.Path("/proc/%d/stat" % p).read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / TICKS
            for task in pathlib.Path("/proc/%d/task" % p).iterdir():
                pids += map(int, (task / "children").read_text().split())
    return total


@contextlib.contextmanager
def ending(process):
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def nginx(body):
    """nginx with one worker that answers everything with `body`; yields (port, pid)."""
    need("nginx")
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        conf = pathlib.Path(folder, "nginx.conf")
        conf.write_text("""
            daemon off; worker_processes 1; pid %(folder)s/pid; error_log stderr;
            events { worker_connections 1024; }
            http {
                access_log off; keepalive_requests 1000000000; default_type text/plain;
                client_body_temp_path %(folder)s; proxy_temp_path %(folder)s; fastcgi_temp_path %(folder)s;
                uwsgi_temp_path %(folder)s; scgi_temp_path %(folder)s;
                server { listen 127.0.0.1:%(port)d; location / { return 200 "%(body)s"; } }
            }""" % {"folder": folder, "port": port, "body": body})
        command = ["nginx", "-e", "stderr", "-p", folder, "-c", conf]
        with ending(pinned(command, [SERVER_CORE], stderr=subprocess.DEVNULL)) as p:
            wait_for_port(port, p)
            yield port, p.pid


@contextlib.contextmanager
def testserver(build, *options):
    """net/http's test server with one worker; yields (port, pid)."""
    command = [build / "src/net/http/http-testserver", "--workers=1", *options]
    with ending(pinned(command, [SERVER_CORE], stdout=subprocess.PIPE, text=True)) as p:
        yield int(p.stdout.readline().split()[1]), p.pid


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def wrk_script(folder, paths):
    """A script for wrk that asks for these paths by turns; nginx is asked the same."""
    script = pathlib.Path(folder, "paths.lua")
    script.write_text("""
        local requests, n = {}, 0
        function init()
            for path in ([[%s]]):gmatch("[^ ]+") do requests[#requests + 1] = wrk.format("GET", path) end
        end
        function request() n = n %% #requests + 1; return requests[n] end""" % " ".join(paths))
    return script


def wrk(url, pid, seconds, connections=64, script=None):
    """Requests a second, and the server's processor time of one in microseconds. script: wrk's, what to ask."""
    need("wrk", "taskset")
    before = cpu_seconds(pid)
    command = ["wrk", "-t%d" % len(LOAD_CORES), "-c%d" % connections, "-d%ds" % max(1, round(seconds)),
               *(["-s", script] if script else []), url]
    with pinned(command, LOAD_CORES, stdout=subprocess.PIPE, text=True) as p:
        out = p.communicate()[0]
    n = int(re.search(r"(\d+) requests in", out).group(1))
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit("bench: %s\n%s" % (url, out))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), (cpu_seconds(pid) - before) / n * 1e6


def compare(name, ours, theirs, options, budget, script=None):
    """Measures two (label, url, pid) in turns; prints the medians and their ratios."""
    sides = [(side, []) for side in (ours, theirs)]
    for _ in range(options.rounds):
        for (_, url, pid), results in sides:
            results.append(wrk(url, pid, options.seconds, script=script))
    rates = [statistics.median(r[0] for r in results) for _, results in sides]
    costs = [statistics.median(r[1] for r in results) for _, results in sides]
    ratio("%s, requests/s" % name, ours[0], rates[0], theirs[0], rates[1], rates[0] / rates[1], budget)
    ratio("%s, CPU us/request" % name, ours[0], costs[0], theirs[0], costs[1], costs[1] / costs[0], budget)


def ratio(what, ours, a, theirs, b, value, budget):
    print("%-44s %s %10.1f   %s %10.1f   ratio %.2f   budget >= %.2f   %s" % (
        what, ours, a, theirs, b, value, budget, "ok" if value >= budget else "MISSED"), flush=True)


def limit(what, value, unit, most):
    print("%-44s %10.2f %-4s   budget <= %.2f   %s" % (what, value, unit, most, "ok" if value <= most else "MISSED"), flush=True)


def known(what, value, unit):
    """A figure without a budget."""
    print("%-44s %10.2f %s" % (what, value, unit), flush=True)


# ---- our server ----

class Reeved:
    def __init__(self, process, address, data, started_ms):
        self.process, self.address, self.data, self.started_ms = process, address, data, started_ms
        self.url = "http://" + address
        self.pid = process.pid

    def api(self, method, path, body=None):
        """A request of the admin API; its answer, and the time it took in ms."""
        token = (self.data / "admin.token").read_text().strip()
        request = urllib.request.Request(self.url + "/api/v1" + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", "Bearer " + token)
        request.add_header("Content-Type", "application/json")
        start = time.monotonic()
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read()
        return json.loads(text or "null"), (time.monotonic() - start) * 1000

    def enrollment_token(self):
        return self.api("POST", "/enrollment-tokens", {})[0]["token"]

    def settle(self):
        """Until what the first start makes in the background is there."""
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url + "/readyz", timeout=10).close()
                return
            time.sleep(0.05)

    def rss_mib(self):
        status = pathlib.Path("/proc/%d/status" % self.pid).read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


@contextlib.contextmanager
def reeved(build, data, *options, cores=None):
    """Our server on its own data folder, on these cores (default: all)."""
    command = [build / "reeved", "--data", data, "--listen", "127.0.0.1:0", "--mdmcore-open-enrollment",
               "--limits-enroll-per-second", "1000000", "--log-level", "warn", *options]
    start = time.monotonic()
    with ending(pinned(command, cores or sorted(os.sched_getaffinity(0)), stdout=subprocess.PIPE, text=True)) as p:
        line = p.stdout.readline()
        ready = (time.monotonic() - start) * 1000
        if "ready http://" not in line:
            sys.exit("bench: reeved does not start")
        yield Reeved(p, line.split("http://")[1].split()[0], pathlib.Path(data), ready)


@contextlib.contextmanager
def folder(options):
    """On the disk that is to be measured (--folder)."""
    with tempfile.TemporaryDirectory(prefix="reeve-bench-", dir=options.folder) as path:
        yield pathlib.Path(path)


def load(build, server, kind, *options, cores=None):
    """reeve-bench's result."""
    command = [build / "reeve-bench", "--server", server.address, "--json", *options, kind]
    with pinned(command, cores or sorted(os.sched_getaffinity(0)), stdout=subprocess.PIPE, text=True) as p:
        out = p.communicate()[0]
    if p.returncode:
        sys.exit("bench: %s failed" % kind)
    return json.loads(out)
