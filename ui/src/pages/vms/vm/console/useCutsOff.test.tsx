// Which serial lines are not opened unasked.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Vm } from "../../../../api/types";
import { pass, shown } from "../../../../testing/page";
import { server } from "../../../../testing/server";
import { useCutsOff } from "./useCutsOff";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function Told({ vm }: { vm: Vm }) {
  return String(useCutsOff(vm));
}

async function told(kind: string, namespace: string | null, permissions = ["infra.read"]) {
  server(() => ({ body: { items: [{ id: "p", name: "eu", kind }], stale: false } }));
  const vm = { provider: { id: "p", name: "eu" }, namespace } as Partial<Vm> as Vm;
  const { place } = await shown(<Told vm={vm} />, permissions);
  const first = place.textContent;
  await pass();
  return [first, place.textContent];
}

test("those of a KubeVirt cluster, and nothing is done before that is known", async () => {
  expect(await told("kubevirt", "shop")).toEqual(["undefined", "true"]);
  expect(await told("libvirt", null)).toEqual(["undefined", "false"]);
  // A simulator has namespaces, too, and nobody beside Hostler.
  expect(await told("sim", "shop")).toEqual(["undefined", "false"]);
});

test("who may not see providers goes by the namespace, which only clusters have", async () => {
  expect(await told("kubevirt", "shop", [])).toEqual(["true", "true"]);
  expect(await told("libvirt", null, [])).toEqual(["false", "false"]);
});
