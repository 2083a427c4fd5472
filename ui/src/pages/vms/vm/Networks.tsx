// The network interfaces of a VM, with each address and who told it.
import { Content } from "@patternfly/react-core";
import type { NicObserved, NicSource, Vm } from "../../../api/types";
import { pedigreeOf } from "../../../components/FactValue";
import { UNKNOWN, words } from "../../../lib/format";
import { type PlainColumn, PlainTable } from "../../../primitives/PlainTable";

const SEEN: readonly PlainColumn<NicObserved>[] = [
  { header: "MAC address", cell: (nic) => (nic.mac ? <code>{nic.mac}</code> : UNKNOWN) },
  { header: "Connected to", cell: (nic) => `${nic.kind} ${nic.source ?? ""}` },
  { header: "Model", cell: (nic) => nic.model ?? UNKNOWN },
  { header: "Host device", cell: (nic) => nic.host_device ?? UNKNOWN },
  {
    header: "Addresses",
    cell: (nic) =>
      nic.addresses.length === 0
        ? "none was seen"
        : nic.addresses.map(({ address, source }) => (
            <div key={`${address}${source}`}>
              {address} <small>({words(source)})</small>
            </div>
          )),
  },
];

export function Networks({ vm }: { vm: Vm }) {
  const fact = vm.observed?.nics;
  if (fact?.value) {
    return (
      <>
        <PlainTable
          label="Network interfaces"
          columns={SEEN}
          rows={fact.value}
          rowId={(nic) => `${nic.mac}/${nic.source}/${nic.host_device}`}
          empty="It has no network interface."
        />
        <Content component="small">{pedigreeOf(fact)}</Content>
      </>
    );
  }
  const asked = vm.spec?.nics ?? [];
  return (
    <>
      <p className="absent">no data: {fact?.reason ?? "never seen"}</p>
      {asked.length > 0 && (
        <p>
          Asked for:{" "}
          {asked.map((nic) => `${nic.model ?? "virtio"} on ${placeOf(nic.source)}`).join(", ")}
        </p>
      )}
    </>
  );
}

function placeOf(source: NicSource): string {
  const [kind = "", name] = Object.entries(source)[0] ?? [];
  return typeof name === "string" ? `${kind} ${name}` : kind;
}
