// SPDX-License-Identifier: Apache-2.0
// Sets one setting on a fleet or a device: the catalogue's row decides the form.
import { useEffect, useState } from "preact/hooks";
import { SettingType, all, api } from "../api";
import { Problem, useAction } from "../parts";

let catalogue: Promise<SettingType[]> | null = null;

function initial(t: SettingType): string {
  return t.type === "boolean" ? "true" : t.type === "enum" ? t.choices?.[0] ?? "" : t.default == null ? "" : typeof t.default === "string" ? t.default : JSON.stringify(t.default);
}

/** What was typed, as the JSON value the setting wants; the server says if it is wrong. */
function parse(t: SettingType, text: string): unknown {
  if (t.type === "string" || t.type === "enum") return text;
  if (t.type === "list" && !text.trim().startsWith("[")) return text.split("\n").map(s => s.trim()).filter(Boolean);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function ValueInput({ type, value, onInput }: { type: SettingType; value: string; onInput: (v: string) => void }) {
  const take = (e: Event) => onInput((e.currentTarget as HTMLInputElement).value);
  if (type.type === "boolean" || type.type === "enum")
    return <select value={value} onInput={take} aria-label="Value">{(type.type === "boolean" ? ["true", "false"] : type.choices ?? []).map(c => <option>{c}</option>)}</select>;
  if (type.type === "integer")
    return <input type="number" min={type.min ?? undefined} max={type.max ?? undefined} value={value} onInput={take} aria-label="Value" />;
  if (type.type === "string") return <input value={value} onInput={take} aria-label="Value" />;
  return <textarea rows={3} value={value} onInput={take} aria-label="Value" placeholder={type.type === "list" ? "one a line" : "JSON"} />;
}

export function SettingEditor({ path, onChanged }: { path: string; onChanged: () => void }) {
  const [types, setTypes] = useState<SettingType[]>([]);
  const [name, setName] = useState("");
  const [typed, setTyped] = useState<string | null>(null); // null: the setting's first value
  const [level, setLevel] = useState("mandatory");
  const { busy, error, act } = useAction();
  useEffect(() => {
    catalogue ??= all<SettingType>("/settings");
    catalogue.then(setTypes, () => { catalogue = null; });
  }, []);
  const type = types.find(t => t.name === name);
  const value = typed ?? (type ? initial(type) : "");
  const choose = (n: string) => {
    setName(n);
    setTyped(null);
  };
  const submit = (e: Event) => {
    e.preventDefault();
    if (type) act(() => api("PUT", path + encodeURIComponent(name), { value: parse(type, value), level })).then(done => {
      if (done) { choose(""); onChanged(); }
    });
  };
  return (
    <form class="editor" onSubmit={submit}>
      <input list="catalogue" value={name} onInput={e => choose(e.currentTarget.value)} placeholder="Setting, for example camera.disabled" aria-label="Setting" spellcheck={false} />
      <datalist id="catalogue">{types.map(t => <option value={t.name}>{t.doc}</option>)}</datalist>
      {type && <ValueInput type={type} value={value} onInput={setTyped} />}
      {type && <select value={level} onInput={e => setLevel(e.currentTarget.value)} aria-label="Level"><option>mandatory</option><option>recommended</option></select>}
      <button class="primary" disabled={!type || busy}>Set</button>
      {type && <p class="quiet">{type.doc}{type.channels.length > 0 && ` Obeyed by: ${type.channels.join(", ")}.`}</p>}
      <Problem error={error} />
    </form>
  );
}
