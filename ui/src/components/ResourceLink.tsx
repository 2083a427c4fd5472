// A thing by kind and id as a link to its page, where it has one.
import { Link, type LinkOptions } from "@tanstack/react-router";
import type { ResourceRef } from "../api/types";
import { paths } from "../paths";

const PAGES: Record<string, (id: string) => LinkOptions> = {
  vm: (id) => paths.vm(id),
  alert: (id) => paths.alert(id),
  silence: () => paths.alerts({ tab: "silences" }),
  host: (id) => paths.host(id),
  pool: paths.pool,
  // Its id is its pool's and its name; it is shown on the pool's page.
  volume: (id) => paths.pool(id.split("/", 1)[0] ?? id),
  network: paths.network,
  operation: paths.operation,
  image: () => paths.images(),
  template: (id) => paths.template(id),
  provider: () => paths.providers(),
};

export function ResourceLink({ resource }: { resource: ResourceRef }) {
  const link = PAGES[resource.kind]?.(resource.id);
  const text = resource.name ?? `${resource.kind} ${resource.id.slice(0, 8)}…`;
  if (!link) return <span title={resource.id}>{text}</span>;
  return (
    <Link {...link} title={`${resource.kind} ${resource.id}`}>
      {text}
    </Link>
  );
}

export function ResourceLinks({ resources }: { resources: ResourceRef[] }) {
  return (
    <>
      {resources.map((resource, index) => (
        <span key={`${resource.kind}/${resource.id}`}>
          {index > 0 && ", "}
          <ResourceLink resource={resource} />
        </span>
      ))}
    </>
  );
}
