// The demo's cluster: how it is, what it can, what it lacks of what is asked for; and a
// kubeconfig that cannot be used.
import { expect, test } from "vitest";
import type { Cluster, Page as ListPage, VmSummary } from "../src/api/types";
import { stories } from "./browser";

const story = stories();

async function edge(): Promise<Cluster> {
  const filter = encodeURIComponent("name=edge");
  const { items } = await story.api<ListPage<Cluster>>(`/api/v1/clusters?filter=${filter}`);
  if (!items[0]) throw new Error("the demo has no cluster edge");
  return items[0];
}

test("e13: g c goes to the clusters; the simulated one is healthy, and marked", async () => {
  const { page } = story;
  const { id } = await edge();
  await story.open("/vms");
  await page.locator("[data-row]").first().waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("c");
  await page.getByRole("heading", { name: "Clusters", level: 1 }).waitFor();
  const row = page.locator(`[data-id="${id}"]`);
  for (const said of ["healthy", "1.7.0"]) await row.getByText(said, { exact: true }).waitFor();
  await row.getByRole("img", { name: "simulated" }).waitFor();
  await row.getByRole("link", { name: "edge", exact: true }).click();
  await page.getByRole("heading", { name: "edge", level: 1 }).waitFor();
  const lags = page.getByRole("table", { name: "How far behind" });
  await lags.getByText("virtualmachines", { exact: true }).waitFor();
  const classes = page.getByRole("table", { name: "Storage classes" });
  await classes.getByText("fast", { exact: true }).waitFor();
});

test("e14: features are on, off and unknown, and are narrowed in the URL", async () => {
  const { page } = story;
  const { id } = await edge();
  await story.open(`/clusters/${id}?tab=features`);
  const features = page.getByRole("table", { name: "Features" });
  const rowOf = (name: string) => features.getByRole("row").filter({ hasText: name });
  await rowOf("GPU").getByText("on", { exact: true }).waitFor();
  await rowOf("Sidecar").getByText("turn its feature gate on").waitFor();
  await rowOf("VideoConfig").getByText("unknown", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "State: all" }).click();
  await page.getByRole("option", { name: "off", exact: true }).click();
  await page.waitForURL(/state=off/);
  await rowOf("GPU").waitFor({ state: "detached" });
  expect(await features.getByRole("row").count()).toBe(2);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await rowOf("GPU").waitFor();
});

test("e16: what a template would need and the cluster lacks is named, with the remedy", async () => {
  const { page } = story;
  const { id } = await edge();
  await story.open(`/clusters/${id}?tab=features`);
  await page.getByRole("textbox", { name: "Features", exact: true }).fill("GPU, Sidecar");
  await page.getByRole("textbox", { name: "Hardware", exact: true }).fill("hugepages-1Gi");
  await page.getByRole("button", { name: "Compare" }).click();
  const lacks = page.getByRole("table", { name: "What it lacks" });
  await lacks.getByText("feature Sidecar").waitFor();
  await lacks.getByText("hardware hugepages-1Gi").waitFor();
  expect(await lacks.getByRole("row").count()).toBe(3);
  expect(page.url()).toContain("hardware=hugepages-1Gi");
});

test("a kubeconfig that cannot be used says why, and is in no address", async () => {
  const { page } = story;
  story.expectStatus(400);
  await story.open("/clusters");
  await page.getByRole("button", { name: "Add cluster" }).click();
  const dialog = page.getByRole("dialog", { name: "Add cluster" });
  await dialog.getByRole("textbox", { name: /^Name\W*$/ }).fill("e2e-never");
  await dialog.getByRole("textbox", { name: "Kubeconfig" }).fill("no kubeconfig: hunter2");
  expect(await dialog.getByRole("button", { name: "Add", exact: true }).isDisabled()).toBe(true);
  await dialog.getByRole("button", { name: "Test" }).click();
  await dialog.locator("[data-code=spec_invalid]").waitFor();
  expect(page.url()).not.toContain("hunter2");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Add cluster" }).click();
  expect(await dialog.getByRole("textbox", { name: "Kubeconfig" }).inputValue()).toBe("");
});

test("a VM of a cluster leads to it", async () => {
  const { page } = story;
  const filter = encodeURIComponent("provider=edge");
  const { items } = await story.api<ListPage<VmSummary>>(`/api/v1/vms?limit=1&filter=${filter}`);
  await story.open(`/vms/${items[0]?.id}`);
  await page.getByRole("link", { name: "edge", exact: true }).click();
  await page.getByRole("heading", { name: "edge", level: 1 }).waitFor();
});
