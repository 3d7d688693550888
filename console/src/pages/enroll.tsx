// SPDX-License-Identifier: Apache-2.0
// Enrollment tokens: made, shown once with what is to be done with them, listed, revoked.
import { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { renderSVG } from "uqr";
import { EnrollmentToken, Fleet, Page, api, get } from "../api";
import { Age, Empty, Panel, Problem, useAction, useLoad } from "../parts";

const KINDS: [string, string][] = [["agent", "Linux machine"], ["chrome", "Browser"], ["flyve", "Phone"]];

function Create({ onCreated }: { onCreated: (t: EnrollmentToken) => void }) {
  const fleets = useLoad(() => get<Page<Fleet>>("/fleets?limit=1000"), []);
  const [kind, setKind] = useState("agent");
  const { busy, error, act } = useAction();
  const submit = (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    const uses = Number(form.get("uses"));
    const email = String(form.get("email") ?? "").trim();
    act(async () => onCreated(await api<EnrollmentToken>("POST", "/enrollment-tokens", {
      fleet: form.get("fleet"), expires: form.get("expires"), kind, ...(uses ? { uses } : {}), ...(email ? { email } : {}),
    })));
  };
  return (
    <form class="editor" onSubmit={submit}>
      <label>A <select name="kind" value={kind} onChange={e => setKind((e.currentTarget as HTMLSelectElement).value)}>
        {KINDS.map(([value, name]) => <option value={value}>{name}</option>)}</select></label>
      <label>into <select name="fleet">{fleets.value?.items.map(f => <option value={String(f.id)}>{f.path}</option>)}</select></label>
      <label>valid for <select name="expires"><option>24h</option><option>1h</option><option>7d</option><option>30d</option></select></label>
      <label>devices <input name="uses" type="number" min="1" placeholder="any" style="width:6em" /></label>
      {kind === "flyve" && <label>of <input name="email" type="email" placeholder="who@example.org" /></label>}
      <button class="primary" disabled={busy || !fleets.value}>Create a token</button>
      <Problem error={error ?? fleets.error} />
    </form>
  );
}

function Copied({ text }: { text: string }) {
  return <div class="copied"><pre>{text}</pre><button onClick={() => navigator.clipboard.writeText(text)}>Copy</button></div>;
}

const HOW: Record<string, (token: string, link: string) => ComponentChildren> = {
  agent: token => <>
    <p>Run this on the machine, as root. The token is shown only now.</p>
    <Copied text={`reeve-agent --server ${location.origin} --enrollment-token ${token}`} />
  </>,
  chrome: token => <>
    <p>Put the token, which is shown only now, into <code>/etc/chromium/policies/enrollment/CloudManagementEnrollmentToken</code>;
      for Google Chrome, <code>/etc/opt/chrome/policies/enrollment/CloudManagementEnrollmentToken</code>:</p>
    <Copied text={token} />
    <p>The browser finds this server by its command line; Debian's Chromium, by a file in <code>/etc/chromium.d/</code>:</p>
    <Copied text={`export CHROMIUM_FLAGS="$CHROMIUM_FLAGS --enable-chrome-browser-cloud-management --device-management-url=${location.origin}/devicemanagement/data/api --disable-features=AlwaysVerifyPolicyKey"`} />
  </>,
  flyve: (_, link) => <>
    <p>Scan this with the phone, or open the link on it. It is shown only now. Phones need the server's MQTT broker (<code>reeved --mqtt embedded</code>).</p>
    <div class="qr" role="img" aria-label="The invitation as a QR code" dangerouslySetInnerHTML={{ __html: renderSVG(link) }} />
    <Copied text={link} />
  </>,
};

function Fresh({ token }: { token: EnrollmentToken }) {
  return <div class="fresh" role="status">{HOW[token.kind](token.token!, token.deep_link!)}</div>;
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
              <td data-is="used">{t.uses}{t.uses_max ? ` of ${t.uses_max}` : ""}</td>
              <td data-is="expires">{t.revoked ? <>revoked <Age at={t.revoked} /></> : t.expires ? new Date(t.expires).toLocaleString() : "never"}</td>
              <td>{!t.revoked && <button class="link" onClick={() => revoke.act(() => api("DELETE", "/enrollment-tokens/" + t.id)).then(reload)}>revoke</button>}</td></tr>))}
          </tbody>
        </table>))}
    </Panel>
  );
}
