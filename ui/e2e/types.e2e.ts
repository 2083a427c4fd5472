// Instance types: a VM is made of one, and says so; what a cluster offers is on its page.
import { expect, test } from "vitest";
import type { Cluster, InstanceType, Page as ListPage, Vm, VmSummary } from "../src/api/types";
import { stories } from "./browser";

const story = stories();

test("e8: a VM is made of an instance type, without a size of its own, and says which", async () => {
  const { page } = story;
  const { items } = await story.api<ListPage<InstanceType>>(
    "/api/v1/instance-types?filter=name=u1.small",
  );
  const [type] = items;
  if (!type) throw new Error("the demo offers no u1.small");
  const name = `typed-${Date.now()}`;
  await story.open("/vms/new");
  await page.getByRole("textbox", { name: /^Name\W*$/ }).fill(name);
  await page.getByRole("radio", { name: "No disk" }).check();
  await page.getByRole("combobox", { name: "Instance type" }).selectOption(type.id);
  expect(await page.getByRole("textbox", { name: /^Processors/ }).count()).toBe(0);
  await page.getByRole("button", { name: "Review" }).click();
  await page.getByText(/of instance type "u1.small"/).waitFor();
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.locator(".vm-head").getByText("running", { exact: true }).waitFor();
  const { items: vms } = await story.api<ListPage<VmSummary>>(`/api/v1/vms?filter=name=${name}`);
  const vm = await story.api<Vm>(`/api/v1/vms/${vms[0]?.id}`);
  expect(vm.observed?.instance_type).toEqual({ name: "u1.small", namespace: null });
  expect(vm.cpu_count).toBe(type.cpu_count.value);
});

test("e8: a cluster's page lists what it offers", async () => {
  const { page } = story;
  const { items } = await story.api<ListPage<Cluster>>("/api/v1/clusters");
  await story.open(`/clusters/${items[0]?.id}?tab=types`);
  const types = page.getByRole("table", { name: "Instance types" });
  await types.getByRole("row").filter({ hasText: "u1.small" }).getByText("2 GiB").waitFor();
  await page.getByRole("table", { name: "Preferences" }).getByText("windows.11").waitFor();
});
