// SPDX-License-Identifier: Apache-2.0
// The audit log, newest first, live over server-sent events.
import { useEffect, useState } from "preact/hooks";
import { Event, Page, get } from "../api";
import { Age, Panel, Problem, Value } from "../parts";

const KEEP = 200;

export function EventTable({ events }: { events: Event[] }) {
  return (
    <table>
      <thead><tr><th class="number">#</th><th>When</th><th>What</th><th>Who</th><th>On</th><th>Before</th><th>After</th></tr></thead>
      <tbody>{events.map(e => (
        <tr key={e.id}><td class="number">{e.id}</td><td><Age at={e.at} /></td><td><code>{e.type}</code></td><td>{e.actor}</td>
          <td>{e.device ? <a href={"#/devices/" + e.device}>{e.object || `device ${e.device}`}</a> : e.object}</td>
          <td data-is="before"><Value value={e.before} /></td><td data-is="after"><Value value={e.after} /></td></tr>))}
      </tbody>
    </table>
  );
}

type Older = { cursor: string | undefined }; // where those before begin; none: these are all

export function EventsPage() {
  const [events, setEvents] = useState<Event[]>([]);
  const [error, setError] = useState<Error | null>(null);
  const [live, setLive] = useState(false);
  const [older, setOlder] = useState<Older | null>(null); // null: it follows what happens
  useEffect(() => {
    if (older) return;
    let source: EventSource | null = null;
    let gone = false;
    get<Page<Event>>("/events?newest=true&limit=100").then(page => {
      if (gone) return;
      setEvents(page.items);
      source = new EventSource("/api/v1/events/stream?since=" + (page.items[0]?.id ?? 0));
      source.onopen = () => setLive(true);
      source.onerror = () => setLive(false); // the browser connects again by itself, from the last id
      source.onmessage = (m: MessageEvent) => setEvents(old => [JSON.parse(m.data) as Event, ...old].slice(0, KEEP));
    }, setError);
    return () => { gone = true; source?.close(); setLive(false); };
  }, [older === null]);
  // Whoever reads what was does not want it to move; the first time all is fetched anew, as the list above was cut.
  const more = () => get<Page<Event>>("/events?newest=true" + (older?.cursor ? "&limit=200&cursor=" + encodeURIComponent(older.cursor) : `&limit=${2 * KEEP}`))
    .then(page => {
      setEvents(shown => older ? [...shown, ...page.items] : page.items);
      setOlder({ cursor: page.next });
    }, setError);
  return (
    <Panel title="Events" actions={older
      ? <button onClick={() => setOlder(null)}>Follow again</button>
      : <span class="quiet">{live ? "● live" : "○ connecting…"}</span>}>
      <Problem error={error} />
      <EventTable events={events} />
      {(!older || older.cursor) && events.length > 0 && <div class="actions"><button onClick={more}>Older ones</button></div>}
    </Panel>
  );
}
