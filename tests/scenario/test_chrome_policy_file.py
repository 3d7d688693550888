# SPDX-License-Identifier: Apache-2.0
"""Policy files of the agent in Debian's real Chromium, as its own chrome://policy page shows them.

The browser sees the agent's /etc/chromium in a mount namespace of its own; this machine's stays as it is.
"""
import json
import os
import subprocess

import pytest

from browser import Browser
from conftest import BUILD, clean_env
from test_loop import Agent, Cli

MANAGED = "etc/chromium/policies/managed"

ROWS = """(() => {
    const rows = {};
    const text = (row, name) => row.shadowRoot.querySelector(".policy.row > ." + name)?.innerText.trim();
    const look = node => {
        for (const e of node.querySelectorAll("*")) {
            if (e.tagName === "POLICY-ROW" && text(e, "source"))
                rows[text(e, "name")] = {value: text(e, "value"), level: text(e, "level"), source: text(e, "source"),
                                         messages: text(e, "messages")};
            if (e.shadowRoot) look(e.shadowRoot);
        }
    };
    look(document);
    return rows;
})()"""


def shown_policies(tmp_path, etc_chromium, wait_for):
    """{policy: {value, level, source, messages}} of what is set, once the policy 'wait_for' is shown."""
    if not os.path.isdir("/etc/chromium"):
        pytest.skip("there is no /etc/chromium to mount over: Debian's Chromium is not installed")
    user_namespace = [] if os.geteuid() == 0 else ["--map-root-user"]
    prefix = ["unshare", "--mount", *user_namespace, "sh", "-c",
              'mount --bind "$1" /etc/chromium && shift && exec "$@"', "sh", str(etc_chromium)]
    folder = tmp_path / "browser"
    folder.mkdir(exist_ok=True)
    with Browser(folder, prefix=prefix) as browser:
        page = browser.open("chrome://policy")
        page.wait_for("%s[%s]" % (ROWS, json.dumps(wait_for)))
        return page.evaluate(ROWS)


def provider_try(*args):
    program = BUILD / "src/agent/providers/provider-try"
    if not program.exists():
        pytest.fail("%s is not built" % program)
    result = subprocess.run([program, *args], capture_output=True, text=True, timeout=60, env=clean_env())
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_agent_writes_and_chromium_obeys(reeved, tmp_path):
    """What an administrator sets by `reeve` is mandatory in the browser."""
    cli = Cli(reeved)
    bookmarks = [{"name": "Intranet", "url": "https://intranet.example/"}]
    cli.run("setting", "set", "--fleet", "default", "chrome.HomepageLocation", "https://home.example/")
    cli.run("setting", "set", "--fleet", "default", "chrome.BookmarkBarEnabled", "true")
    cli.run("setting", "set", "--fleet", "default", "chrome.ManagedBookmarks", json.dumps(bookmarks))
    cli.run("setting", "set", "--fleet", "default", "chrome.ShowHomeButton", "true", "--level", "recommended")
    token = cli.json("enrollment-token", "create", "--fleet", "default")["token"]
    agent = Agent(tmp_path / "agent", reeved.url, token)
    agent.start("--once")
    assert agent.process.wait(60) == 0, agent.log.read_text()

    shown = shown_policies(tmp_path, agent.root / "etc/chromium", "HomepageLocation")
    assert set(shown) == {"HomepageLocation", "BookmarkBarEnabled", "ManagedBookmarks", "ShowHomeButton"}
    homepage = shown["HomepageLocation"]
    assert (homepage["value"], homepage["level"], homepage["source"], homepage["messages"]) == (
        "https://home.example/", "Mandatory", "Platform", "OK")
    assert shown["BookmarkBarEnabled"]["level"] == "Mandatory"
    assert json.loads(shown["ManagedBookmarks"]["value"]) == bookmarks
    assert shown["ManagedBookmarks"]["messages"] == "OK"
    assert shown["ShowHomeButton"]["level"] == "Recommended"


def test_precedence_is_what_the_provider_thinks(tmp_path):
    """Several files in the folder: the provider's observation is what the browser ends up with."""
    root = tmp_path / "root"
    (root / MANAGED).mkdir(parents=True)
    (root / "etc/chromium/policies/recommended").mkdir()
    files = {
        MANAGED + "/10.json": '{"HomepageLocation": "http://ten/", "ShowHomeButton": true}',
        MANAGED + "/zz.json": '// ours is before this\n{"HomepageLocation": "http://zz/", /* c */ "BookmarkBarEnabled": true,}',
        MANAGED + "/.hidden": '{"PasswordManagerEnabled": false, "ShowHomeButton": false}',
        MANAGED + "/no-suffix": '{"SearchSuggestEnabled": false}',
        MANAGED + "/broken.json": '{"SafeBrowsingEnabled": tru',
        "etc/chromium/policies/recommended/z.json": '{"HomepageLocation": "http://rec/", "SpellcheckEnabled": false}',
    }
    for path, text in files.items():
        (root / path).write_text(text)
    desired = {"chrome.HomepageLocation": "http://reeve/", "chrome.RestoreOnStartup": 5}
    enforced = provider_try("chrome", str(root), "enforce", json.dumps(desired))
    assert enforced["chrome.RestoreOnStartup"]["state"] == "applied"
    assert enforced["chrome.HomepageLocation"]["state"] == "failed"
    assert "zz.json" in enforced["chrome.HomepageLocation"]["message"]

    observed = provider_try("chrome", str(root), "observe")
    shown = shown_policies(tmp_path, root / "etc/chromium", "RestoreOnStartup")
    assert set("chrome." + name for name in shown) == set(observed)
    for name, row in shown.items():
        value = observed["chrome." + name]["value"]
        assert row["value"] == (value if isinstance(value, str) else json.dumps(value)), name
    assert shown["HomepageLocation"]["value"] == "http://zz/"

    provider_try("chrome", str(root), "restore")
    left = {str(p.relative_to(root)): p.read_text() for p in (root / "etc").rglob("*") if p.is_file()}
    assert left == files
