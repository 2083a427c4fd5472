// All VMs that match, as a file: what the API says as JSON, or the table as CSV.
import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { useState } from "react";
import type { VmSummary } from "../../api/types";
import { useToasts } from "../../components/Toasts";
import { type Cell, toCsv } from "../../lib/csv";
import { saveFile } from "../../lib/saveFile";

const CELLS: readonly [string, (vm: VmSummary) => Cell][] = [
  ["id", (vm) => vm.id],
  ["name", (vm) => vm.name],
  ["state", (vm) => vm.status.state],
  ["reason", (vm) => vm.status.reason],
  ["quality", (vm) => vm.status.quality],
  ["observed_at", (vm) => vm.status.observed_at],
  ["host", (vm) => vm.host?.name],
  ["provider", (vm) => vm.provider?.name],
  ["managed", (vm) => vm.managed],
  ["simulated", (vm) => vm.simulated],
  ["cpu_count", (vm) => vm.cpu_count],
  ["memory_bytes", (vm) => vm.memory_bytes],
  ["addresses", (vm) => vm.addresses.join(" ")],
  ["labels", (vm) => labelText(vm.labels)],
  ["created_at", (vm) => vm.created_at],
];

export function ExportMenu({ readAll }: { readAll: () => Promise<VmSummary[]> }) {
  const [open, setOpen] = useState(false);
  const { fail } = useToasts();
  const save = (name: string, type: string, textOf: (vms: VmSummary[]) => string) => {
    setOpen(false);
    readAll()
      .then((vms) => saveFile(name, new Blob([textOf(vms)], { type })))
      .catch((error) => fail("Cannot read all VMs", error));
  };
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      toggle={(ref) => (
        <MenuToggle ref={ref} isExpanded={open} onClick={() => setOpen(!open)}>
          Export
        </MenuToggle>
      )}
    >
      <DropdownList>
        <DropdownItem onClick={() => save("vms.csv", "text/csv", csvOf)}>As CSV</DropdownItem>
        <DropdownItem
          onClick={() =>
            save("vms.json", "application/json", (vms) => `${JSON.stringify(vms, null, 2)}\n`)
          }
        >
          As JSON
        </DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}

function csvOf(vms: VmSummary[]): string {
  const header = CELLS.map(([name]) => name);
  return toCsv(
    header,
    vms.map((vm) => CELLS.map(([, cell]) => cell(vm))),
  );
}

function labelText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}
