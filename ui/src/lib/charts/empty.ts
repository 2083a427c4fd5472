// Why a chart has nothing in it. An empty chart without a reason would look like
// a quiet machine.

import { metrics } from "../../api/generated/metrics";
import type { Measured } from "../../api/types";
import type { MetricName } from "./ask";

export interface Situation {
  /** What was measured last, where it is known. */
  measured?: Measured;
  /** Why nothing at all is measured now, for example because the VM is stopped. */
  rest?: string;
}

/** Why there is nothing of these metrics in the range. */
export function whyEmpty(names: readonly MetricName[], { measured, rest }: Situation): string {
  if (!measured) return "nothing was measured in this time";
  const has = (pass: Measured["passes"][number]) =>
    pass.figures.some(({ metric }) => names.some((name) => name === metric));
  // What there is a value of now is only not there in the time that is shown.
  if (measured.passes.some(has)) return "nothing was measured in this time";
  if (measured.passes.length === 0) return rest ?? "not measured by this provider";
  const isOfGuest = names.some((name) => name.startsWith("hostler_vm_guest_"));
  const pass = measured.passes.find(({ pass }) => pass === (isOfGuest ? "guest" : "stats"));
  if (isOfGuest && !pass) return "not measured by this provider: it asks no guest agent";
  if (rest) return rest;
  if (isOfGuest && pass && pass.quality !== "ok") {
    return `the guest agent is not connected${pass.reason ? `: ${pass.reason}` : ""}`;
  }
  if (pass && pass.quality === "unavailable") return pass.reason ?? "not measured yet";
  return "not measured by this provider";
}

/** What the catalogue says of a metric that the server told; it may be newer than this page. */
export function familyOf(metric: string): (typeof metrics)[MetricName] | undefined {
  return Object.hasOwn(metrics, metric) ? metrics[metric as MetricName] : undefined;
}
