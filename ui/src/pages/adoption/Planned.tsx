// What adopting a VM would write down, and what to know before.
import { Button, DescriptionList, Skeleton } from "@patternfly/react-core";
import type { AdoptionPlanned } from "../../api/types";
import { Item } from "../../components/Facts";
import { ProblemAlert } from "../../components/ProblemAlert";
import { bytes, UNKNOWN } from "../../lib/format";
import { faultsIn } from "./decisions";
import { RiskList } from "./Risks";
import type { Plan } from "./usePlan";

export function Planned({ plan }: { plan: Plan }) {
  const { planned, error, isOld } = plan;
  return (
    <section
      className="planned"
      aria-label="What would be written down"
      aria-live="polite"
      aria-busy={isOld}
    >
      {error ? (
        <Refused error={error} onAskAgain={plan.askAgain} />
      ) : planned ? (
        <>
          <h2 className="section-title">What to know before</h2>
          <RiskList risks={planned.risks} />
          <h2 className="section-title">What would be written down</h2>
          <Spec spec={planned.spec} />
          <p>
            Of its disks and other devices nothing is written down; they stay as they are. Its disks
            are not Hostler's, and stay also when the VM is deleted here.
          </p>
        </>
      ) : (
        <Skeleton height="8rem" screenreaderText="Asking what would be written down" />
      )}
    </section>
  );
}

function Refused({ error, onAskAgain }: { error: Error; onAskAgain: () => void }) {
  // What is wrong with a field is said there.
  if (Object.keys(faultsIn(error)).length > 0) return <p>It cannot be adopted so.</p>;
  return (
    <>
      <ProblemAlert error={error} doing="Cannot tell what would be written down" />
      <Button variant="link" isInline onClick={onAskAgain}>
        Ask again
      </Button>
    </>
  );
}

function Spec({ spec }: { spec: AdoptionPlanned["spec"] }) {
  const { cpu, machine, firmware, description } = spec;
  const most = cpu?.max_count ? `, at most ${cpu.max_count}` : "";
  return (
    <DescriptionList isHorizontal isCompact>
      <Item name="Name">{spec.name}</Item>
      <Item name="Project">{spec.project}</Item>
      <Item name="Processors">{cpu ? `${cpu.count}${most}` : UNKNOWN}</Item>
      <Item name="Memory">{bytes(spec.memory?.bytes)}</Item>
      <Item name="Firmware">{firmware?.kind ?? UNKNOWN}</Item>
      <Item name="Machine">
        {[machine?.arch, machine?.kind].filter(Boolean).join(", ") || UNKNOWN}
      </Item>
      <Item name="Starts with the host">{spec.autostart ? "yes" : "no"}</Item>
      {description && (
        <Item name="Description">
          <span className="breaks">{description}</span>
        </Item>
      )}
    </DescriptionList>
  );
}
