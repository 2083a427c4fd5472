// A table is as wide as its columns and what else stands in a row.
import { expect, test } from "vitest";
import { rendered } from "../testing/rendered";
import { type Column, DataTable, WORD_WIDTH } from "./DataTable";

const columns: readonly Column<string>[] = [
  { id: "name", header: "Name", width: 100, cell: (row) => row },
  { id: "size", header: "Size", width: 60, cell: () => "1 GiB" },
];

/** What the browser is told of the widths: happy-dom lays nothing out. */
async function widths(menu: { rowMenu?: () => string; menuWidth?: number }) {
  const { place } = await rendered(
    <DataTable label="Names" columns={columns} rows={["a"]} rowId={(row) => row} {...menu} />,
  );
  const style = place.querySelector<HTMLElement>("[role=table]")?.style;
  return [style?.minWidth, style?.getPropertyValue("--columns")];
}

const NAMED = "minmax(100px, 100fr) minmax(60px, 60fr)";

test("a row's menu has the room of its dots, or of its word", async () => {
  expect(await widths({})).toEqual(["160px", NAMED]);
  const rowMenu = () => "Delete";
  expect(await widths({ rowMenu })).toEqual(["212px", `${NAMED} 52px`]);
  const worded = await widths({ rowMenu, menuWidth: WORD_WIDTH });
  expect(worded).toEqual(["240px", `${NAMED} 80px`]);
});

test("where there is no menu there is no room for one", async () => {
  expect(await widths({ menuWidth: WORD_WIDTH })).toEqual(["160px", NAMED]);
});
