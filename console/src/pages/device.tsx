// SPDX-License-Identifier: Apache-2.0
// One device: facts, every setting with desired and observed side by side, commands, inventory, history.
import { useState } from "preact/hooks";
import { Device, DeviceDetail, DeviceSetting, Event, Fleet, Page, api, get } from "../api";
import { Age, Confirm, Empty, Panel, Problem, Value, VerdictChip, useAction, useLoad } from "../parts";
import { Browser, BROWSER_SECTIONS } from "./browser";
import { Commands } from "./commands";
import { EventTable } from "./events";
import { Measurements } from "./measurements";
import { SettingEditor } from "./setting-editor";

function HostLink({ id }: { id: number }) {
  const { value } = useLoad(() => get<Device>("/devices/" + id), [id]);
  return <a href={"#/devices/" + id}>{value?.name || `device ${id}`}</a>;
}

// Another name, another fleet.
function Edit({ d, onDone }: { d: DeviceDetail; onDone: () => void }) {
  const fleets = useLoad(() => get<Page<Fleet>>("/fleets?limit=1000"), []);
  const { busy, error, act } = useAction();
  const submit = (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    const name = String(form.get("name")).trim(), fleet = String(form.get("fleet"));
    const changes = { ...(name !== d.name ? { name } : {}), ...(fleet !== String(d.fleet_id) ? { fleet } : {}) };
    if (Object.keys(changes).length === 0) onDone();
    else act(() => api("PATCH", "/devices/" + d.id, changes)).then(done => { if (done) onDone(); });
  };
  return (
    <form class="editor" onSubmit={submit}>
      <label>Name <input name="name" defaultValue={d.name} required /></label>
      {fleets.value && <label>Fleet <select name="fleet">{fleets.value.items.map(f => (
        <option value={String(f.id)} selected={f.id === d.fleet_id}>{f.path}</option>))}</select></label>}
      <button class="primary" disabled={busy || !fleets.value}>Save</button>
      <button type="button" onClick={onDone}>Keep</button>
      <Problem error={error ?? fleets.error} />
    </form>
  );
}

function Facts({ d }: { d: DeviceDetail }) {
  const rows: [string, unknown][] = [
    ["Kind", `${d.kind}, by the ${d.channel} channel`], ["Fleet", d.fleet_path], ["Serial", d.serial || "–"], ["Model", d.model || "–"],
    ["System", d.os_version || "–"], ["Agent", d.agent_version || "–"], ["Id of its protocol", d.external_id],
    ["Version", `${d.applied_version} applied, ${d.version} desired`],
  ];
  return (
    <dl class="facts">
      {rows.map(([k, v]) => <><dt>{k}</dt><dd>{String(v)}</dd></>)}
      {d.parent !== null && <><dt>Host</dt><dd><HostLink id={d.parent} /></dd></>}
      <dt>Enrolled</dt><dd><Age at={d.enrolled} /></dd>
      <dt>Last seen</dt><dd><Age at={d.last_seen} /></dd>
      {Object.entries(d.attributes).map(([k, v]) => <><dt>{k}</dt><dd>{v}</dd></>)}
    </dl>
  );
}

function SettingRow({ s, unset }: { s: DeviceSetting; unset?: () => void }) {
  return (
    <tr class={s.satisfied === false ? "bad" : ""}>
      <td><code>{s.name}</code>{s.level === "recommended" && <span class="quiet"> recommended</span>}</td>
      <td data-is="desired"><Value value={s.desired} /></td>
      <td data-is="observed"><Value value={s.observed} /></td>
      <td>{s.satisfied === true ? "✓" : s.satisfied === false ? "✗" : ""} {s.state}{s.message && <div class="quiet">{s.message}</div>}</td>
      <td class="quiet">{s.source}{unset && <> <button class="link" aria-label={"Remove " + s.name} onClick={unset}>remove</button></>}</td>
    </tr>
  );
}

function Settings({ d, reload }: { d: DeviceDetail; reload: () => void }) {
  const action = useAction();
  const unset = (name: string) => action.act(() => api("DELETE", `/devices/${d.id}/settings/${encodeURIComponent(name)}`)).then(reload);
  return (
    <Panel title="Settings">
      <Problem error={action.error} />
      {d.settings.length === 0
        ? <Empty>Nothing is set for this device, and it has reported nothing.</Empty>
        : <table>
            <thead><tr><th>Setting</th><th>Desired</th><th>Observed</th><th>State</th><th>From</th></tr></thead>
            <tbody>{d.settings.map(s => (
              <SettingRow key={s.name} s={s} unset={d.managed && s.source === "device" ? () => unset(s.name) : undefined} />))}</tbody>
          </table>}
      {d.managed && <SettingEditor path={`/devices/${d.id}/settings/`} onChanged={reload} />}
    </Panel>
  );
}

