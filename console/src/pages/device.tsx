// SPDX-License-Identifier: Apache-2.0
// One device: facts, every setting with desired and observed side by side, commands, inventory.
import { useState } from "preact/hooks";
import { Command, Device, DeviceDetail, DeviceSetting, Page, api, get } from "../api";
import { Age, Confirm, Empty, Panel, Problem, StateChip, Value, VerdictChip, useAction, useLoad } from "../parts";
import { Browser, BROWSER_SECTIONS } from "./browser";
import { Measurements } from "./measurements";
import { SettingEditor } from "./setting-editor";

// What needs no parameters; a browser would die of what is meant for others.
const COMMANDS: Record<string, string[]> = {
  browser: ["clear_browsing_data"],
  chromeos: ["screenshot", "echo", "inventory", "locate", "reboot"],
  vm: ["ping", "inventory", "reboot", "shutdown"],
  container: ["ping", "inventory"],
};
const COMMANDS_OF_OTHERS = ["ping", "inventory", "locate", "lock", "reboot"];

function Picture({ command }: { command: Command }) {
  const file = (command.result as { picture_file?: number } | null)?.picture_file;
  return file ? <a href={`/api/v1/commands/${command.id}/picture`} download={`command-${command.id}.png`}>Picture</a> : null;
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
      {d.parent !== null && <><dt>Host</dt><dd><a href={"#/devices/" + d.parent}>device {d.parent}</a></dd></>}
      <dt>Enrolled</dt><dd><Age at={d.enrolled} /></dd>
      <dt>Last seen</dt><dd><Age at={d.last_seen} /></dd>
      {Object.entries(d.attributes).map(([k, v]) => <><dt>{k}</dt><dd>{v}</dd></>)}
    </dl>
  );
}

function SettingRow({ s }: { s: DeviceSetting }) {
  return (
    <tr class={s.satisfied === false ? "bad" : ""}>
      <td><code>{s.name}</code>{s.level === "recommended" && <span class="quiet"> recommended</span>}</td>
      <td><Value value={s.desired} /></td>
      <td><Value value={s.observed} /></td>
      <td>{s.satisfied === true ? "✓" : s.satisfied === false ? "✗" : ""} {s.state}{s.message && <div class="quiet">{s.message}</div>}</td>
      <td class="quiet">{s.source}</td>
    </tr>
  );
}

function Settings({ d, reload }: { d: DeviceDetail; reload: () => void }) {
  return (
    <Panel title="Settings">
      {d.settings.length === 0
        ? <Empty>Nothing is set for this device, and it has reported nothing.</Empty>
        : <table>
            <thead><tr><th>Setting</th><th>Desired</th><th>Observed</th><th>State</th><th>From</th></tr></thead>
            <tbody>{d.settings.map(s => <SettingRow key={s.name} s={s} />)}</tbody>
          </table>}
      {d.managed && <SettingEditor path={`/devices/${d.id}/settings/`} onChanged={reload} />}
    </Panel>
  );
}

function Commands({ id, kind }: { id: number; kind: string }) {
  const { value, error, reload } = useLoad(() => get<Page<Command>>(`/commands?device=${id}&limit=10`), [id], 3000);
  const send = useAction();
  return (
    <Panel title="Commands" actions={(COMMANDS[kind] ?? COMMANDS_OF_OTHERS).map(type => (
      <button disabled={send.busy} onClick={() => send.act(() => api("POST", "/commands", { device: id, type })).then(reload)}>{type}</button>))}>
      <Problem error={error ?? send.error} />
      {value && (value.items.length === 0 ? <Empty>None yet.</Empty> : (
        <table><tbody>{value.items.map(c => (
          <tr key={c.id}><td class="number">{c.id}</td><td>{c.type}</td><td><StateChip state={c.state} /></td>
            <td>{c.message}{c.delivery && <span class="quiet">{c.delivery}</span>}<Picture command={c} /></td>
            <td class="quiet">{c.actor}</td><td><Age at={c.created} /></td></tr>))}</tbody></table>))}
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

export function DevicePage({ id }: { id: number }) {
  const { value: d, error, reload } = useLoad(() => get<DeviceDetail>("/devices/" + id), [id], 3000);
  const [asking, setAsking] = useState(false);
  const unenroll = useAction();
  if (!d) return <Problem error={error} />;
  const answered = (yes: boolean) => {
    setAsking(false);
    if (yes) unenroll.act(() => api("POST", `/devices/${id}/unenroll`)).then(reload);
  };
  return (
    <>
      <h1>{d.name || `Device ${d.id}`} {d.managed ? <VerdictChip verdict={d.verdict} /> : <span class="chip unknown">Unenrolled</span>}</h1>
      <Problem error={error ?? unenroll.error} />
      <Panel title="Facts" actions={d.managed && <button class="danger" onClick={() => setAsking(true)}>Unenroll</button>}><Facts d={d} /></Panel>
      <Settings d={d} reload={reload} />
      {d.managed && <Commands id={id} kind={d.kind} />}
      {(d.kind === "linux" || d.kind === "vm") && <Machines id={id} />}
      <Measurements id={id} />
      {d.kind === "browser" && <Browser inventory={d.inventory} />}
      <Inventory inventory={d.inventory} />
      {asking && <Confirm text={`Unenroll ${d.name}? Its agent puts back what it changed and stops.`} verb="Unenroll" onDone={answered} />}
    </>
  );
}
