// What a guest says of itself. Whoever owns the guest decides what that is, so the title
// says whose words these are.
import type { Fact, GuestObserved } from "../../../api/types";
import { Facts, Item } from "../../../components/Facts";
import { FactValue } from "../../../components/FactValue";
import { NoData } from "../../../primitives/NoData";

export function Guest({ fact }: { fact: Fact<GuestObserved> | null | undefined }) {
  const told = fact?.value;
  return (
    <Facts title="Guest, in its own words">
      <Item name="System">
        <FactValue fact={fact}>{(guest) => said(guest.system)}</FactValue>
      </Item>
      {told && (
        <>
          <Item name="Kernel">
            {said([told.kernel_release, told.kernel_version].filter(Boolean).join(", "))}
          </Item>
          <Item name="Built for">{said(told.machine)}</Item>
          <Item name="Calls itself">{said(told.host_name)}</Item>
          <Item name="Its agent">{said(told.agent_version)}</Item>
        </>
      )}
    </Facts>
  );
}

function said(word: string | null | undefined) {
  return word || <NoData why="the guest does not say" />;
}
