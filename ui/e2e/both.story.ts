// VMs of a real libvirt host and of a cluster in one table, each with what can be done with it and
// why not. The server is that of `xtask/src/both.rs`: `onhost` at `local`, one machine at `edge`.
//
//   HOSTLER_PICTURES  a folder for pictures of what was seen; none are made without it
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Page as ListPage, VmSummary } from "../src/api/types";
import { stories } from "./browser";

const story = stories();
const table = () => story.page.getByRole("table", { name: "Virtual machines" });
const row = (name: string) => table().getByRole("row").filter({ hasText: name });

async function picture(name: string): Promise<void> {
  const folder = process.env.HOSTLER_PICTURES;
  if (folder) await story.page.screenshot({ path: join(folder, `${name}.png`) });
}

/** The VMs that run: one of each place. */
async function both(): Promise<{ host: VmSummary; cluster: VmSummary }> {
  const { items } = await story.api<ListPage<VmSummary>>("/api/v1/vms");
  const of = (provider: string) => items.find((vm) => vm.provider?.name === provider);
  const [host, cluster] = [of("local"), of("edge")];
  if (!host || !cluster) throw new Error(`one of each is wanted: ${JSON.stringify(items)}`);
  return { host, cluster };
}

test("e8: a host's VM and a cluster's stand in one table, each with its place", async () => {
  const { host, cluster } = await both();
  await story.open("/vms");
  await row(host.name).waitFor();
  expect(await table().locator("[data-row]").count()).toBe(2);
  await row(host.name).getByText("local", { exact: true }).waitFor();
  await row(cluster.name).getByText(`edge / ${cluster.namespace}`, { exact: true }).waitFor();
  for (const { name } of [host, cluster]) {
    await row(name).locator(".state").getByText("running").first().waitFor();
  }
  await picture("both");
  // The provider narrows the one table to either.
  for (const [only, other] of [
    [host, cluster],
    [cluster, host],
  ] as const) {
    await story.open(`/vms?search=${only.name}`);
    await row(only.name).waitFor();
    expect(await row(other.name).count()).toBe(0);
  }
});

test("e8: what one of them cannot do is disabled, and says why", async () => {
  const { host, cluster } = await both();
  const { page } = story;
  await story.open("/vms");
  for (const [vm, cannot, can] of [
    [cluster, "save", "migrate"],
    [host, "migrate", "save"],
  ] as const) {
    const why = vm.actions[cannot]?.reason;
    expect(why, `${vm.name} cannot ${cannot}`).toBeTruthy();
    await row(vm.name)
      .getByRole("button", { name: `Actions of ${vm.name}` })
      .click();
    const text = { save: "Save and stop", migrate: "Migrate" };
    const item = (action: "save" | "migrate") =>
      page.getByRole("menuitem", { name: new RegExp(`^${text[action]}`) });
    await item(cannot).waitFor();
    await item(cannot).scrollIntoViewIfNeeded();
    expect(await item(cannot).getAttribute("aria-disabled")).toBe("true");
    expect(await item(cannot).innerText()).toContain(why);
    expect(await item(can).getAttribute("aria-disabled")).not.toBe("true");
    await picture(`both-${vm.provider?.name}`);
    await page.keyboard.press("Escape");
  }
});
