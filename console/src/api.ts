// SPDX-License-Identifier: Apache-2.0
// The admin API (/api/v1) as the console uses it: types of the answers, one fetch wrapper.
// The session is a cookie that scripts cannot read; writes carry the CSRF token of the session.

export type Verdict = "UNKNOWN" | "STALE" | "NON_COMPLIANT" | "COMPLIANT";

export interface Page<T> { items: T[]; next?: string }

export interface Device {
  id: number; name: string; kind: string; channel: string; fleet: string; fleet_id: number; fleet_path: string;
  serial: string; external_id: string; verdict: Verdict; version: number; applied_version: number;
  last_seen: string | null; enrolled: string | null; managed: boolean; model: string; os_version: string;
  agent_version: string; parent: number | null;
}

export interface DeviceSetting {
  name: string; desired: unknown; level: string; observed: unknown; state: string | null; message: string | null;
  at: string | null; satisfied: boolean | null; source: string;
}

export interface DeviceDetail extends Device {
  attributes: Record<string, string>;
  settings: DeviceSetting[];
  inventory: Record<string, unknown>;
  report: { received: string; applied_version: number } | null;
  commands_waiting: number;
}

export interface Fleet { id: number; name: string; path: string; parent: number | null; devices: number }
export interface Setting { name: string; value: unknown; level: string; changed: string | null; actor: string }
export interface SettingType {
  name: string; type: string; min: number | null; max: number | null; choices: string[] | null; default: unknown;
  channels: string[]; doc: string;
}
export interface Command {
  id: number; device: number; device_name: string; type: string; params: Record<string, unknown>; state: string; message: string;
  result: unknown;
  delivery: string | null; actor: string; created: string; finished: string | null;
}
export interface CommandParam { name: string; type: string; required: boolean }
export interface CommandType {
  name: string; kinds: string[]; channels: string[]; destructive: boolean; params: CommandParam[]; doc: string;
}
export interface CommandsSent { items: Command[]; refused: { device: number; detail: string }[] }
export interface Sample { name: string; at: string; value: number; unit: string }
export interface Event {
  id: number; at: string; type: string; actor: string; fleet: string | number | null; device: number | null; object: string;
  before: unknown; after: unknown;
}
export interface EnrollmentToken {
  id: number; kind: string; fleet: string; hint: string; uses: number; uses_max: number; created: string;
  expires: string | null; revoked: string | null; token?: string; deep_link?: string;
}
export interface Overview {
  devices: { total: number; by_verdict: Record<string, number>; by_kind: Record<string, number>; by_channel: Record<string, number> };
  commands_open: number; version: string; started: string;
}
export interface Session { csrf_token: string; administrator: string; scopes: string[] | string }

export class ApiError extends Error {
  constructor(readonly status: number, message: string) { super(message); }
}

let csrf = "";
let onSignedOut = () => {};

export function signedOut(fn: () => void) { onSignedOut = fn; }

export async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  let answer: Response;
  try {
    answer = await fetch("/api/v1" + path, {
      method, headers, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, "The server does not answer. Is it running?");
  }
  if (answer.status === 204) return undefined as T;
  const json = await answer.json().catch(() => null);
  if (answer.ok) return json as T;
  if (answer.status === 401 && path !== "/sessions") onSignedOut();
  throw new ApiError(answer.status, json?.detail ?? json?.title ?? `The server answered ${answer.status}.`);
}

/** Every row of a list, page by page. */
export async function all<T>(path: string): Promise<T[]> {
  const rows: T[] = [];
  for (let cursor = ""; ;) {
    const page = await api<Page<T>>("GET", path + "?limit=1000" + (cursor && "&cursor=" + encodeURIComponent(cursor)));
    rows.push(...page.items);
    if (!page.next) return rows;
    cursor = page.next;
  }
}

export const get = <T>(path: string) => api<T>("GET", path);

export async function signIn(name: string, password: string): Promise<Session> {
  const session = await api<Session>("POST", "/sessions", { name, password });
  csrf = session.csrf_token;
  return session;
}

/** The session of an earlier visit, or null. */
export async function resume(): Promise<Session | null> {
  try {
    const session = await get<Session>("/sessions/current");
    csrf = session.csrf_token;
    return session;
  } catch (e) {
    if (e instanceof ApiError && e.status === 401) return null;
    throw e;
  }
}

export async function signOut() {
  await api("DELETE", "/sessions/current");
  csrf = "";
  onSignedOut();
}
