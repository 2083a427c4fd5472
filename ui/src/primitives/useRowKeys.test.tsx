// `j` and `k` walk all rows of a table, whatever stands in them.
import { act } from "react";
import { expect, test } from "vitest";
import { rendered } from "../testing/rendered";
import { type Column, DataTable } from "./DataTable";

interface Series {
  name: string;
  of?: string;
}

const columns: readonly Column<Series>[] = [
  { id: "name", header: "Name", width: 100, cell: ({ name }) => name },
  { id: "of", header: "Of", width: 100, cell: ({ of }) => of && <a href={`/vms/${of}`}>{of}</a> },
];

/** A table, and what has the focus after a key: an element's name and the row that it is in. */
async function table(rows: readonly Series[]) {
  await rendered(
    <DataTable keyboard label="Series" columns={columns} rows={rows} rowId={({ name }) => name} />,
  );
  return async (key: string) => {
    await act(async () => {
      const target = document.activeElement ?? document.body;
      target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    });
    const focused = document.activeElement;
    return [focused?.localName, focused?.closest<HTMLElement>("[data-row]")?.dataset.row];
  };
}

test("rows without a link are walked like those with one", async () => {
  const [first, last] = [
    { name: "a", of: "web" },
    { name: "d", of: "db" },
  ];
  const press = await table([first, { name: "b" }, { name: "c" }, last]);
  expect(await press("j")).toEqual(["a", "a"]);
  expect(await press("j")).toEqual(["div", "b"]);
  expect(await press("j")).toEqual(["div", "c"]);
  expect(await press("j")).toEqual(["a", "d"]);
  expect(await press("k")).toEqual(["div", "c"]);
});

test("a table without any link is walked from its first row to its last", async () => {
  const press = await table([{ name: "a" }, { name: "b" }]);
  expect(await press("j")).toEqual(["div", "a"]);
  expect(await press("j")).toEqual(["div", "b"]);
  expect(await press("j")).toEqual(["div", "b"]);
});
