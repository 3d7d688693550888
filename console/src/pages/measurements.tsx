// SPDX-License-Identifier: Apache-2.0
// What a device measured: one line for each kind of measurement, over the last week. Nothing is shown when there is nothing.
import { Page, Sample, get } from "../api";
import { Age, Panel, useLoad } from "../parts";

const WIDTH = 600, HEIGHT = 48;
const SINCE = "7d";
const NAMES = ["cpu.used_percent", "cpu.temperature_c", "memory.free_bytes", "disk.free_bytes"];

function format(value: number, unit: string): string {
  if (unit !== "bytes") return `${value} ${unit}`;
  const power = Math.min(4, Math.floor(Math.log2(Math.max(1, value)) / 10));
  return `${(value / 1024 ** power).toFixed(power ? 1 : 0)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

/** Time to the right, the value up; from 0, so that lines can be compared. */
function points(samples: Sample[]): string {
  const times = samples.map(s => Date.parse(s.at));
  const from = times[0], span = Math.max(1, times[times.length - 1] - from);
  const top = Math.max(1, ...samples.map(s => s.value));
  return samples.map((s, i) => `${((times[i] - from) / span) * WIDTH},${HEIGHT - (s.value / top) * HEIGHT}`).join(" ");
}

function Line({ samples }: { samples: Sample[] }) {
  const last = samples[samples.length - 1];
  return (
    <tr>
      <td>{last.name}</td>
      <td class="number">{format(last.value, last.unit)}<div class="quiet"><Age at={last.at} /></div></td>
      <td><svg class="line" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${last.name} over the last week`}>
        <polyline points={points(samples)} /></svg></td>
    </tr>
  );
}

async function load(id: number): Promise<Sample[][]> {
  const pages = await Promise.all(NAMES.map(name =>
    get<Page<Sample>>(`/devices/${id}/samples?name=${name}&since=${SINCE}&limit=1000`)));
  return pages.map(p => p.items).filter(items => items.length > 0);
}

export function Measurements({ id }: { id: number }) {
  const { value } = useLoad(() => load(id), [id], 60_000);
  if (!value || value.length === 0) return null;
  return (
    <Panel title="Measurements">
      <table><tbody>{value.map(samples => <Line key={samples[0].name} samples={samples} />)}</tbody></table>
    </Panel>
  );
}
