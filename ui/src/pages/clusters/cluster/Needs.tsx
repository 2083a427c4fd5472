// What would a template need: features and hardware by name, and what this cluster lacks
// of them, as the server says. What cannot be told counts as missing there.
import { Alert, Button, Form } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { CLUSTER_POLL_MS, clusterQuery } from "../../../api/clusters";
import type { Cluster } from "../../../api/types";
import { ProblemAlert } from "../../../components/ProblemAlert";
import { TextField } from "../../../components/TextField";
import { namesIn } from "../../../lib/clusters";
import type { ClusterSearch } from "../../../lib/search";
import { helpedBy } from "../../../lib/templates";
import { PlainTable } from "../../../primitives/PlainTable";
import { TemplateChoice } from "./TemplateChoice";

interface Props {
  cluster: Cluster;
  search: ClusterSearch;
  onSearch: (search: ClusterSearch) => void;
}

export function Needs({ cluster, search, onSearch }: Props) {
  const [features, setFeatures] = useState(search.features ?? "");
  const [hardware, setHardware] = useState(search.hardware ?? "");
  const [template, setTemplate] = useState(search.template ?? "");
  const asked = [search.features, search.hardware, search.template].some((it) => it !== undefined);
  // Apart from the page's own read: what is asked for wrongly hides nothing else.
  const { data: compared, error } = useQuery({
    ...clusterQuery(cluster.id, {
      features: search.features,
      hardware: search.hardware,
      template: search.template,
    }),
    enabled: asked,
    refetchInterval: CLUSTER_POLL_MS,
  });
  const ask = () =>
    onSearch({
      features: namesIn(features).join(",") || undefined,
      hardware: namesIn(hardware).join(",") || undefined,
      template: template || undefined,
    });
  return (
    <>
      <h2>What would a template need?</h2>
      <Form
        className="needs"
        onSubmit={(event) => {
          event.preventDefault();
          ask();
        }}
      >
        <TemplateChoice value={template} onChange={setTemplate} />
        <TextField
          label="Features"
          value={features}
          placeholder="HotplugNICs, GPU"
          onChange={setFeatures}
        />
        <TextField
          label="Hardware"
          value={hardware}
          placeholder="kvm, nvidia.com/TU104GL"
          onChange={setHardware}
        />
        <div>
          <Button variant="secondary" type="submit">
            Compare
          </Button>
        </div>
      </Form>
      {asked && error && <ProblemAlert error={error} doing="Not compared" />}
      <div role="status">
        {asked && !error && (compared ? <Answer cluster={compared} /> : <p>Comparing</p>)}
      </div>
    </>
  );
}

function Answer({ cluster }: { cluster: Cluster }) {
  const { fits, lacks, stale, capabilities } = cluster;
  if (fits == null || !lacks) return <p>It did not say.</p>;
  return (
    <>
      <Alert
        isInline
        component="p"
        variant={fits ? "success" : "warning"}
        title={fits ? "It has all of that" : "It lacks something of that"}
      >
        {stale && "What it can was told too long ago to rely on."}
      </Alert>
      {!fits && (
        <PlainTable
          label="What it lacks"
          rows={lacks}
          rowId={({ kind, name }) => `${kind} ${name}`}
          empty="It did not say what."
          columns={[
            { header: "What", cell: ({ name, kind }) => `${kind} ${name}` },
            { header: "Why", cell: ({ why }) => why },
            { header: "Remedy", cell: ({ remedy }) => remedy ?? "none is known" },
          ]}
        />
      )}
      {helpedBy(lacks, capabilities?.upgrades.value ?? []).map(({ version, names }) => (
        <p key={version}>
          An upgrade to {version} would turn on {names.join(", ")}.
        </p>
      ))}
    </>
  );
}
