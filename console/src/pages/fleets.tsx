// SPDX-License-Identifier: Apache-2.0
// The tree of fleets, and the settings of the one chosen.
import { useState } from "preact/hooks";
import { Fleet, Page, Setting, api, get } from "../api";
import { Age, Confirm, Empty, Panel, Problem, Value, useAction, useLoad } from "../parts";
import { SettingEditor } from "./setting-editor";

function Tree({ fleets, chosen }: { fleets: Fleet[]; chosen: number }) {
  const branch = (parent: number | null): preact.JSX.Element | null => {
    const below = fleets.filter(f => f.parent === parent);
    return below.length === 0 ? null : (
      <ul>{below.map(f => (
        <li key={f.id}><a href={"#/fleets/" + f.id} aria-current={f.id === chosen ? "page" : undefined}>{f.name}</a>
          <span class="quiet"> {f.devices}</span>{branch(f.id)}</li>))}</ul>);
  };
  return <div class="tree">{branch(null)}</div>;
}

function FleetSettings({ fleet }: { fleet: Fleet }) {
  const { value, error, reload } = useLoad(() => get<Page<Setting>>(`/fleets/${fleet.id}/settings`), [fleet.id]);
  const unset = useAction();
  return (
    <Panel title={"Settings of " + fleet.path}
      actions={<a href={"#/devices?filter=" + encodeURIComponent("within=" + fleet.id)}>Its devices</a>}>
      <Problem error={error ?? unset.error} />
      {value && (value.items.length === 0 ? <Empty>None of its own; it inherits from the fleets above.</Empty> : (
        <table>
          <thead><tr><th>Setting</th><th>Value</th><th>Level</th><th>Changed</th><th /></tr></thead>
          <tbody>{value.items.map(s => (
            <tr key={s.name}><td><code>{s.name}</code></td><td><Value value={s.value} /></td><td>{s.level}</td>
              <td><Age at={s.changed} /> <span class="quiet">{s.actor}</span></td>
              <td><button class="link" disabled={unset.busy} aria-label={"Remove " + s.name}
                onClick={() => unset.act(() => api("DELETE", `/fleets/${fleet.id}/settings/${encodeURIComponent(s.name)}`)).then(reload)}>remove</button></td></tr>))}
          </tbody>
        </table>))}
      <SettingEditor path={`/fleets/${fleet.id}/settings/`} onChanged={reload} />
    </Panel>
  );
}

function FleetForms({ fleet, reload }: { fleet: Fleet; reload: () => void }) {
  const { busy, error, act } = useAction();
  const [asking, setAsking] = useState(false);
  const create = (e: SubmitEvent) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const name = String(new FormData(form).get("name"));
    act(() => api("POST", "/fleets", { name, parent: String(fleet.id) })).then(done => { if (done) { form.reset(); reload(); } });
  };
  const answered = (yes: boolean) => {
    setAsking(false);
    if (yes) act(() => api("DELETE", "/fleets/" + fleet.id)).then(done => { if (done) { location.hash = "#/fleets"; reload(); } });
  };
  return (
    <form class="editor" onSubmit={create}>
      <input name="name" placeholder={"New fleet below " + fleet.name} aria-label="Name of the new fleet" required />
      <button disabled={busy}>Create</button>
      {fleet.parent !== null && <button type="button" class="danger" onClick={() => setAsking(true)}>Delete {fleet.name}</button>}
      <Problem error={error} />
      {asking && <Confirm text={`Delete ${fleet.path}? Its devices and fleets move to its parent.`} verb="Delete" onDone={answered} />}
    </form>
  );
}

export function FleetsPage({ id }: { id: number }) {
  const { value, error, reload } = useLoad(() => get<Page<Fleet>>("/fleets?limit=1000"), [], 15000);
  if (!value) return <Problem error={error} />;
  const fleet = value.items.find(f => f.id === id) ?? value.items.find(f => f.parent === null);
  return (
    <div class="split">
      <Panel title="Fleets"><Tree fleets={value.items} chosen={fleet?.id ?? 0} />{fleet && <FleetForms fleet={fleet} reload={reload} />}</Panel>
      <div>{fleet && <FleetSettings key={fleet.id} fleet={fleet} />}</div>
    </div>
  );
}
