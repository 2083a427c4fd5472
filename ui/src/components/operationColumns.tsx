// The columns of every table of operations: page, drawer and a VM's tab.
import { Link } from "@tanstack/react-router";
import type { Operation } from "../api/types";
import { paths } from "../paths";
import { Age } from "../primitives/Age";
import type { Column } from "../primitives/DataTable";
import { OperationProgress } from "./OperationProgress";
import { OperationVerbs } from "./OperationVerbs";
import { ResourceLinks } from "./ResourceLink";
import { StateBadge } from "./StateBadge";

export const operationColumns: readonly Column<Operation>[] = [
  {
    id: "kind",
    header: "Operation",
    width: 170,
    cell: (operation) => <Link {...paths.operation(operation.id)}>{operation.kind}</Link>,
  },
  {
    id: "resources",
    header: "On",
    width: 200,
    cell: (operation) => <ResourceLinks resources={operation.resources} />,
  },
  {
    id: "state",
    header: "State",
    width: 160,
    cell: (operation) => (
      <StateBadge family="operation" state={operation.state} title={operation.error?.detail} />
    ),
  },
  {
    id: "progress",
    header: "Progress",
    width: 300,
    cell: (operation) => <OperationProgress operation={operation} />,
  },
  {
    id: "created_at",
    header: "Begun",
    width: 100,
    cell: (operation) => <Age at={operation.created_at} ago />,
  },
  {
    id: "created_by",
    header: "By",
    width: 120,
    cell: (operation) => operation.created_by,
  },
  {
    id: "What can be done",
    header: "",
    width: 190,
    cell: (operation) => <OperationVerbs operation={operation} />,
  },
];
