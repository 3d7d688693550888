# SPDX-License-Identifier: Apache-2.0
"""Somebody between browser and server: a proxy for Chrome's protocol that changes answers on their way.

    spoiler.change = lambda request, message: ...   # message: DeviceManagementResponse, changed in place
"""
import http.server
import threading
import urllib.parse

from chrome_http import Wire
from chrome_proto import today


class Spoiler:
    def __init__(self, url):
        self.change = None
        self.requests = []  # (request type, DeviceManagementRequest, status), in the order of their answers
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                path, _, query = self.path.partition("?")
                headers = [(n, v) for n, v in self.headers.items()
                           if n.lower() in ("authorization", "content-type", "user-agent")]
                wire = Wire(url, today)
                try:
                    answer = wire.send(query, headers, body, path=path)
                finally:
                    wire.close()
                content = outer.pass_on(dict(urllib.parse.parse_qsl(query)).get("request"), body, answer)
                self.send_response_only(answer.status)
                self.send_header("Content-Type", "application/x-protobuffer")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]

    def pass_on(self, request, body, answer):
        content = answer.body
        if self.change and answer.status == 200:
            message = answer.message
            self.change(request, message)
            content = message.SerializeToString()
        self.requests.append((request, today.DeviceManagementRequest.FromString(body), answer.status))
        return content

    def seen(self, request):
        """The requests of this type so far."""
        return [r for name, r, _ in self.requests if name == request]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
