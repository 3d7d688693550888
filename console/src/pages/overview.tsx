// SPDX-License-Identifier: Apache-2.0
// How the fleet stands, in one look: verdicts as a bar, and what needs attention.
import { Device, DeviceDetail, DeviceSetting, Overview, Page, Verdict, get } from "../api";
import { Age, Empty, Panel, Problem, VERDICT_HELP, VerdictChip, useLoad } from "../parts";

const ORDER: Verdict[] = ["NON_COMPLIANT", "STALE", "UNKNOWN", "COMPLIANT"];

function VerdictBar({ counts, total }: { counts: Record<string, number>; total: number }) {
  if (!total) return null;
  return (
    <div class="bar" role="img" aria-label={ORDER.map(v => `${v}: ${counts[v] ?? 0}`).join(", ")}>
      {ORDER.filter(v => counts[v]).map(v => <span class={v.toLowerCase()} style={{ flexGrow: counts[v] }} title={`${v}: ${counts[v]}`} />)}
    </div>
  );
}

const short = (value: unknown) => {
  const text = value == null ? "not reported" : typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 40 ? text.slice(0, 39) + "…" : text;
};

function differs(settings: DeviceSetting[]): string {
  const bad = settings.filter(s => s.satisfied === false && s.level !== "recommended");
  if (bad.length === 0) return "";
  const { name, desired, observed, message } = bad[0];
  return `${name}: ${short(observed)} instead of ${short(desired)}` + (message ? ` (${message})` : "") + (bad.length > 1 ? `, and ${bad.length - 1} more` : "");
}

/** Why a device is in the list, in one line; asked for again only when something about it has changed. */
function Why({ d }: { d: Device }) {
  const { value } = useLoad(() => d.verdict === "NON_COMPLIANT" ? get<DeviceDetail>("/devices/" + d.id) : Promise.resolve(null),
    [d.id, d.verdict, d.version, d.last_seen]);
  if (d.verdict === "STALE") return <>has applied version {d.applied_version} of {d.version}</>;
  return <>{value && differs(value.settings)}</>;
}

function Attention() {
  const filter = "verdict in (NON_COMPLIANT, STALE)";
  const { value, error } = useLoad(() => get<Page<Device>>("/devices?limit=10&filter=" + encodeURIComponent(filter)), [], 5000);
  return (
    <Panel title="Needs attention" actions={<a href={"#/devices?filter=" + encodeURIComponent(filter)}>All of them</a>}>
      <Problem error={error} />
      {value && (value.items.length === 0
        ? <Empty>Nothing: every device that has reported is as it should be.</Empty>
        : <table><tbody>{value.items.map(d => (
            <tr key={d.id}><td><a href={"#/devices/" + d.id}>{d.name}</a></td><td><VerdictChip verdict={d.verdict} /></td>
              <td class="why"><Why d={d} /></td><td>{d.fleet}</td><td><Age at={d.last_seen} /></td></tr>))}</tbody></table>)}
    </Panel>
  );
}

/** Devices that say nothing any more keep their last verdict, and would go unnoticed as compliant. */
function Silent() {
  const filter = "last_seen>7d";
  const { value } = useLoad(() => get<Page<Device>>("/devices?limit=10&filter=" + encodeURIComponent(filter)), [], 60000);
  if (!value || value.items.length === 0) return null;
  return (
    <Panel title="Not seen for a week" actions={<a href={"#/devices?filter=" + encodeURIComponent(filter)}>All of them</a>}>
      <table><tbody>{value.items.map(d => (
        <tr key={d.id}><td><a href={"#/devices/" + d.id}>{d.name}</a></td><td><VerdictChip verdict={d.verdict} /></td>
          <td>{d.fleet}</td><td><Age at={d.last_seen} /></td></tr>))}</tbody></table>
    </Panel>
  );
}

export function OverviewPage() {
  const { value, error } = useLoad(() => get<Overview>("/overview"), [], 5000);
  if (!value) return <Problem error={error} />;
  const { total, by_verdict, by_kind } = value.devices;
  return (
    <>
      <h1>{total === 1 ? "1 device" : `${total.toLocaleString()} devices`}</h1>
      <Problem error={error} />
      <VerdictBar counts={by_verdict} total={total} />
      <div class="cards">
        {ORDER.map(v => (
          <a class="card" href={"#/devices?filter=" + encodeURIComponent("verdict=" + v)} title={VERDICT_HELP[v]}>
            <b>{(by_verdict[v] ?? 0).toLocaleString()}</b><VerdictChip verdict={v} />
          </a>
        ))}
      </div>
      {total === 0
        ? <Empty>No devices yet. <a href="#/enroll">Enroll the first one.</a></Empty>
        : <><Attention /><Silent /></>}
      <p class="quiet">
        {Object.entries(by_kind).filter(([, n]) => n).map(([k, n]) => `${n.toLocaleString()} ${k}`).join(" · ")}
        {" · "}<a href="#/commands">{value.commands_open.toLocaleString()} open commands</a> · Reeve {value.version}, started <Age at={value.started} />
      </p>
    </>
  );
}
