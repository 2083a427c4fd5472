// The frame of every list: title with count and freshness, tools, and one of
// skeleton, error, "nothing here" or the table.
import {
  Button,
  Content,
  EmptyState,
  EmptyStateBody,
  PageSection,
  Skeleton,
  Title,
  Toolbar,
  ToolbarContent,
  ToolbarGroup,
} from "@patternfly/react-core";
import { ExclamationTriangleIcon } from "@patternfly/react-icons";
import { type ReactNode, useEffect } from "react";
import { count } from "../lib/format";
import { Age } from "../primitives/Age";
import { ProblemAlert } from "./ProblemAlert";
import type { ListState } from "./useList";

interface Props {
  title: string;
  /** One thing of the list, and many: `VM`, `VMs`. */
  nouns: [string, string];
  list: ListState;
  empty: boolean;
  /** Whether a search or filter narrows the list. */
  narrowed: boolean;
  /** Why the list may be old or lack something, where no provider is to blame. */
  stale?: ReactNode;
  onClear: () => void;
  /** Shown where the list is empty and nothing narrows it: how to get the first. */
  first: ReactNode;
  filters?: ReactNode;
  actions?: ReactNode;
  /** Stand whatever the list holds: the first thing is made from an empty list. */
  dialogs?: ReactNode;
  children: ReactNode;
}

export function ListView(props: Props) {
  const { title, nouns, list, empty, narrowed, children } = props;
  useTitle(title);
  return (
    <PageSection className="list-view" isFilled hasBodyWrapper={false}>
      <div className="list-head">
        <Title headingLevel="h1" size="xl">
          {title}
        </Title>
        <Summary list={list} nouns={nouns} why={props.stale} />
        <div className="spring" />
        {props.actions}
      </div>
      {props.filters && (
        <Toolbar inset={{ default: "insetNone" }}>
          <ToolbarContent>
            <ToolbarGroup rowWrap={{ default: "wrap" }} className="filters">
              {props.filters}
              {narrowed && (
                <Button variant="link" onClick={props.onClear}>
                  Clear filters
                </Button>
              )}
            </ToolbarGroup>
          </ToolbarContent>
        </Toolbar>
      )}
      {list.error && <ProblemAlert error={list.error} doing={`Cannot read ${nouns[1]}`} />}
      {list.pending ? (
        <Rows />
      ) : empty ? (
        !list.error && <Nothing {...props} />
      ) : (
        <div className="list-body" aria-busy={list.changing}>
          {children}
        </div>
      )}
      {props.dialogs}
    </PageSection>
  );
}

function Summary({
  list,
  nouns,
  why,
}: {
  list: ListState;
  nouns: [string, string];
  why: ReactNode;
}) {
  if (list.pending) return null;
  return (
    <Content component="small" className="list-summary">
      {typeof list.total === "number" && count(list.total, nouns[0], nouns[1])}
      {list.stale && (
        <strong className="stale">
          {" · "}
          <ExclamationTriangleIcon />
          {why ? <> {why}</> : " partly old: a provider does not answer"}
          {!why && list.observedAt && (
            <>
              {", oldest seen "}
              <Age at={list.observedAt} ago />
            </>
          )}
          {!why && list.staleSince && (
            <>
              {", stale since "}
              <Age at={list.staleSince} ago />
            </>
          )}
        </strong>
      )}
    </Content>
  );
}

function Nothing({ nouns, narrowed, onClear, first }: Props) {
  return (
    <EmptyState
      headingLevel="h2"
      titleText={narrowed ? `No ${nouns[1]} match` : `No ${nouns[1]} yet`}
      variant="sm"
    >
      <EmptyStateBody>
        {narrowed ? (
          <Button variant="link" onClick={onClear}>
            Clear filters
          </Button>
        ) : (
          first
        )}
      </EmptyStateBody>
    </EmptyState>
  );
}

function Rows() {
  return (
    <div className="skeletons">
      {["90%", "70%", "80%", "65%", "85%", "75%"].map((width) => (
        <Skeleton key={width} width={width} screenreaderText="Reading" />
      ))}
    </div>
  );
}

/** Names the page in the browser's tab and to screen readers. */
export function useTitle(title: string | undefined): void {
  useEffect(() => {
    document.title = title ? `${title} · Hostler` : "Hostler";
  }, [title]);
}
