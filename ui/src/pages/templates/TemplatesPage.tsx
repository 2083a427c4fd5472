// What VMs are made from again and again: each template with its state and its versions.
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { keys } from "../../api/query";
import { deleteTemplate } from "../../api/templates";
import type { Template } from "../../api/types";
import { PermittedButton } from "../../components/PermittedButton";
import { RemoveDialog } from "../../components/RemoveDialog";
import { SimpleListPage } from "../../components/SimpleListPage";
import { UNKNOWN } from "../../lib/format";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import { type Column, WORD_WIDTH } from "../../primitives/DataTable";
import { VersionState } from "./VersionState";

const columns: readonly Column<Template>[] = [
  {
    id: "name",
    header: "Name",
    sortField: "name",
    width: 190,
    cell: (template) => <Link {...paths.template(template.id)}>{template.name}</Link>,
  },
  {
    id: "state",
    header: "State",
    sortField: "state",
    width: 120,
    cell: ({ state }) => <VersionState state={state} />,
  },
  {
    id: "default",
    header: "Deployed",
    width: 110,
    cell: ({ default_version: version }) => (version == null ? UNKNOWN : `version ${version}`),
  },
  { id: "versions", header: "Versions", width: 90, cell: ({ versions }) => versions.length },
  { id: "vm_count", header: "VMs", sortField: "vm_count", width: 80, cell: (it) => it.vm_count },
  { id: "project", header: "Project", sortField: "project", width: 110, cell: (it) => it.project },
  { id: "description", header: "Description", width: 280, cell: (it) => it.description },
  {
    id: "created_at",
    header: "Age",
    sortField: "created_at",
    width: 90,
    cell: (it) => <Age at={it.created_at} />,
  },
];

export default function TemplatesPage(): ReactNode {
  const [deleting, setDeleting] = useState<Template>();
  return (
    <SimpleListPage
      name="templates"
      route="/templates"
      title="Templates"
      nouns={["template", "templates"]}
      columns={columns}
      defaultSort="name"
      first={
        <>
          Make one from a terminal: <code>hostler template create NAME --file FILE</code>, or of a
          VM: <code>hostler template from-vm VM NAME</code>
        </>
      }
      menuWidth={WORD_WIDTH}
      rowMenu={(template: Template) => (
        <PermittedButton
          permission="template.manage"
          variant="link"
          isDanger
          size="sm"
          aria-label={`Delete ${template.name}`}
          refused={template.default_version == null ? undefined : "a version of it is active"}
          onClick={() => setDeleting(template)}
        >
          Delete
        </PermittedButton>
      )}
    >
      {deleting && (
        <RemoveDialog
          title={`Delete template ${deleting.name}?`}
          confirm="Delete"
          list={keys.lists("templates")}
          remove={() => deleteTemplate(deleting.id)}
          onClose={() => setDeleting(undefined)}
        >
          All its versions go with it. VMs made from it stay as they are.
        </RemoveDialog>
      )}
    </SimpleListPage>
  );
}