// Virtual machines and containers, with what their host says of them.
function Machines({ id }: { id: number }) {
  const { value } = useLoad(() => get<Page<Device>>(`/devices?limit=200&filter=parent%3D${id}`), [id], 5000);
  if (!value || value.items.length === 0) return null;
  return (
    <Panel title="Machines">
      <table>
        <thead><tr><th>Name</th><th>Kind</th><th>System</th><th>Last seen</th></tr></thead>
        <tbody>{value.items.map(m => (
          <tr key={m.id}><td><a href={"#/devices/" + m.id}>{m.name}</a></td><td>{m.kind}</td><td>{m.os_version}</td>
            <td><Age at={m.last_seen} /></td></tr>))}</tbody>
      </table>
    </Panel>
  );
}

// The audit log of this device, so that "since when" and "who did that" have an answer here.
function History({ id }: { id: number }) {
  const { value, error } = useLoad(() => get<Page<Event>>(`/events?device=${id}&newest=true&limit=20`), [id], 5000);
  return (
    <Panel title="History">
      <Problem error={error} />
      {value && (value.items.length === 0 ? <Empty>Nothing that is still kept.</Empty> : <EventTable events={value.items} />)}
    </Panel>
  );
}

function Inventory({ inventory }: { inventory: Record<string, unknown> }) {
  const sections = Object.entries(inventory).filter(([name]) => !BROWSER_SECTIONS.includes(name));
  return (
    <Panel title="Inventory">
      {sections.length === 0 ? <Empty>The device has sent none.</Empty> : sections.map(([name, body]) => (
        <details><summary>{name}{Array.isArray(body) && <span class="quiet"> {body.length}</span>}</summary>
          <pre>{JSON.stringify(body, null, 2)}</pre></details>))}
    </Panel>
  );
}

type Asked = "unenroll" | "delete";
const ASK: Record<Asked, [verb: string, text: (name: string) => string]> = {
  unenroll: ["Unenroll", name => `Unenroll ${name}? Its agent puts back what it changed and stops.`],
  delete: ["Delete", name => `Delete the record of ${name}, with all that it reported? Its agent, if it still runs, is a stranger then.`],
};

// What is done with the device's record; asks before anything goes.
function Manage({ d, edit, reload }: { d: DeviceDetail; edit: () => void; reload: () => void }) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const { busy, error, act } = useAction();
  const answered = (yes: boolean) => {
    const what = asked;
    setAsked(null);
    if (yes && what === "unenroll") act(() => api("POST", `/devices/${d.id}/unenroll`)).then(reload);
    if (yes && what === "delete") act(() => api("DELETE", "/devices/" + d.id)).then(done => { if (done) location.hash = "#/devices"; });
  };
  return (
    <>
      <button disabled={busy} onClick={edit}>Rename or move</button>
      {d.managed && <button class="danger" disabled={busy} onClick={() => setAsked("unenroll")}>Unenroll</button>}
      <button class="danger" disabled={busy} onClick={() => setAsked("delete")}>Delete</button>
      <Problem error={error} />
      {asked && <Confirm text={ASK[asked][1](d.name)} verb={ASK[asked][0]} onDone={answered} />}
    </>
  );
}

export function DevicePage({ id }: { id: number }) {
  const { value: d, error, reload } = useLoad(() => get<DeviceDetail>("/devices/" + id), [id], 3000);
  const [editing, setEditing] = useState(false);
  if (!d) return <Problem error={error} />;
  const edited = () => {
    setEditing(false);
    reload();
  };
  return (
    <>
      <h1><span>{d.name || `Device ${d.id}`}</span> {d.managed ? <VerdictChip verdict={d.verdict} /> : <span class="chip unknown">Unenrolled</span>}</h1>
      <Problem error={error} />
      <Panel title="Facts" actions={<Manage d={d} edit={() => setEditing(!editing)} reload={reload} />}>
        <Facts d={d} />
        {editing && <Edit d={d} onDone={edited} />}
      </Panel>
      <Settings d={d} reload={reload} />
      {d.managed && <Commands id={id} name={d.name} kind={d.kind} channel={d.channel} />}
      {(d.kind === "linux" || d.kind === "vm") && <Machines id={id} />}
      <Measurements id={id} />
      {d.kind === "browser" && <Browser inventory={d.inventory} />}
      <Inventory inventory={d.inventory} />
      <History id={id} />
    </>
  );
}
