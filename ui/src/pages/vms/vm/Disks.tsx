// The disks of a VM as they were seen, or as they were asked for where nothing
// was seen yet; which of the two it is, is said.
import { Content } from "@patternfly/react-core";
import type { DiskObserved, DiskSpec, Vm } from "../../../api/types";
import { pedigreeOf } from "../../../components/FactValue";
import { bytes, UNKNOWN, words } from "../../../lib/format";
import { type PlainColumn, PlainTable } from "../../../primitives/PlainTable";
import { AttachedDisks } from "./disks/AttachedDisks";

const SEEN: readonly PlainColumn<DiskObserved>[] = [
  { header: "Device", cell: (disk) => disk.target },
  { header: "Kind", cell: (disk) => disk.device },
  { header: "Bus", cell: (disk) => disk.bus ?? UNKNOWN },
  { header: "Size", cell: (disk) => bytes(disk.capacity_bytes) },
  { header: "Format", cell: (disk) => disk.format ?? UNKNOWN },
  { header: "Source", cell: (disk) => (disk.source ? <code>{disk.source}</code> : "empty") },
  { header: "Access", cell: (disk) => (disk.read_only ? "read-only" : "read and write") },
];

const ASKED: readonly PlainColumn<DiskSpec>[] = [
  { header: "Name", cell: (disk) => disk.name },
  { header: "Kind", cell: (disk) => disk.device ?? "disk" },
  { header: "Bus", cell: (disk) => disk.bus ?? "chosen by kind" },
  { header: "Source", cell: sourceOf },
];

export function Disks({ vm }: { vm: Vm }) {
  // Where they can be changed, its provider tells more of them.
  return vm.disk_limits ? <AttachedDisks key={vm.id} vm={vm} /> : <SeenDisks vm={vm} />;
}

function SeenDisks({ vm }: { vm: Vm }) {
  const fact = vm.observed?.disks;
  if (fact?.value) {
    return (
      <>
        <PlainTable
          label="Disks"
          columns={SEEN}
          rows={fact.value}
          rowId={(disk) => disk.target}
          empty="It has no disks."
        />
        <Content component="small">{pedigreeOf(fact)}</Content>
      </>
    );
  }
  return (
    <>
      <p className="absent">
        no data: {fact?.reason ?? "never seen"}
        {vm.spec && ". Asked for:"}
      </p>
      {vm.spec && (
        <PlainTable
          label="Disks asked for"
          columns={ASKED}
          rows={vm.spec.disks ?? []}
          rowId={(disk) => disk.name}
          empty="No disk was asked for."
        />
      )}
    </>
  );
}

function sourceOf({ source }: DiskSpec): string {
  if ("empty" in source) return `new, ${bytes(source.empty.size_bytes)}`;
  if ("image" in source) {
    const size = source.image.size_bytes ? `, ${bytes(source.image.size_bytes)}` : "";
    return `copy of image ${source.image.image}${size}`;
  }
  if ("volume" in source) return `volume ${source.volume.pool}/${source.volume.volume}`;
  return words(Object.keys(source)[0] ?? UNKNOWN);
}
