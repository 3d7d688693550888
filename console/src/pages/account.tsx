// SPDX-License-Identifier: Apache-2.0
// The administrator's own password: the first one was made by the server, and stands in a file.
import { useState } from "preact/hooks";
import { Page, Session, api, get } from "../api";
import { Panel, Problem, useAction } from "../parts";

interface Administrator { id: number; name: string }

async function change(name: string, password: string) {
  for (let cursor = ""; ;) {
    const page = await get<Page<Administrator>>("/administrators?limit=1000" + (cursor && "&cursor=" + encodeURIComponent(cursor)));
    const me = page.items.find(a => a.name === name);
    if (me) return api("PATCH", "/administrators/" + me.id, { password });
    if (!page.next) throw new Error(`There is no administrator ${name} any more.`);
    cursor = page.next;
  }
}

export function AccountPage({ session }: { session: Session }) {
  const { busy, error, act } = useAction();
  const [differ, setDiffer] = useState(false);
  const submit = (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    const password = String(form.get("password"));
    setDiffer(password !== form.get("again"));
    if (password !== form.get("again")) return;
    // Every session ends with it, this one, too: asking for it shows the page for signing in.
    act(() => change(session.administrator, password)).then(done => { if (done) get("/sessions/current").catch(() => {}); });
  };
  return (
    <Panel title={"Password of " + session.administrator}>
      <form class="editor" onSubmit={submit}>
        <input type="text" name="username" autocomplete="username" value={session.administrator} hidden readOnly />
        <label>New <input type="password" name="password" autocomplete="new-password" minLength={8} required /></label>
        <label>Again <input type="password" name="again" autocomplete="new-password" required /></label>
        <button class="primary" disabled={busy}>Change</button>
        <p class="quiet">All your sessions end, this one, too: sign in with the new password then.</p>
        <Problem error={differ ? new Error("The two differ.") : error} />
      </form>
    </Panel>
  );
}
