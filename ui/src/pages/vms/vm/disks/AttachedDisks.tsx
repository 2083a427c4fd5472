// The disks of a VM as its provider tells them now, whoever made them: how far each is, whether its
// volume is the VM's own, and whether it can be taken off.
import { Button, Skeleton } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { disksQuery } from "../../../../api/disks";
import type { Vm, VmDisk } from "../../../../api/types";
import { ProblemAlert } from "../../../../components/ProblemAlert";
import { ReasonButton } from "../../../../components/ReasonButton";
import { useMissing } from "../../../../components/useMay";
import { bytes, UNKNOWN, words } from "../../../../lib/format";
import { isLive } from "../../../../lib/snapshots";
import { type PlainColumn, PlainTable } from "../../../../primitives/PlainTable";
import { refusal } from "../../actions";
import { AttachDialog } from "./AttachDialog";
import { DetachDialog } from "./DetachDialog";
import { GrowDialog } from "./GrowDialog";

const COLUMNS: readonly PlainColumn<VmDisk>[] = [
  { header: "Name", cell: ({ name }) => name },
  {
    header: "State",
    cell: ({ state, message }) => (
      <>
        {words(state)}
        {message && <small> {message}</small>}
      </>
    ),
  },
  { header: "Kind", cell: ({ device }) => device ?? UNKNOWN },
  { header: "Bus", cell: ({ bus }) => bus ?? UNKNOWN },
  { header: "Size", cell: (disk) => bytes(disk.capacity_bytes) },
  { header: "Volume", cell: placeOf },
  {
    header: "Access",
    cell: ({ read_only: only }) => (only == null ? UNKNOWN : only ? "read-only" : "read and write"),
  },
  { header: "Asked for", cell: ({ asked }) => (asked ? "yes" : "no: made elsewhere") },
];

function placeOf({ pool, volume, source, own_volume: own }: VmDisk) {
  const at = volume ? `${pool}/${volume}` : source;
  return at ? (
    <>
      <code>{at}</code>
      {own && <small> made for it</small>}
    </>
  ) : (
    "empty"
  );
}

/** What somebody is about to do. */
type Asked = { what: "attach" } | { what: "detach" | "grow"; disk: VmDisk };

export function AttachedDisks({ vm }: { vm: Vm }) {
  const [asked, setAsked] = useState<Asked>();
  const missing = useMissing("vm.update");
  const { data, error, isPending, isFetching, refetch } = useQuery(disksQuery(vm.id));
  const close = () => setAsked(undefined);
  return (
    <>
      <div className="list-head">
        <h2>Disks</h2>
        <div className="spring" />
        <Button variant="link" isDisabled={isFetching} onClick={() => void refetch()}>
          Look again
        </Button>
        <ReasonButton
          variant="secondary"
          size="sm"
          reason={missing ?? refusal(vm, "attach_disk") ?? tooMany(vm, data) ?? wrongState(vm)}
          onClick={() => setAsked({ what: "attach" })}
        >
          Attach disk
        </ReasonButton>
      </div>
      {isPending && <Skeleton height="8rem" screenreaderText="Reading disks" />}
      {error && <ProblemAlert error={error} doing="Cannot read disks" />}
      {data && (
        <PlainTable
          label="Disks"
          rows={data}
          rowId={({ reference, name }) => reference ?? name}
          empty="It has no disks."
          columns={[
            ...COLUMNS,
            {
              header: "What can be done",
              cell: (disk) => (
                <>
                  <ReasonButton
                    variant="link"
                    size="sm"
                    aria-label={`Grow ${disk.name}`}
                    reason={missing ?? refusal(vm, "grow_disk") ?? growthOf(vm, disk)}
                    onClick={() => setAsked({ what: "grow", disk })}
                  >
                    Grow
                  </ReasonButton>
                  <ReasonButton
                    variant="link"
                    size="sm"
                    isDanger
                    aria-label={`Detach ${disk.name}`}
                    reason={
                      missing ??
                      (disk.detach.allowed ? undefined : (disk.detach.reason ?? "Not now"))
                    }
                    onClick={() => setAsked({ what: "detach", disk })}
                  >
                    Detach
                  </ReasonButton>
                </>
              ),
            },
          ]}
        />
      )}
      {asked?.what === "attach" && <AttachDialog vm={vm} others={data ?? []} onClose={close} />}
      {asked?.what === "detach" && <DetachDialog vm={vm} disk={asked.disk} onClose={close} />}
      {asked?.what === "grow" && <GrowDialog vm={vm} disk={asked.disk} onClose={close} />}
    </>
  );
}

/** Why a disk cannot be made larger, if so. */
function growthOf(vm: Vm, disk: VmDisk): string | undefined {
  if (disk.state === "missing" || disk.read_only) {
    return disk.read_only ? "The guest can only read it" : "The VM does not have it";
  }
  const limits = vm.disk_limits;
  if (limits && !limits.live_growth && !limits.offline_growth) {
    return "Its provider makes no disk larger";
  }
  const can = isLive(vm) === false ? limits?.offline_growth : limits?.live_growth;
  return can === false ? "Not while the VM is in this state" : undefined;
}

/** Why it can have no more of them, if so. */
function tooMany({ disk_limits: limits }: Vm, all: readonly VmDisk[] = []): string | undefined {
  return limits && all.length >= limits.max_per_vm
    ? `It has ${all.length}, and can have ${limits.max_per_vm}`
    : undefined;
}

/** Why it has to be stopped or started first, if so. */
function wrongState(vm: Vm): string | undefined {
  const limits = vm.disk_limits;
  const isOff = isLive(vm) === false;
  if (!isOff && limits?.live_buses.length === 0) {
    return "Its provider changes disks of stopped VMs only: stop it first";
  }
  return isOff && limits?.offline === false
    ? "Its provider changes disks of running VMs only: start it first"
    : undefined;
}
