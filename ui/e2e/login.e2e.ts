// Logging in by link, and what somebody sees who is not logged in.
import { expect, inject, test } from "vitest";
import { stories } from "./browser";

const story = stories({ loggedIn: false });

test("after the login the code is gone from the address bar", () => {
  const landed = new URL(inject("landed"));
  expect(landed.pathname).toBe("/vms");
  expect(landed.hash).toBe("");
});

test("a link works once, and its second use says so", async () => {
  story.expectStatus(401);
  await story.open(inject("login"));
  const alert = story.page.locator("[data-code=credentials_invalid]");
  await alert.waitFor();
  await story.page.getByText("hostlerd admin-link").first().waitFor();
  expect(new URL(story.page.url()).hash).toBe("");
});

test("who is not logged in is told how to get in, on every page", async () => {
  story.expectStatus(401);
  for (const path of ["/", "/vms?state=running", "/operations"]) {
    await story.open(path);
    await story.page.getByRole("heading", { name: "Log in to Hostler" }).waitFor();
    expect(await story.page.getByLabel("Command").inputValue()).toBe("hostlerd admin-link");
  }
});
