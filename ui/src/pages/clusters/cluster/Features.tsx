// The oracle: every feature of a cluster, whether it can be used, why, and what would
// change that; and what the cluster lacks of what a template would need.
import "../clusters.css";
import { Button } from "@patternfly/react-core";
import type { ReactNode } from "react";
import type { Cluster, ClusterFeature } from "../../../api/types";
import { narrowed, stateOf } from "../../../lib/clusters";
import { count, words } from "../../../lib/format";
import { type ClusterSearch, FEATURE_STATES, type FeatureState } from "../../../lib/search";
import { Age } from "../../../primitives/Age";
import { NoData } from "../../../primitives/NoData";
import { type PlainColumn, PlainTable } from "../../../primitives/PlainTable";
import { SearchBox } from "../../../primitives/SearchBox";
import { SelectFilter } from "../../../primitives/SelectFilter";
import { Tag, type TagColour } from "../../../primitives/Tag";
import { Inferred } from "./Inferred";
import { Needs } from "./Needs";
import { Upgrades } from "./Upgrades";

const COLOURS: Record<FeatureState, TagColour> = { on: "green", off: "grey", unknown: "purple" };

const STATES = FEATURE_STATES.map((value) => ({ value, text: value }));

const columns: readonly PlainColumn<ClusterFeature>[] = [
  { header: "Feature", cell: ({ name }) => <code>{name}</code> },
  {
    header: "State",
    cell: (feature) => (
      <Tag outline colour={COLOURS[stateOf(feature)]}>
        {stateOf(feature)}
      </Tag>
    ),
  },
  { header: "Stage", cell: ({ stage }) => words(stage) },
  {
    header: "Why",
    cell: ({ why, inferred }) => (
      <>
        {why} {inferred && <Inferred />}
      </>
    ),
  },
  { header: "What would change it", cell: ({ remedy }) => remedy ?? "nothing is known" },
];

interface Props {
  cluster: Cluster;
  search: ClusterSearch;
  onSearch: (search: ClusterSearch) => void;
}

export function Features({ cluster, search, onSearch }: Props) {
  const { capabilities } = cluster;
  return (
    <>
      <Needs cluster={cluster} search={search} onSearch={onSearch} />
      <h2>Features</h2>
      {capabilities ? (
        <>
          <Known features={capabilities.features} search={search} onSearch={onSearch}>
            detected <Age at={capabilities.detected_at} ago />
            {cluster.stale && ", too long ago to rely on"}
          </Known>
          <Upgrades upgrades={capabilities.upgrades} />
        </>
      ) : (
        <p>
          <NoData why="what it can could not be found out" />
        </p>
      )}
    </>
  );
}

interface KnownProps {
  features: readonly ClusterFeature[];
  search: ClusterSearch;
  onSearch: (search: ClusterSearch) => void;
  children: ReactNode;
}

function Known({ features, search, onSearch, children }: KnownProps) {
  const rows = narrowed(features, search.search, search.state);
  const isNarrowed = search.search !== undefined || search.state !== undefined;
  return (
    <>
      <div className="feature-filters">
        <SearchBox
          label="Search features"
          value={search.search}
          onChange={(text) => onSearch({ search: text })}
        />
        <SelectFilter
          label="State"
          value={search.state}
          options={STATES}
          onChange={(state) => onSearch({ state: state as FeatureState | undefined })}
        />
        {isNarrowed && (
          <Button variant="link" onClick={() => onSearch({ search: undefined, state: undefined })}>
            Clear filters
          </Button>
        )}
      </div>
      <p role="status">
        <small>
          {rows.length === features.length
            ? count(features.length, "feature")
            : `${rows.length} of ${count(features.length, "feature")}`}
          , {children}
        </small>
      </p>
      <PlainTable
        label="Features"
        columns={columns}
        rows={rows}
        rowId={({ name }) => name}
        empty={isNarrowed ? "No features match." : "It told of no feature."}
      />
    </>
  );
}
