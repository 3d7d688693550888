# SPDX-License-Identifier: Apache-2.0
"""Chrome's protocol below its messages: one keep-alive connection that sends what a client sends, byte for byte where
it matters (order of parameters and headers), and lets a test send anything else."""
import http.client
import urllib.parse

PATH = "/devicemanagement/data/api"
AGENT_TODAY = "Chromium 156.0.8078.79(a21ce9d1d2ffd3bdc28ed78e14a11e42cd8a32ac-refs/branch-heads/8078@{#1704})"
AGENT_SEED = "Chrome 47.0.2526.106(f1ca2a5)"


class Answer:
    def __init__(self, status, headers, body, proto):
        self.status, self.headers, self.body = status, headers, body
        self.proto = proto

    @property
    def message(self):
        """The DeviceManagementResponse: what a client reads of a 200, and of an error if it can."""
        return self.proto.DeviceManagementResponse.FromString(self.body)

    def __repr__(self):
        return "<%d %r>" % (self.status, self.body[:300])


class Wire:
    """A connection to the server's one address."""

    def __init__(self, url, proto, timeout=60):
        self.host = urllib.parse.urlsplit(url).netloc
        self.proto = proto
        self.timeout = timeout
        self.connection = None

    def send(self, query, headers, body, method="POST", path=PATH):
        """query: list of pairs, or the text after the question mark. Headers as a list of pairs."""
        text = query if isinstance(query, str) else urllib.parse.urlencode(query)
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, timeout=self.timeout)
        try:
            return self._send(method, path + ("?" + text if text else ""), headers, body)
        except (http.client.HTTPException, OSError):
            self.close()
            raise

    def _send(self, method, target, headers, body):
        c = self.connection
        c.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        c.putheader("Host", self.host)
        c.putheader("Connection", "keep-alive")
        c.putheader("Content-Length", str(len(body)))
        for name, value in headers:
            c.putheader(name, value)
        try:
            c.endheaders(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was refused before it was read; the answer is there already
        r = c.getresponse()
        content = r.read()
        if r.will_close:
            self.close()
        return Answer(r.status, r.headers, content, self.proto)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def today_query(request, device_id, **more):
    """As the browser of 2026: 'retry' first, the rest by name."""
    rest = dict({"agent": AGENT_TODAY, "apptype": "Chrome", "deviceid": device_id, "devicetype": "2",
                 "platform": "Linux|x86_64|-", "request": request}, **more)
    return [("retry", "false")] + sorted(rest.items())


def today_headers(authorization):
    return ([("Authorization", authorization)] if authorization else []) + [
        ("Content-Type", "application/protobuf"), ("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Dest", "empty"), ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0"),
        ("Accept-Encoding", "gzip, deflate, br, zstd")]


def seed_query(request, device_id, **more):
    """As a client of 2015, in the order of its code."""
    return [("retry", "false"), ("request", request), ("devicetype", "2"), ("apptype", "Chrome"),
            ("deviceid", device_id), ("agent", AGENT_SEED), ("platform", "CrOS|x86_64|10452.99.0")] + list(more.items())


def seed_headers(authorization):
    return ([("Authorization", authorization)] if authorization else []) + [("Content-Type", "application/protobuf")]
