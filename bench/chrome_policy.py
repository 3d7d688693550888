# SPDX-License-Identifier: Apache-2.0
"""Policy fetches of enrolled browsers, as Chromium sends them (two policy types, current key, last timestamp).

Freshly signed, against what `openssl speed rsa2048` signs on the same core: one signature a fetch, and little else.
With a signature that is still fresh, against the budget of 50 000 a second and core; there the server's own processor
time says it, because the load generator is slower than that."""
import contextlib
import json
import pathlib
import re
import statistics
import subprocess
import tempfile
import urllib.request

import lib

BROWSERS = 256
SIGNED_BUDGET = 0.95
FRESH_BUDGET = 50000
MAIN, EXTENSIONS = b"google/chrome/machine-level-user", b"google/chrome/machine-level-extension"
SETTINGS = {"chrome.HomepageLocation": "https://intranet.example.org/", "chrome.ShowHomeButton": True,
            "chrome.RestoreOnStartup": 5, "chrome.URLBlocklist": ["a.example", "b.example"], "camera.disabled": True}

SCRIPT = """
local requests, n = {}, 0
function init(args)
  for line in io.lines("%s") do
    local path, token, body = line:match("^(%%S+) (%%S+) (%%S+)$")
    local bytes = body:gsub("..", function(hex) return string.char(tonumber(hex, 16)) end)
    table.insert(requests, wrk.format("POST", path, {
      ["Authorization"] = "GoogleDMToken token=" .. token, ["Content-Type"] = "application/protobuf" }, bytes))
  end
end
function request()
  n = n %% #requests + 1
  return requests[n]
end
"""


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out + bytes([n]))


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(data):
    """Numbers and values of one message, as the server writes them: no groups, no fixed width."""
    i = 0

    def number():
        nonlocal i
        n = shift = 0
        while True:
            byte = data[i]
            i += 1
            n |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return n

    while i < len(data):
        tag = number()
        value = number()
        if tag & 7 == 2:
            value, i = data[i:i + value], i + value
        yield tag >> 3, value


class Browser:
    def __init__(self, url, number, enrollment_token):
        self.url, self.id = url, "bench-%d" % number
        body = field(23, field(2, b"Linux") + field(4, field(1, b"host-%d" % number)))
        answer = self.ask("register_browser", "GoogleEnrollmentToken token=" + enrollment_token, body)
        self.token = dict(fields(dict(fields(answer))[3]))[1].decode()
        self.stamp = None
        for _ in range(3):  # the second one says what the browser has, which the server then knows
            answer = self.ask("policy", "GoogleDMToken token=" + self.token, self.policy_body())
            policy = dict(fields(dict(fields(dict(fields(answer))[5]))[3]))
            self.stamp = dict(fields(policy[3]))[2]

    def path(self, request):
        return ("/devicemanagement/data/api?retry=false&agent=Chromium+156.0.8078.79(x)&apptype=Chrome&deviceid=%s"
                "&devicetype=2&oauth_token=&platform=Linux%%7Cx86_64%%7C-&request=%s" % (self.id, request))

    def ask(self, request, authorization, body):
        r = urllib.request.Request(self.url + self.path(request), body, {"Authorization": authorization})
        with urllib.request.urlopen(r) as answer:
            return answer.read()

    def policy_body(self):
        def part(policy_type, more=b""):
            key = field(4, 1) if self.stamp else b""
            return field(3, field(1, policy_type) + more + field(3, 2) + key + field(9, b"1:356l7w"))

        return field(3, part(EXTENSIONS) + part(MAIN, field(2, self.stamp) if self.stamp else b"") + field(4, 16))


def admin(url, data, method, path, body):
    token = pathlib.Path(data, "admin.token").read_text().strip()
    r = urllib.request.Request(url + "/api/v1" + path, json.dumps(body).encode(), method=method, headers={
        "Authorization": "Bearer " + token, "Content-Type": "application/json"})
    with urllib.request.urlopen(r) as answer:
        return json.load(answer)


@contextlib.contextmanager
def server(build, freshness):
    """reeved with browsers and some settings; yields (url, pid, wrk's script)."""
    lib.need("wrk", "taskset", "openssl")
    with tempfile.TemporaryDirectory() as folder:
        port = lib.free_port()
        url = "http://127.0.0.1:%d" % port
        command = [build / "reeved", "--data", folder + "/data", "--listen", "127.0.0.1:%d" % port,
                   "--chrome-signature-freshness", freshness, "--log-level", "error"]
        with lib.ending(lib.pinned(command, [lib.SERVER_CORE], stderr=subprocess.DEVNULL)) as p:
            lib.wait_for_port(port, p)
            wait_until_ready(url)
            for name, value in SETTINGS.items():
                admin(url, folder + "/data", "PUT", "/fleets/default/settings/" + name, {"value": value})
            token = admin(url, folder + "/data", "POST", "/enrollment-tokens",
                          {"kind": "chrome", "fleet": "default"})["token"]
            browsers = [Browser(url, i, token) for i in range(BROWSERS)]
            requests, script = pathlib.Path(folder, "requests"), pathlib.Path(folder, "policy.lua")
            requests.write_text("".join("%s %s %s\n" % (b.path("policy"), b.token, b.policy_body().hex())
                                        for b in browsers))
            script.write_text(SCRIPT % requests)
            yield url, p.pid, script


def wait_until_ready(url):
    for _ in range(600):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url + "/readyz").close()
            return
        lib.time.sleep(0.05)
    raise SystemExit("bench: reeved does not become ready")


def openssl_signs(seconds):
    """RSA-2048 signatures a second of processor time, on the server's core."""
    command = ["openssl", "speed", "-seconds", str(max(1, round(seconds))), "-mr", "rsa2048"]
    with lib.pinned(command, [lib.SERVER_CORE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as p:
        out = p.communicate()[0]
    return float(re.search(r"^\+F2:\d+:2048:([\d.e-]+):", out, re.M).group(1))


def medians(pairs):
    return [statistics.median(column) for column in zip(*pairs)]


def run(options):
    with server(options.build, "0") as (url, pid, script):
        results, signs = [], []
        for _ in range(options.rounds):
            signs.append(openssl_signs(options.seconds))
            results.append(lib.wrk(url, pid, options.seconds, script=script))
        rate, cost = medians(results)
        openssl = statistics.median(signs)
        lib.ratio("chrome policy, freshly signed, requests/s", "reeve", rate, "openssl", openssl, rate / openssl,
                  SIGNED_BUDGET)
        lib.ratio("chrome policy, freshly signed, CPU us/request", "reeve", cost, "openssl", 1e6 / openssl,
                  1e6 / openssl / cost, SIGNED_BUDGET)
    with server(options.build, "1h") as (url, pid, script):
        rate, cost = medians([lib.wrk(url, pid, options.seconds, script=script) for _ in range(options.rounds)])
        lib.ratio("chrome policy, still fresh, requests/s and core", "reeve", 1e6 / cost, "budget", FRESH_BUDGET,
                  1e6 / cost / FRESH_BUDGET, 1)
