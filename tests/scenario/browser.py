# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium, driven over the DevTools protocol. No fixed ports, no sleeps.

    with Browser(tmp_path) as browser:
        page = browser.open("http://127.0.0.1:1234/")
        page.wait_for("document.querySelector('h1')")
        page.screenshot("x.png")
"""
import base64
import json
import os
import signal
import subprocess
import time
import urllib.request

import websocket

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-dev-shm-usage",
         "--remote-allow-origins=*", "--remote-debugging-port=0", "--window-size=1280,900",
         # Nothing is painted here, so its background work (a policy that is stored) would wait for a minute of failsafe.
         "--enable-features=ImprovedStartupBestEffortDelay:StartupDelayFailsafeTimeout/1s/StartupDelayVisibleTabTimeout/1s"]


class Browser:
    """One Chromium with a profile of its own. 'prefix': a command that starts it, such as unshare."""

    def __init__(self, folder, prefix=(), flags=(), timeout=120):
        self.profile = os.path.join(str(folder), "profile")
        self.timeout = timeout
        self.log = open(os.path.join(str(folder), "chromium.log"), "wb")
        self.process = subprocess.Popen(
            [*prefix, "/usr/bin/chromium", *FLAGS, *flags, "--user-data-dir=" + self.profile, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        try:
            self.port = self._port()
        except BaseException:
            self.close()
            raise

    def _port(self):
        path = os.path.join(self.profile, "DevToolsActivePort")
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError("chromium ended with %d, see %s" % (self.process.returncode, self.log.name))
            try:
                with open(path, encoding="ascii") as f:
                    lines = f.read().splitlines()
                if len(lines) >= 2:
                    return int(lines[0])
            except FileNotFoundError:
                pass
            time.sleep(0.05)  # the file is the only sign that Chromium gives
        raise TimeoutError("chromium opened no DevTools port")

    def open(self, url):
        request = urllib.request.Request("http://127.0.0.1:%d/json/new" % self.port, method="PUT")
        with urllib.request.urlopen(request, timeout=self.timeout) as answer:
            target = json.load(answer)
        page = Page(target["webSocketDebuggerUrl"], self.timeout)
        page.go(url)
        return page

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Page:
    def __init__(self, url, timeout):
        self.timeout = timeout
        self.socket = websocket.create_connection(url, timeout=timeout)
        self.n = 0
        self.events = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(domain + ".enable")

    def call(self, method, **params):
        self.n += 1
        self.socket.send(json.dumps({"id": self.n, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.n:
                if "error" in message:
                    raise RuntimeError("%s: %s" % (method, message["error"]["message"]))
                return message["result"]
            self.events.append(message)

    def go(self, url):
        """Navigates and waits for the load event."""
        seen = len(self.events)
        self.call("Page.navigate", url=url)
        deadline = time.monotonic() + self.timeout
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events[seen:]):
            if time.monotonic() > deadline:
                raise TimeoutError("%s did not load" % url)
            self.events.append(json.loads(self.socket.recv()))

    def evaluate(self, script):
        """The value of a JavaScript expression; promises are awaited."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def wait_for(self, expression, timeout=None):
        """Waits inside the page until the expression is truthy (looked at on every change and every 100 ms)."""
        end = time.monotonic() + (timeout or self.timeout * 0.6)
        while True:
            try:
                found = self._look_until(expression, max(0, int((end - time.monotonic()) * 1000)))
                break
            except RuntimeError as e:  # the page was left for another, which is looked at from its start
                if "navigated" not in str(e) and "context was destroyed" not in str(e):
                    raise
        if not found:
            text = self.evaluate("document.body ? document.body.innerText.slice(0, 2000) : ''")
            raise TimeoutError("never true: %s\nthe page says:\n%s" % (expression, text))

    def _look_until(self, expression, limit_ms):
        return self.evaluate("""new Promise(done => {
            const look = () => { try { return !!(%s); } catch { return false; } };
            if (look()) { done(true); return; }
            const end = ok => { observer.disconnect(); clearInterval(timer); clearTimeout(limit); done(ok); };
            const check = () => { if (look()) end(true); };
            const observer = new MutationObserver(check);
            observer.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
            const timer = setInterval(check, 100);
            const limit = setTimeout(() => end(false), %d);
        })""" % (expression, limit_ms))

    def type(self, selector, text):
        """Puts the focus on an element and types, as a keyboard would."""
        self.wait_for("document.querySelector(%s)" % json.dumps(selector))
        self.evaluate("(e => { e.focus(); if (e.select) e.select(); })(document.querySelector(%s))" % json.dumps(selector))
        self.call("Input.insertText", text=text)

    def click(self, script):
        """Clicks the element that the expression gives, once it is there."""
        self.wait_for(script)
        self.evaluate("(%s).click()" % script)

    def text(self):
        return self.evaluate("document.body.innerText")

    def errors(self):
        """What the page wrote to the console as errors, and what it threw."""
        self.evaluate("0")
        found = []
        for e in self.events:
            if e.get("method") == "Runtime.exceptionThrown":
                found.append(e["params"]["exceptionDetails"]["text"])
            elif e.get("method") == "Log.entryAdded" and e["params"]["entry"]["level"] == "error":
                found.append(e["params"]["entry"]["text"])
        return found

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=False)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))
