// SPDX-License-Identifier: Apache-2.0
// Sends commands: the server's table of types decides which there are for a device and what they ask for.
import { useEffect, useState } from "preact/hooks";
import { Command, CommandParam, CommandType, CommandsSent, Page, all, api, get } from "../api";
import { Age, Confirm, Empty, Panel, Problem, StateChip, useAction, useLoad } from "../parts";

let table: Promise<CommandType[]> | null = null;

function useTypes(): CommandType[] {
  const [types, setTypes] = useState<CommandType[]>([]);
  useEffect(() => {
    table ??= all<CommandType>("/command-types");
    table.then(setTypes, () => { table = null; });
  }, []);
  return types;
}

/** What needs no more than a click. */
const simple = (t: CommandType) => !t.destructive && t.params.every(p => !p.required);

/** What was typed, as the parameter wants it; the server says if it is wrong. */
function parse(type: string, text: string): unknown {
  if (type === "string" || type === "secret") return text;
  if (type === "strings" && !text.trim().startsWith("[")) return text.split("\n").map(s => s.trim()).filter(Boolean);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function Param({ param }: { param: CommandParam }) {
  const label = param.name + (param.required ? "" : " (may be left out)");
  const common = { name: "param." + param.name, required: param.required, "aria-label": label, placeholder: label };
  if (param.type === "boolean") return <label>{param.name} <select {...common}><option value="">–</option><option>true</option><option>false</option></select></label>;
  if (param.type === "strings" || param.type === "object") return <textarea rows={2} {...common} placeholder={label + (param.type === "strings" ? ", one a line" : ", JSON")} />;
  if (param.type === "secret") return <input type="password" autocomplete="new-password" {...common} />;
  return <input type={param.type === "string" ? "text" : "number"} {...common} />;
}

type Send = (type: string, params?: Record<string, unknown>) => Promise<unknown>;

/** One command with its parameters. 'to': whom the question before something that destroys names. */
function Form({ types, to, busy, send }: { types: CommandType[]; to: string; busy: boolean; send: Send }) {
  const [name, setName] = useState("");
  const [asked, setAsked] = useState<Record<string, unknown> | null>(null); // what waits for a yes
  const type = types.find(t => t.name === name);
  const submit = (e: SubmitEvent) => {
    e.preventDefault();
    if (!type) return;
    const form = new FormData(e.currentTarget as HTMLFormElement);
    const given = type.params.filter(p => String(form.get("param." + p.name) ?? "") !== "");
    const params = Object.fromEntries(given.map(p => [p.name, parse(p.type, String(form.get("param." + p.name)))]));
    if (type.destructive) setAsked(params);
    else send(type.name, params).then(done => { if (done) setName(""); });
  };
  const answered = (yes: boolean) => {
    const params = asked ?? {};
    setAsked(null);
    if (yes) send(name, params).then(done => { if (done) setName(""); });
  };
  return (<>
    <form class="editor" onSubmit={submit}>
      <select name="type" value={name} onChange={e => setName(e.currentTarget.value)} aria-label="Command">
        <option value="">Choose a command…</option>{types.map(t => <option value={t.name}>{t.name}</option>)}
      </select>
      {type?.params.map(p => <Param key={type.name + p.name} param={p} />)}
      {type && <button class={type.destructive ? "danger" : "primary"} disabled={busy}>Send {type.name}</button>}
      {type && <p class="quiet">{type.doc}.</p>}
    </form>
    {asked && type && <Confirm text={`${type.doc}: ${to}. This cannot be taken back.`} verb={"Send " + type.name} word={type.name} onDone={answered} />}
  </>);
}

function Row({ c, cancel, device }: { c: Command; cancel: () => void; device?: boolean }) {
  const picture = (c.result as { picture_file?: number } | null)?.picture_file;
  const details = { ...(Object.keys(c.params ?? {}).length ? { params: c.params } : {}), ...(c.result ? { result: c.result } : {}) };
  return (
    <tr><td class="number">{c.id}</td>{device && <td><a href={"#/devices/" + c.device}>{c.device_name || `device ${c.device}`}</a></td>}<td>{c.type}</td><td><StateChip state={c.state} /></td>
      <td>{c.message}{c.delivery && <span class="quiet">{c.delivery}</span>}
        {picture && <a href={`/api/v1/commands/${c.id}/picture`} download={`command-${c.id}.png`}>Picture</a>}
        {Object.keys(details).length > 0 && <details><summary class="quiet">details</summary><pre>{JSON.stringify(details, null, 2)}</pre></details>}</td>
      <td class="quiet">{c.actor}</td><td><Age at={c.created} /></td>
      <td>{["queued", "sent", "acknowledged"].includes(c.state) && <button class="link" aria-label={`Cancel command ${c.id}`} onClick={cancel}>cancel</button>}</td></tr>
  );
}

export function Commands({ id, name, kind, channel }: { id: number; name: string; kind: string; channel: string }) {
  const { value, error, reload } = useLoad(() => get<Page<Command>>(`/commands?device=${id}&limit=10`), [id], 3000);
  const action = useAction();
  const types = useTypes().filter(t => t.kinds.includes(kind) && t.channels.includes(channel));
  const send: Send = async (type, params = {}) => {
    const done = await action.act(() => api("POST", "/commands", { device: id, type, params }));
    reload();
    return done;
  };
  const cancel = (c: Command) => action.act(() => api("POST", `/commands/${c.id}/cancel`)).then(reload);
  const asking = types.filter(t => t.destructive || t.params.length > 0);
  return (
    <Panel title="Commands" actions={types.filter(simple).map(t => (
      <button disabled={action.busy} title={t.doc} onClick={() => send(t.name)}>{t.name}</button>))}>
      <Problem error={error ?? action.error} />
      {value && (value.items.length === 0 ? <Empty>None yet.</Empty> : (
        <table><tbody>{value.items.map(c => <Row key={c.id} c={c} cancel={() => cancel(c)} />)}</tbody></table>))}
      {asking.length > 0 && <Form types={asking} to={name} busy={action.busy} send={send} />}
    </Panel>
  );
}

function Sent({ sent }: { sent: CommandsSent }) {
  return (
    <div class="fresh" role="status">
      <p>Sent to {sent.items.length.toLocaleString()}{sent.refused.length > 0 && `, refused for ${sent.refused.length.toLocaleString()}`}.</p>
      {sent.refused.length > 0 && <details><summary>Why</summary><ul>{sent.refused.slice(0, 100).map(r => <li>{r.detail}</li>)}</ul></details>}
    </div>
  );
}

/** One command to every device that a filter finds; asks first, whatever the command. */
export function CommandToMany({ filter, count }: { filter: string; count: number }) {
  const types = useTypes();
  const action = useAction();
  const [asked, setAsked] = useState<{ type: string; params: Record<string, unknown> } | null>(null);
  const [sent, setSent] = useState<CommandsSent | null>(null);
  const whom = count === 1 ? "1 device" : `${count.toLocaleString()} devices`;
  const post = (type: string, params: Record<string, unknown>) =>
    action.act(async () => setSent(await api<CommandsSent>("POST", "/commands", { filter, type, params })));
  const send: Send = async (type, params = {}) => {
    if (types.find(t => t.name === type)?.destructive) return post(type, params); // the form has asked
    setAsked({ type, params });
    return false;
  };
  const answered = (yes: boolean) => {
    setAsked(null);
    if (yes && asked) post(asked.type, asked.params);
  };
  return (
    <>
      <Form types={types} to={whom} busy={action.busy} send={send} />
      <Problem error={action.error} />
      {sent && <Sent sent={sent} />}
      {asked && <Confirm text={`Send ${asked.type} to ${whom}?`} verb={`Send ${asked.type}`} onDone={answered} />}
    </>
  );
}

const STATES = ["queued", "sent", "acknowledged", "done", "failed", "expired", "cancelled"];

/** All commands, the newest first: what became of what was sent to many. */
export function CommandsPage({ state }: { state: string }) {
  const [cursors, setCursors] = useState<string[]>([]);
  const cursor = cursors[cursors.length - 1] ?? "";
  const query = "limit=50" + (state && "&state=" + encodeURIComponent(state)) + (cursor && "&cursor=" + encodeURIComponent(cursor));
  const { value, error, reload } = useLoad(() => get<Page<Command>>("/commands?" + query), [query], 5000);
  const action = useAction();
  const cancel = (c: Command) => action.act(() => api("POST", `/commands/${c.id}/cancel`)).then(reload);
  const choose = (e: Event) => {
    const chosen = (e.currentTarget as HTMLSelectElement).value;
    setCursors([]);
    location.hash = "#/commands" + (chosen && "?state=" + chosen);
  };
  return (
    <Panel title="Commands" actions={<label>State <select name="state" value={state} onChange={choose}>
      <option value="">any</option>{STATES.map(s => <option>{s}</option>)}</select></label>}>
      <Problem error={error ?? action.error} />
      {value && value.items.length === 0 && <Empty>None.</Empty>}
      {value && value.items.length > 0 && (
        <table>
          <thead><tr><th class="number">#</th><th>Device</th><th>Command</th><th>State</th><th>What came of it</th><th>By</th><th>Sent</th><th /></tr></thead>
          <tbody>{value.items.map(c => <Row key={c.id} c={c} device cancel={() => cancel(c)} />)}</tbody>
        </table>)}
      <div class="actions">
        {cursors.length > 0 && <button onClick={() => setCursors(cursors.slice(0, -1))}>Back</button>}
        {value?.next && <button onClick={() => setCursors([...cursors, value.next!])}>Next</button>}
      </div>
    </Panel>
  );
}
