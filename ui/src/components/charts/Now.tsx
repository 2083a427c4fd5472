// The figures that most look for, as the live stream tells them: what was not
// measured, or too long ago, is a dash and never a zero.
import type { LiveNode, LiveVm } from "../../api/types";
import { figure, type Unit } from "../../lib/charts/units";
import { useNow } from "../../lib/clock";
import { duration } from "../../lib/format";
import type { Figures } from "../../live/figures";
import { Tag } from "../../primitives/Tag";

interface Shown {
  name: string;
  value: number | null | undefined;
  unit: Unit;
}

export function VmNow({ figures }: { figures: Figures<LiveVm> }) {
  const { last } = figures;
  return (
    <Now
      figures={figures}
      shown={
        last && [
          { name: "Processor", value: last.cpu_usage_ratio, unit: "ratio" },
          { name: "Memory given", value: last.memory_balloon_bytes, unit: "bytes" },
          { name: "Used in the guest", value: last.memory_guest_used_ratio, unit: "ratio" },
          { name: "Disk read", value: last.disk_read_bytes_per_second, unit: "bytes_per_second" },
          {
            name: "Disk written",
            value: last.disk_written_bytes_per_second,
            unit: "bytes_per_second",
          },
          {
            name: "Received",
            value: last.network_received_bytes_per_second,
            unit: "bytes_per_second",
          },
          { name: "Sent", value: last.network_sent_bytes_per_second, unit: "bytes_per_second" },
        ]
      }
    />
  );
}

export function HostNow({ figures }: { figures: Figures<LiveNode> }) {
  const { last } = figures;
  const all: Shown[] = [
    { name: "Processors", value: last?.cpu_usage_ratio, unit: "ratio" },
    { name: "Load, 1 min", value: last?.load_1m, unit: "count" },
    { name: "Load, 5 min", value: last?.load_5m, unit: "count" },
    { name: "Load, 15 min", value: last?.load_15m, unit: "count" },
    { name: "Memory available", value: last?.memory_available_bytes, unit: "bytes" },
    { name: "Memory in all", value: last?.memory_total_bytes, unit: "bytes" },
  ];
  // Many providers tell next to nothing of their hosts.
  const shown = all.filter(({ value }) => value !== null && value !== undefined);
  return <Now figures={figures} shown={shown.length > 0 ? shown : undefined} />;
}

interface Props {
  figures: Figures<LiveVm | LiveNode>;
  shown: Shown[] | undefined;
}

function Now({ figures: { isLive, last, at }, shown }: Props) {
  return (
    <section className="now" aria-label="Now" data-live={isLive}>
      {shown && (
        <dl>
          {shown.map(({ name, value, unit }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{figure(value, unit)}</dd>
            </div>
          ))}
        </dl>
      )}
      <small>
        {!isLive ? (
          "The live stream is away: what is below is read from time to time."
        ) : last && at !== undefined ? (
          <Worth last={last} at={at} />
        ) : (
          "Not measured lately."
        )}
      </small>
    </section>
  );
}

function Worth({ last, at }: { last: LiveVm | LiveNode; at: number }) {
  // Renders anew as time goes; lengths of time are the same by every clock.
  useNow();
  const { quality, reason, age_seconds: age } = last;
  const old = age == null ? undefined : age + Math.max(0, Date.now() - at) / 1000;
  return (
    <>
      {quality !== "ok" && (
        <Tag outline colour="orange" title={reason ?? undefined}>
          {quality}
        </Tag>
      )}{" "}
      {quality !== "ok" && reason && `${reason}, `}
      {old === undefined
        ? "not measured"
        : `told live, the oldest of it measured ${duration(old)} ago`}
    </>
  );
}
