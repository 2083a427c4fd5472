// Templates: looked at, previewed, deployed, turned from state to state, and compared with a cluster.
import { expect, test } from "vitest";
import type { Cluster, Page as ListPage, Template, Vm, VmSummary } from "../src/api/types";
import { stories } from "./browser";

const story = stories();

async function named(name: string): Promise<Template> {
  const path = `/api/v1/templates?filter=name=${name}`;
  const { items } = await story.api<ListPage<Template>>(path);
  const [template] = items;
  if (!template) throw new Error(`there is no template ${name}`);
  return template;
}

test("c19: several VMs are previewed, made, and name their template", async () => {
  const { page } = story;
  const stamp = Date.now();
  await story.open("/templates");
  await page.getByRole("link", { name: "web-server" }).click();
  await page.getByRole("heading", { name: "Version 2" }).waitFor();
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: /^Deploy version 2/ });
  await dialog.getByRole("textbox", { name: /^Name\W*$/ }).fill(`t${stamp}-{n}`);
  await dialog.getByRole("textbox", { name: /^How many/ }).fill("2");
  await dialog.getByRole("textbox", { name: /^domain/ }).fill("example.org");
  await dialog.getByLabel(/^password/).fill("hunter2-hunter2");
  await dialog.getByRole("button", { name: "Preview" }).click();
  const text = dialog.getByRole("region", { name: "Previewed user-data" });
  await text.getByText(`fqdn: t${stamp}-1.example.org`).waitFor();
  expect(await text.textContent()).not.toContain("hunter2");
  await dialog.getByRole("button", { name: "Deploy", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  const path = `/api/v1/vms?filter=name=t${stamp}-*`;
  const states = async () =>
    (await story.api<ListPage<VmSummary>>(path)).items.map(({ status }) => status.state);
  await expect.poll(states, { timeout: 30_000 }).toEqual(["running", "running"]);
  const { items } = await story.api<ListPage<VmSummary>>(path);
  story.later(async () => {
    for (const { id } of items) {
      await story.change("DELETE", `/api/v1/vms/${id}?disks=true&force=true`);
    }
  });
  const vm = await story.api<Vm>(`/api/v1/vms/${items[0]?.id}`);
  expect(vm.template?.version).toBe(2);
  await story.open(`/vms/${vm.id}`);
  await page.getByRole("link", { name: "web-server, version 2" }).waitFor();
});

test("c19: a draft is made of a version, activated and archived", async () => {
  const { page } = story;
  const name = `t${Date.now()}`;
  const version = { spec: { memory: { bytes: 1 << 28 } } };
  const made = await story.change<Template>("POST", "/api/v1/templates", { name, version });
  story.later(async () => {
    await story.change("DELETE", `/api/v1/templates/${made.id}`);
  });
  await story.open(`/templates/${made.id}`);
  for (const [verb, state] of [
    ["Activate", "active"],
    ["Deprecate", "deprecated"],
    ["Archive", "archived"],
  ] as const) {
    await page.getByRole("button", { name: verb, exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: verb, exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    const row = page.getByRole("table", { name: "Versions" }).getByRole("row");
    await row.filter({ hasText: "Version 1" }).getByText(state, { exact: true }).waitFor();
  }
  await page.getByRole("button", { name: "New draft of it" }).click();
  await page.getByRole("heading", { name: "Version 2" }).waitFor();
});

test("e16: a cluster says what it lacks of a template, and which upgrade helps", async () => {
  const { page } = story;
  const { items } = await story.api<ListPage<Cluster>>("/api/v1/clusters");
  const worker = await named("gpu-worker");
  await story.open(`/clusters/${items[0]?.id}?tab=features`);
  const choice = page.getByRole("combobox", { name: "Template" });
  await choice.selectOption(`${worker.id}@1`);
  await page.getByRole("button", { name: "Compare" }).click();
  const lacks = page.getByRole("table", { name: "What it lacks" });
  await lacks.getByText("feature Sidecar").waitFor();
  await page.getByText("An upgrade to 1.8 would turn on Sidecar.").waitFor();
});
