// SPDX-License-Identifier: Apache-2.0
// A browser's inventory as tables: its profiles, what is installed in them, which policies are in force and who set them.
import { Empty, Panel, Value } from "../parts";

export const BROWSER_SECTIONS = ["profiles", "extensions", "policies"];

interface Profile { id: string; name?: string; chrome_signed_in_user?: { email?: string }; n_extensions: number; n_policies: number }
interface Extension {
  id: string; name?: string; version?: string; install_type?: string; enabled?: boolean; permissions?: string[]; profile: string;
}
interface Policy { name: string; value?: string; level?: string; source?: string; error?: string; profile: string; extension?: string }

/** The list in a section that a report made; anything else is none. */
function list<T>(inventory: Record<string, unknown>, section: string, key: string): T[] {
  const found = (inventory[section] as Record<string, unknown> | undefined)?.[key];
  return Array.isArray(found) ? found as T[] : [];
}

const last = (path: string) => path.split(/[\\/]/).pop();

function Profiles({ profiles }: { profiles: Profile[] }) {
  return (
    <table>
      <thead><tr><th>Profile</th><th>Signed in</th><th class="number">Extensions</th><th class="number">Policies</th></tr></thead>
      <tbody>{profiles.map(p => (
        <tr key={p.id}><td>{p.name}<div class="quiet">{p.id}</div></td><td>{p.chrome_signed_in_user?.email ?? "–"}</td>
          <td class="number">{p.n_extensions}</td><td class="number">{p.n_policies}</td></tr>))}</tbody>
    </table>
  );
}

function Extensions({ extensions }: { extensions: Extension[] }) {
  return (
    <table>
      <thead><tr><th>Extension</th><th>Version</th><th>Installed</th><th>Permissions</th><th>Profile</th></tr></thead>
      <tbody>{extensions.map(e => (
        <tr key={e.profile + e.id}><td>{e.name || e.id}<div class="quiet">{e.id}</div></td><td>{e.version}{e.enabled === false && " (off)"}</td>
          <td>{e.install_type}</td><td class="quiet">{e.permissions?.join(", ")}</td><td class="quiet">{last(e.profile)}</td></tr>))}</tbody>
    </table>
  );
}

function Policies({ policies }: { policies: Policy[] }) {
  return (
    <table>
      <thead><tr><th>Policy</th><th>Value</th><th>Level</th><th>Set by</th><th>Profile</th></tr></thead>
      <tbody>{policies.map((p, i) => (
        <tr key={i} class={p.error ? "bad" : ""}>
          <td><code>{p.name}</code>{p.extension && <div class="quiet">{p.extension}</div>}</td><td><Value value={p.value} />{p.error && <div>{p.error}</div>}</td>
          <td>{p.level}</td><td>{p.source}</td><td class="quiet">{last(p.profile)}</td></tr>))}</tbody>
    </table>
  );
}

export function Browser({ inventory }: { inventory: Record<string, unknown> }) {
  const profiles = list<Profile>(inventory, "profiles", "profiles");
  const extensions = list<Extension>(inventory, "extensions", "extensions");
  const policies = [...list<Policy>(inventory, "policies", "browser"), ...list<Policy>(inventory, "policies", "extensions")];
  if (profiles.length === 0)
    return <Panel title="Browser"><Empty>It has not reported yet: set chrome.CloudReportingEnabled.</Empty></Panel>;
  return (
    <Panel title="Browser">
      <Profiles profiles={profiles} />
      <details><summary>Extensions <span class="quiet">{extensions.length}</span></summary><Extensions extensions={extensions} /></details>
      <details><summary>Policies in force <span class="quiet">{policies.length}</span></summary><Policies policies={policies} /></details>
    </Panel>
  );
}
