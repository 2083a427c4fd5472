// Pages that have to be found first.
import type { Page } from "playwright-core";
import { expect } from "vitest";
import type { Page as ListPage } from "../src/api/types";
import type { Story } from "./browser";
import { fullPool } from "./fleet";

/** The page of an alert: rules are evaluated once a minute. */
export async function alertPath(story: Story): Promise<string> {
  let id: string | undefined;
  await expect
    .poll(
      async () => {
        // Those of VMs come and go with the fleet's life.
        const filter = encodeURIComponent("name=HostlerPoolAlmostFull");
        const path = `/api/v1/alerts?filter=${filter}`;
        id = (await story.api<ListPage<{ id: string }>>(path)).items[0]?.id;
        return id !== undefined;
      },
      { timeout: 180_000, interval: 1_000 },
    )
    .toBe(true);
  return `/alerts/${id}`;
}

/** The page of one of them. */
export async function pathOfOne(story: Story, name: string): Promise<string> {
  // Pools differ in what their pages show; this one's have most of it.
  if (name === "pools") return `/storage/${(await fullPool(story)).id}`;
  const list = await story.api<ListPage<{ id: string }>>(`/api/v1/${name}?limit=1`);
  return `/${name}/${list.items[0]?.id}`;
}

export function button(page: Page, name: string) {
  return page.getByRole("button", { name, exact: true });
}
