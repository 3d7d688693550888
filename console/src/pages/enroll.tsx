// SPDX-License-Identifier: Apache-2.0
// Enrollment tokens: made, shown once with the command that uses them, listed, revoked.
import { useState } from "preact/hooks";
import { EnrollmentToken, Fleet, Page, api, get } from "../api";
import { Age, Empty, Panel, Problem, useAction, useLoad } from "../parts";

function Create({ onCreated }: { onCreated: (t: EnrollmentToken) => void }) {
  const fleets = useLoad(() => get<Page<Fleet>>("/fleets?limit=1000"), []);
  const { busy, error, act } = useAction();
  const submit = (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    const uses = Number(form.get("uses"));
    act(async () => onCreated(await api<EnrollmentToken>("POST", "/enrollment-tokens", {
      fleet: form.get("fleet"), expires: form.get("expires"), kind: "agent", ...(uses ? { uses } : {}),
    })));
  };
  return (
    <form class="editor" onSubmit={submit}>
      <label>Into <select name="fleet">{fleets.value?.items.map(f => <option value={String(f.id)}>{f.path}</option>)}</select></label>
      <label>valid for <select name="expires"><option>24h</option><option>1h</option><option>7d</option><option>30d</option></select></label>
      <label>devices <input name="uses" type="number" min="1" placeholder="any" style="width:6em" /></label>
      <button class="primary" disabled={busy || !fleets.value}>Create a token</button>
      <Problem error={error ?? fleets.error} />
    </form>
  );
}

function Fresh({ token }: { token: EnrollmentToken }) {
  const command = `reeve-agent --server ${location.origin} --enrollment-token ${token.token}`;
  return (
    <div class="fresh" role="status">
      <p>Run this on the machine, as root. The token is shown only now.</p>
      <pre>{command}</pre>
      <button onClick={() => navigator.clipboard.writeText(command)}>Copy</button>
    </div>
  );
}

export function EnrollPage() {
  const [fresh, setFresh] = useState<EnrollmentToken | null>(null);
  const { value, error, reload } = useLoad(() => get<Page<EnrollmentToken>>("/enrollment-tokens?limit=100"), []);
  const revoke = useAction();
  return (
    <Panel title="Enroll devices">
      <Create onCreated={t => { setFresh(t); reload(); }} />
      {fresh && <Fresh token={fresh} />}
      <Problem error={error ?? revoke.error} />
      {value && (value.items.length === 0 ? <Empty>No tokens yet.</Empty> : (
        <table>
          <thead><tr><th>Token</th><th>For</th><th>Fleet</th><th>Used</th><th>Expires</th><th /></tr></thead>
          <tbody>{value.items.map(t => (
            <tr key={t.id}><td><code>{t.hint}…</code></td><td>{t.kind}</td><td>{t.fleet}</td>
              <td>{t.uses}{t.uses_max ? ` of ${t.uses_max}` : ""}</td>
              <td>{t.revoked ? <>revoked <Age at={t.revoked} /></> : t.expires ? new Date(t.expires).toLocaleString() : "never"}</td>
              <td>{!t.revoked && <button class="link" onClick={() => revoke.act(() => api("DELETE", "/enrollment-tokens/" + t.id)).then(reload)}>revoke</button>}</td></tr>))}
          </tbody>
        </table>))}
    </Panel>
  );
}
