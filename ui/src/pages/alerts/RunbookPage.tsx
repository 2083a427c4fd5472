// What an alert of a shipped rule means, how to look, and what to do.
import { Content } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { DetailPage } from "../../components/DetailPage";
import { type Block, blocksOf, type Inline } from "../../lib/markdown";
import { readRunbook, shippedRunbook } from "../../lib/runbooks";
import { paths } from "../../paths";
import { Code } from "../../primitives/Code";

export default function RunbookPage(): ReactNode {
  const { name } = useParams({ from: "/runbooks/$name" });
  const { data, error } = useQuery({
    queryKey: ["runbook", name],
    // A query's answer is never undefined.
    queryFn: async () => (await readRunbook(name)) ?? null,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <DetailPage
      parent={{ text: "Alerts", link: paths.alerts() }}
      title={data === undefined ? undefined : name}
      error={error}
    >
      {data === null && <p>No runbook of this name is shipped.</p>}
      {data && (
        <Content className="runbook">
          {keyed(blocksOf(data)).map(([key, block]) => (
            <Shown key={key} block={block} />
          ))}
        </Content>
      )}
    </DetailPage>
  );
}

/** A text does not change, so a place in it is a key. */
function keyed<T>(parts: readonly T[]): [string, T][] {
  return parts.map((part, at) => [String(at), part]);
}

function Shown({ block }: { block: Block }) {
  switch (block.kind) {
    case "heading":
      // The first is the page's title.
      return block.level === 1 ? null : (
        <h2>
          <Text parts={block.text} />
        </h2>
      );
    case "paragraph":
      return (
        <p>
          <Text parts={block.text} />
        </p>
      );
    case "list":
      return (
        <ul>
          {keyed(block.items).map(([key, parts]) => (
            <li key={key}>
              <Text parts={parts} />
            </li>
          ))}
        </ul>
      );
    case "code":
      return <Code text={block.text} label="Commands" />;
  }
}

function Text({ parts }: { parts: readonly Inline[] }) {
  return keyed(parts).map(([key, part]) => {
    if (part.kind === "text") return part.text;
    if (part.kind === "code") return <code key={key}>{part.text}</code>;
    const name = shippedRunbook(part.to);
    return name ? (
      <Link key={key} {...paths.runbook(name)}>
        {part.text}
      </Link>
    ) : (
      `${part.text} (${part.to})`
    );
  });
}
