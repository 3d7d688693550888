// SPDX-License-Identifier: Apache-2.0
// The parts that pages are made of: loading, verdict chips, ages, dialogs, tables, live refresh.
import { ComponentChildren } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Verdict } from "./api";

const VERDICT_TEXT: Record<Verdict, string> = {
  COMPLIANT: "Compliant", NON_COMPLIANT: "Not compliant", STALE: "Stale", UNKNOWN: "Unknown",
};
export const VERDICT_HELP: Record<Verdict, string> = {
  COMPLIANT: "Every mandatory setting is as desired.",
  NON_COMPLIANT: "The device applied the newest state, and something differs.",
  STALE: "The desired state is newer than what the device applied.",
  UNKNOWN: "The device has not reported yet.",
};

export function VerdictChip({ verdict }: { verdict: Verdict }) {
  return <span class={"chip " + verdict.toLowerCase()} title={VERDICT_HELP[verdict]}>{VERDICT_TEXT[verdict] ?? verdict}</span>;
}

export function StateChip({ state }: { state: string }) {
  const tone = state === "done" ? "compliant" : state === "failed" || state === "expired" ? "non_compliant"
    : state === "cancelled" ? "unknown" : "stale";
  return <span class={"chip " + tone}>{state}</span>;
}

const UNITS: [number, string][] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

/** "3 min ago", the exact time as a tooltip; keeps itself up to date. */
export function Age({ at }: { at: string | null }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick(n => n + 1), 10_000);
    return () => clearInterval(timer);
  }, []);
  if (!at) return <span class="quiet">never</span>;
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(at)) / 1000));
  const [size, unit] = UNITS.find(([s]) => seconds >= s) ?? [1, "s"];
  return <time dateTime={at} title={new Date(at).toLocaleString()}>{seconds < 5 ? "just now" : `${Math.floor(seconds / size)} ${unit} ago`}</time>;
}

export function Value({ value }: { value: unknown }) {
  if (value === undefined || value === null) return <span class="quiet">–</span>;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return <code title={text}>{text.length > 80 ? text.slice(0, 79) + "…" : text}</code>;
}

export function Problem({ error }: { error: Error | null }) {
  return error ? <p class="problem" role="alert">{error.message}</p> : null;
}

export interface Loaded<T> { value: T | null; error: Error | null; reload: () => void }

/** Loads, keeps the old value while loading again, and loads again every 'refresh' ms and on reload(). */
export function useLoad<T>(load: () => Promise<T>, key: unknown[], refresh = 0): Loaded<T> {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const turn = useRef(0);
  const run = useCallback(() => {
    const mine = ++turn.current;
    load().then(
      v => { if (mine === turn.current) { setValue(v); setError(null); } },
      e => { if (mine === turn.current) setError(e); },
    );
  }, key);
  useEffect(() => {
    setValue(null);
    run();
    const timer = refresh ? setInterval(() => { if (!document.hidden) run(); }, refresh) : 0;
    return () => { turn.current++; clearInterval(timer); };
  }, [run]);
  return { value, error, reload: run };
}

/** A form's submit: busy while it runs, its error shown. */
export function useAction() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const act = async (work: () => Promise<unknown>) => {
    setBusy(true);
    setError(null);
    try {
      await work();
      return true;
    } catch (e) {
      setError(e as Error);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, act };
}

export function Panel({ title, actions, children }: { title: string; actions?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="panel">
      <header><h2>{title}</h2>{actions && <div class="actions">{actions}</div>}</header>
      {children}
    </section>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** 'word': what has to be typed first, for what cannot be taken back. */
export function Confirm({ text, verb, word, onDone }: { text: string; verb: string; word?: string; onDone: (yes: boolean) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState("");
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={() => onDone(false)}>
      <p>{text}</p>
      {word && <p><label>Type <code>{word}</code> to go on: <input name="word" value={typed} autocomplete="off" spellcheck={false}
        onInput={e => setTyped(e.currentTarget.value)} /></label></p>}
      <div class="actions">
        <button type="button" onClick={() => onDone(false)}>Keep</button>
        <button type="button" class="danger" disabled={word !== undefined && typed !== word} onClick={() => onDone(true)}>{verb}</button>
      </div>
    </dialog>
  );
}
