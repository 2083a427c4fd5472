// What a row says of those whom an agent asks.
import { expect, test } from "vitest";
import type { Agent } from "../../api/types";
import { rendered } from "../../testing/rendered";
import { Sources } from "./Sources";

type Source = Agent["sources"][number];

function source(name: string, failure?: string): Source {
  return { source: name, pass: "stats", age_seconds: 2, interval_seconds: 5, failure };
}

/** The tags of a row, in their order, with what stands on hover. */
async function tags(sources: Source[], state = "ok") {
  const { place } = await rendered(<Sources agent={{ state, sources }} />);
  return [...place.querySelectorAll<HTMLElement>(".tag")].map((tag) => [
    tag.textContent,
    tag.classList.contains("red"),
    tag.title,
  ]);
}

test("what fails comes first, and the others are counted: they may have no room", async () => {
  const sources = [source("hypervisor"), source("kernel"), source("docker", "no such socket")];
  expect(await tags(sources)).toEqual([
    ["docker fails", true, "no such socket"],
    ["+2", false, "hypervisor: ok, kernel: ok"],
  ]);
  expect(await tags([source("docker", "gone")])).toEqual([["docker fails", true, "gone"]]);
});

test("several that fail are counted, with why each does", async () => {
  const sources = [source("kernel"), source("docker", "gone"), source("podman", "refused")];
  expect(await tags(sources)).toEqual([["2 of 3 fail", true, "docker: gone; podman: refused"]]);
});

test("x17: of an agent that is not heard, none is told to fail or to be well", async () => {
  const told = await tags([source("kernel"), source("docker", "gone")], "unreachable");
  expect(told.map(([text, isRed]) => [text, isRed])).toEqual([
    ["kernel", false],
    ["docker", false],
  ]);
});

test("where all goes well each is named, and where nothing was told that is said", async () => {
  const told = await tags([source("kernel"), source("docker")]);
  expect(told.map(([text]) => text)).toEqual(["kernel", "docker"]);
  const { place } = await rendered(<Sources agent={{ state: "ok", sources: [] }} />);
  expect(place.textContent).toBe("—");
});
