// What charts ask.
import { expect, test } from "vitest";
import { metrics } from "../../api/generated/metrics";
import { asking, overlapOf, quoted, select } from "./ask";
import { rankQuery, TOPS, TOTALS, topChart } from "./fleet";
import { hostCharts } from "./host";
import { vmCharts } from "./vm";

test("label text cannot end its quotes (A18)", () => {
  expect(quoted('a"b\\c\nd')).toBe('"a\\"b\\\\c\\nd"');
  expect(select("hostler_host_cpus", { host: 'x"} or vector(1) #' })).toBe(
    'hostler_host_cpus{host="x\\"} or vector(1) #"}',
  );
});

test("by fine steps a value is the last of a few passes, by coarse ones the mean of a step", () => {
  const fine = asking(10, 10);
  expect(fine.gauge("m")).toBe("last_over_time(m[30s])");
  expect(fine.rate("m")).toBe("irate(m[40s])");
  const coarse = asking(300, 10);
  expect(coarse.gauge("m")).toBe("avg_over_time(m[300s])");
  expect(coarse.rate("m")).toBe("rate(m[300s])");
});

test("where passes are seldom, windows are long enough to hold two of them", () => {
  const slow = asking(10, 120);
  expect(slow.gauge("m")).toBe("last_over_time(m[360s])");
  expect(slow.rate("m")).toBe("irate(m[480s])");
  expect(overlapOf(10, 120)).toBeGreaterThanOrEqual(48);
});

test("no chart asks by a plain selector, which would go on for five minutes after the end (D4)", () => {
  const how = asking(10, 10);
  const specs = [
    ...vmCharts("0192"),
    ...hostCharts("alpha", "lab"),
    ...TOTALS,
    ...TOPS.map((top) => topChart(top, ["0192", "0193"])),
  ];
  for (const spec of specs) {
    for (const { expression } of spec.queries) {
      const text = expression(how);
      const bare = text.replace(/(?:irate|last_over_time)\([^[]*\[\d+s\]\)/g, "");
      expect(bare, text).not.toContain("hostler_");
    }
  }
});

test("what a chart is made of is what it asks for", () => {
  const how = asking(10, 10);
  for (const spec of [...vmCharts("0192"), ...hostCharts("alpha", "lab"), ...TOTALS]) {
    const asked = spec.queries.map(({ expression }) => expression(how)).join(" ");
    for (const name of spec.of) expect(asked, spec.id).toContain(name);
    // Only counters have rates.
    for (const [, name] of asked.matchAll(/irate\((\w+)/g)) {
      expect(metrics[name as keyof typeof metrics].kind, name).toBe("counter");
    }
    for (const [, name] of asked.matchAll(/last_over_time\((\w+)/g)) {
      expect(metrics[name as keyof typeof metrics].kind, name).toBe("gauge");
    }
  }
});

test("VMs are compared over the time shown, and never over more than can be read", () => {
  const cpu = TOPS[0];
  if (!cpu) throw new Error("there is no way to compare VMs");
  expect(rankQuery(cpu, 5, 900)).toBe(
    "topk(5, sum by (vm, vm_id, simulated) (rate(hostler_vm_cpu_seconds_total[900s])))",
  );
  expect(rankQuery(cpu, 5, 2_592_000)).toContain("[900s]");
  expect(rankQuery(cpu, 5, 1)).toContain("[60s]");
  expect(rankQuery(cpu, 5, 900, { host: "a", provider: "b" })).toContain(
    '{host="a",provider="b"}[900s]',
  );
});
