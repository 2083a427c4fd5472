// What tells rows of VMs apart.
import { expect, test } from "vitest";
import type { VmSummary } from "../../api/types";
import { rendered } from "../../testing/rendered";
import { vmColumns } from "./columns";

test("two VMs of one name in two namespaces of a cluster are two rows", async () => {
  const provider = { id: "c", name: "eu" };
  const told: (string | null)[] = [];
  for (const part of [{ namespace: "shop" }, { namespace: "bank" }, { namespace: null }, {}]) {
    const vm = { name: "web", provider, ...part } as unknown as VmSummary;
    const column = vmColumns.find(({ id }) => id === "provider");
    told.push((await rendered(column?.cell(vm))).place.textContent);
  }
  expect(told).toEqual(["eu / shop", "eu / bank", "eu", "eu"]);
});
