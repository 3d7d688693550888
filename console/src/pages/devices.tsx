// SPDX-License-Identifier: Apache-2.0
// The list of devices: one filter language, pages by cursor, live.
import { useState } from "preact/hooks";
import { Device, Page, get } from "../api";
import { Age, Empty, Panel, Problem, VerdictChip, useLoad } from "../parts";
import { CommandToMany } from "./commands";

const PAGE = 50;
const EXAMPLES = ["verdict!=COMPLIANT", "kind=linux", "last_seen>7d", "name~laptop", "within=default and verdict=STALE"];

/** A word that compares nothing is looked for in names and serials. */
export function asFilter(text: string): string {
  if (!text || /[=~<>()"]/.test(text)) return text;
  return `name~${JSON.stringify(text)} or serial~${JSON.stringify(text)}`;
}

/** The names of the hosts of the machines on this page, in one question. */
function useHosts(devices: Device[]): Map<number, string> {
  const known = new Map(devices.map(d => [d.id, d.name]));
  const ids = [...new Set(devices.flatMap(d => d.parent === null || known.has(d.parent) ? [] : [d.parent]))].sort((a, b) => a - b);
  const filter = encodeURIComponent(`id in (${ids.join(", ")})`);
  const { value } = useLoad(async () => ids.length ? (await get<Page<Device>>(`/devices?limit=${PAGE}&filter=${filter}`)).items : [], [ids.join()]);
  value?.forEach(d => known.set(d.id, d.name));
  return known;
}

export function DevicesPage({ filter }: { filter: string }) {
  const [cursors, setCursors] = useState<string[]>([]);
  const cursor = cursors[cursors.length - 1] ?? "";
  const query = `limit=${PAGE}&filter=${encodeURIComponent(filter)}&cursor=${encodeURIComponent(cursor)}`;
  const { value, error } = useLoad(
    () => get<Page<Device>>("/devices?" + (cursor ? query : query.replace("&cursor=", ""))), [filter, cursor], 5000);
  const count = useLoad(() => get<{ count: number }>("/devices/count?filter=" + encodeURIComponent(filter)), [filter], 15000);
  const hosts = useHosts(value?.items ?? []);
  const [commanding, setCommanding] = useState(false);
  const apply = (text: string) => {
    setCursors([]);
    location.hash = "#/devices" + (text ? "?filter=" + encodeURIComponent(text) : "");
  };
  return (
    <Panel title={count.value ? `Devices (${count.value.count.toLocaleString()})` : "Devices"}
      actions={<>
        <button aria-expanded={commanding} disabled={!count.value?.count} onClick={() => setCommanding(!commanding)}>Command to all of these</button>
        <a href={"/api/v1/devices?format=csv&filter=" + encodeURIComponent(filter)} download="devices.csv">CSV</a></>}>
      <form class="filter" onSubmit={e => { e.preventDefault(); apply(asFilter(String(new FormData(e.currentTarget as HTMLFormElement).get("filter")).trim())); }}>
        <input name="filter" key={filter} defaultValue={filter} placeholder="Name or serial, or a filter: kind=linux and verdict!=COMPLIANT and last_seen<7d"
          aria-label="Filter" spellcheck={false} />
        <button class="primary">Show</button>
        {filter && <button type="button" onClick={() => apply("")}>Clear</button>}
      </form>
      <p class="quiet">{EXAMPLES.map(e => <button class="link" onClick={() => apply(e)}><code>{e}</code></button>)}</p>
      <Problem error={error} />
      {commanding && count.value && <CommandToMany key={filter} filter={filter} count={count.value.count} />}
      {value && value.items.length === 0 && <Empty>{filter ? "No device matches." : <>No devices yet. <a href="#/enroll">Enroll the first one.</a></>}</Empty>}
      {value && value.items.length > 0 && (
        <table>
          <thead><tr><th>Name</th><th>Verdict</th><th>Kind</th><th>Fleet</th><th>System</th><th class="number">Version</th><th>Last seen</th></tr></thead>
          <tbody>{value.items.map(d => (
            <tr key={d.id}>
              <td><a href={"#/devices/" + d.id}>{d.name || `device ${d.id}`}</a></td>
              <td><VerdictChip verdict={d.verdict} /></td>
              <td>{d.kind}{d.parent !== null && <> in <a href={"#/devices/" + d.parent}>{hosts.get(d.parent) || `device ${d.parent}`}</a></>}</td>
              <td title={d.fleet_path}>{d.fleet}</td>
              <td>{d.os_version}</td>
              <td class="number" data-is="version" title="applied / desired">{d.applied_version}/{d.version}</td>
              <td><Age at={d.last_seen} /></td>
            </tr>))}
          </tbody>
        </table>
      )}
      <div class="actions">
        {cursors.length > 0 && <button onClick={() => setCursors(cursors.slice(0, -1))}>Back</button>}
        {value?.next && <button onClick={() => setCursors([...cursors, value.next!])}>Next</button>}
      </div>
    </Panel>
  );
}
