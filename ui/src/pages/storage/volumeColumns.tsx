// The columns of a pool's volumes.
import { Link } from "@tanstack/react-router";
import type { Volume } from "../../api/types";
import { bytes, UNKNOWN } from "../../lib/format";
import { paths } from "../../paths";
import type { Column } from "../../primitives/DataTable";

export const volumeColumns: readonly Column<Volume>[] = [
  { id: "name", header: "Name", width: 240, cell: (volume) => volume.name },
  {
    id: "used_by",
    header: "Used by",
    width: 160,
    cell: (volume) =>
      volume.used_by ? (
        <Link {...paths.vm(volume.used_by.id)}>{volume.used_by.name}</Link>
      ) : (
        "no known VM"
      ),
  },
  { id: "format", header: "Format", width: 90, cell: (volume) => volume.format ?? UNKNOWN },
  { id: "capacity", header: "Size", width: 100, cell: (volume) => bytes(volume.capacity_bytes) },
  { id: "allocated", header: "Takes", width: 100, cell: (volume) => bytes(volume.allocated_bytes) },
  {
    id: "backing",
    header: "Overlay of",
    width: 160,
    cell: (volume) => volume.backing ?? "nothing",
  },
  {
    id: "path",
    header: "Path",
    width: 260,
    cell: (volume) => (volume.path ? <code title={volume.path}>{volume.path}</code> : UNKNOWN),
  },
];
