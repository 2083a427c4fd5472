// What is asked of a VM, and the provider's own definition of it, both to read.
import { Skeleton, Title } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { definitionQuery } from "../../../api/query";
import type { Vm } from "../../../api/types";
import { ProblemAlert } from "../../../components/ProblemAlert";
import { useMissing } from "../../../components/useMay";
import { yaml } from "../../../lib/yaml";
import { Code } from "../../../primitives/Code";
import { Copy } from "../../../primitives/Copy";

export function Config({ vm }: { vm: Vm }) {
  const spec = vm.spec ? yaml(vm.spec) : undefined;
  return (
    <div className="config">
      <section aria-label="What is asked for">
        <Title headingLevel="h2" size="md">
          Asked for {spec && <Copy text={spec} label="Copy" />}
        </Title>
        {spec === undefined ? (
          <p className="absent">no data: Hostler only observes this VM and asks nothing of it</p>
        ) : (
          <Code text={spec} label="What is asked for, as YAML" />
        )}
      </section>
      <section aria-label="The provider's definition">
        <Title headingLevel="h2" size="md">
          The provider's definition, unchanged
        </Title>
        <Definition vm={vm.id} />
      </section>
    </div>
  );
}

function Definition({ vm }: { vm: string }) {
  const missing = useMissing("vm.raw");
  const { data, error } = useQuery({ ...definitionQuery(vm), enabled: missing === undefined });
  if (missing) return <p className="absent">no data: {missing}</p>;
  if (error) return <ProblemAlert error={error} doing="Cannot read it" variant="warning" />;
  if (data === undefined) return <Skeleton height="8rem" screenreaderText="Reading" />;
  return (
    <>
      <Copy text={data} label="Copy" />
      <Code text={data} label="The provider's definition" />
    </>
  );
}
