// An empty chart says why it is empty.
import { expect, test } from "vitest";
import type { Measured } from "../../api/types";
import { whyEmpty } from "./empty";

type Pass = Measured["passes"][number];

function measured(...passes: Partial<Pass>[]): Measured {
  return {
    of: { id: "0192", name: "web" },
    simulated: false,
    passes: passes.map((pass) => ({
      pass: "stats",
      by: { kind: "provider", name: "lab" },
      quality: "ok",
      figures: [],
      ...pass,
    })),
  };
}

const cpu = { metric: "hostler_vm_cpu_usage_ratio", value: 0.5, labels: {}, per_second: null };

test.each([
  ["nobody says what is measured", undefined, "nothing was measured in this time"],
  ["it is measured now", measured({ figures: [cpu] }), "nothing was measured in this time"],
  ["no pass measures it", measured(), "not measured by this provider"],
  ["the pass has other figures", measured({}), "not measured by this provider"],
  [
    "the pass has not answered",
    measured({ quality: "unavailable", reason: "it has not answered yet" }),
    "it has not answered yet",
  ],
])("%s", (_name, situation, reason) => {
  expect(whyEmpty(["hostler_vm_cpu_usage_ratio"], { measured: situation })).toBe(reason);
});

test("a VM at rest is the reason, where nothing else is", () => {
  const rest = "the VM is stopped";
  expect(whyEmpty(["hostler_vm_cpu_usage_ratio"], { measured: measured({}), rest })).toBe(rest);
  expect(whyEmpty(["hostler_vm_cpu_usage_ratio"], { measured: measured(), rest })).toBe(rest);
});

test("what only the guest agent knows says whether there is one", () => {
  const names = ["hostler_vm_guest_load"] as const;
  expect(whyEmpty(names, { measured: measured({}) })).toBe(
    "not measured by this provider: it asks no guest agent",
  );
  const silent = { pass: "guest", quality: "unavailable", reason: "no answer within 2 s" };
  expect(whyEmpty(names, { measured: measured({}, silent) })).toBe(
    "the guest agent is not connected: no answer within 2 s",
  );
});
