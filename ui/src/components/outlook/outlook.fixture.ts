// For tests: an outlook that has some of everything, as the server would tell it.
import type { Outlook, OutlookMissing, OutlookResource } from "../../api/types";

export const NOW = "2026-11-22T01:00:00Z";
const GIB = 2 ** 30;
const HOUR = 3_600_000;

function after(hours: number): string {
  return new Date(Date.parse(NOW) + hours * HOUR).toISOString();
}

export function lacking(of: string, more: Partial<OutlookMissing> = {}): OutlookMissing {
  return {
    of,
    why: "not_enough_data",
    have: 12,
    need: 30,
    unit: "values",
    reason: "not enough data: 12 values, and 30 are needed",
    ...more,
  };
}

export function resourceOf(more: Partial<OutlookResource>): OutlookResource {
  return {
    resource: "cpu",
    unit: "ratio",
    query: 'max(avg_over_time(hostler_vm_cpu_usage_ratio{vm_id="1"}[3600s]))',
    recent: 0.62,
    limit: null,
    history: {
      values: 1006,
      since: after(-1008),
      until: after(0),
      step_seconds: 3600,
      resolution_seconds: 3600,
    },
    trend: null,
    time_to_full: null,
    forecast: null,
    anomalies: [],
    missing: [],
    ...more,
  };
}

const steps = Array.from({ length: 84 }, (_, index): [number, number, number, number] => {
  const hours = (index + 1) * 2;
  const value = 0.4 + 0.25 * Math.sin((hours / 24) * 2 * Math.PI);
  return [Date.parse(NOW) + hours * HOUR, value, Math.max(0, value - 0.08), value + 0.1];
});

const processors = resourceOf({
  trend: {
    per_day: 0.004,
    per_day_low: -0.002,
    per_day_high: 0.01,
    spread: 0.05,
    looked_back_seconds: 604_800,
  },
  forecast: {
    model: "day",
    at: after(168),
    value: 0.4,
    low: 0.32,
    high: 0.5,
    steps,
    back_test: {
      trials: 24,
      mean_error: 0.041,
      mean_share: 0.11,
      held: 0.92,
      held_wanted: 0.9,
      naive_error: 0.12,
    },
  },
  anomalies: [
    {
      kind: "hour_of_day",
      seen: 0.62,
      expected_low: 0.21,
      expected_high: 0.34,
      since: after(-0.5),
      distance: 6.31,
      reason:
        "0.6200 where 0.2100 to 0.3400 is usual at this hour: 6.3 times the usual distance, for " +
        "6 values in a row",
    },
  ],
});

const back_test = { trials: 18, ahead_seconds: 604_800, mean_error: GIB, naive_error: 4 * GIB };
const file = {
  resource: "filesystem",
  unit: "bytes",
  limit: 40 * GIB,
  trend: {
    per_day: 1.4 * GIB,
    per_day_low: 1.1 * GIB,
    per_day_high: 1.9 * GIB,
    spread: 0.2 * GIB,
    looked_back_seconds: 604_800,
  },
  missing: [
    lacking("forecast", {
      why: "no_model",
      have: 3 * GIB,
      need: 2 * GIB,
      unit: null,
      reason: "not enough data: on the past the best forecast was off by 3221225472.0000",
    }),
  ],
} satisfies Partial<OutlookResource>;

const root = resourceOf({
  ...file,
  labels: { filesystem: "ext4", mountpoint: "/" },
  recent: 33 * GIB,
  time_to_full: {
    state: "filling",
    earliest: after(90),
    likely: after(120),
    latest: after(157),
    back_test,
  },
});

const variable = resourceOf({
  ...file,
  labels: { filesystem: "xfs", mountpoint: "/var" },
  recent: 30.5 * GIB,
  time_to_full: {
    state: "filling",
    earliest: after(130),
    likely: after(163),
    latest: null,
    back_test: null,
  },
  missing: [
    ...file.missing,
    lacking("back_test", { have: 950_400, need: 1_814_400, unit: "seconds" }),
  ],
});

const data = resourceOf({
  ...file,
  labels: { filesystem: "xfs", mountpoint: "/srv" },
  recent: 40 * GIB,
  time_to_full: { state: "full", earliest: null, likely: null, latest: null, back_test: null },
});

const LOOKS = ["trend", "forecast", "anomalies.hour_of_day", "anomalies.level"];
const reads = resourceOf({
  resource: "disk_read",
  unit: "bytes_per_second",
  recent: 4_211,
  history: { values: 12, since: after(-12), until: after(0), step_seconds: 3600 },
  missing: LOOKS.map((of) => lacking(of)),
});
const memory = resourceOf({
  resource: "memory",
  unit: "bytes",
  recent: null,
  missing: ["trend", "time_to_full", "forecast", "anomalies.level"].map((of) => ({
    of,
    why: "not_measured",
    reason: "the history has nothing of it: the guest's balloon driver tells it",
  })),
});

export const example: Outlook = {
  of: { id: "1", name: "web-01" },
  simulated: false,
  computed_at: NOW,
  horizon_seconds: 604_800,
  left_out: 2,
  resources: [processors, memory, root, variable, data, reads],
  sizing: [
    {
      of: "cpu_count",
      has: 8,
      verdict: "change",
      suggested: 3,
      reason:
        "99 % of the time it uses no more than 22 % of its 8 vCPUs, and it waits for the host no " +
        "more than 1.0 %",
      figures: [
        {
          name: "cpu_usage",
          unit: "ratio",
          p95: 0.18,
          p99: 0.22,
          values: 6000,
          step_seconds: 300,
          looked_back_seconds: 1_814_400,
        },
      ],
      missing: null,
    },
    {
      of: "memory_bytes",
      has: 4 * GIB,
      verdict: "unknown",
      suggested: null,
      reason: null,
      figures: [],
      missing: lacking("sizing", { have: 172_800, need: 604_800, unit: "seconds" }),
    },
  ],
};

const unread = (of: string) => {
  const reason = "the query reads more than 50000000 samples";
  return lacking(of, { why: "not_read", have: null, need: null, unit: null, reason });
};

/** Of a history too large to be read. */
export const unreadable: Outlook = {
  ...example,
  resources: [
    resourceOf({
      recent: null,
      history: { values: 0, step_seconds: 3600 },
      missing: LOOKS.map(unread),
    }),
  ],
  sizing: [{ of: "cpu_count", has: 8, verdict: "unknown", figures: [], missing: unread("sizing") }],
};

/** The first hour: what is in use now, and nothing else. */
export const young: Outlook = {
  ...example,
  left_out: 0,
  resources: [
    resourceOf({
      history: { values: 0, step_seconds: 3600, resolution_seconds: 3600 },
      missing: LOOKS.map((of) => lacking(of, { have: 0 })),
    }),
  ],
  sizing: [],
};
