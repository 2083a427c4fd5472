// The read-only view of a specification.
import { expect, test } from "vitest";
import { yaml } from "./yaml";

test("nested lists and maps keep their shape", () => {
  const spec = {
    name: "web-1",
    labels: {},
    cpu: { count: 2, topology: null },
    disks: [{ name: "root", source: { image: { image: "debian-13" } } }, { name: "data" }],
    boot: [],
    tags: ["a", ["b", "c"]],
  };
  expect(yaml(spec)).toBe(`name: web-1
labels: {}
cpu:
  count: 2
  topology: null
disks:
  - name: root
    source:
      image:
        image: debian-13
  - name: data
boot: []
tags:
  - a
  - - b
    - c
`);
});

test.each(["yes", "12", "", "a: b", "# no", "trailing ", "null", "-x", "ü"])(
  "%j is quoted, because it would be read as something else",
  (text) => expect(yaml(text)).toBe(`${JSON.stringify(text)}\n`),
);

test("text of several lines is shown as lines", () => {
  expect(yaml({ user_data: "#cloud-config\nusers: []\n" })).toBe(
    "user_data: |\n  #cloud-config\n  users: []\n",
  );
  expect(yaml({ a: " x\ny" })).toBe('a: " x\\ny"\n');
});
