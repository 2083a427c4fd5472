// The columns of a pool's volumes, all in view in a window of 1280 pixels.
import { Link } from "@tanstack/react-router";
import type { Volume } from "../../api/types";
import { bytes, UNKNOWN } from "../../lib/format";
import { paths } from "../../paths";
import type { Column } from "../../primitives/DataTable";

export const volumeColumns: readonly Column<Volume>[] = [
  {
    id: "name",
    header: "Name",
    width: 190,
    cell: ({ name }) => <span title={name}>{name}</span>,
  },
  {
    id: "used_by",
    header: "Used by",
    width: 130,
    cell: ({ used_by: vm }) =>
      vm ? (
        <Link {...paths.vm(vm.id)} title={vm.name}>
          {vm.name}
        </Link>
      ) : (
        "no known VM"
      ),
  },
  { id: "format", header: "Format", width: 75, cell: (volume) => volume.format ?? UNKNOWN },
  { id: "capacity", header: "Size", width: 85, cell: (volume) => bytes(volume.capacity_bytes) },
  { id: "allocated", header: "Takes", width: 85, cell: (volume) => bytes(volume.allocated_bytes) },
  {
    id: "backing",
    header: "Overlay of",
    width: 120,
    cell: ({ backing }) => <span title={backing ?? undefined}>{backing ?? "nothing"}</span>,
  },
  {
    id: "path",
    header: "Path",
    width: 195,
    cell: (volume) => (volume.path ? <code title={volume.path}>{volume.path}</code> : UNKNOWN),
  },
];
