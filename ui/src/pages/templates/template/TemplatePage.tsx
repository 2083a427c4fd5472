// One template: its versions, and what the chosen one is.
import { Alert } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { templateQuery, versionQuery } from "../../../api/templates";
import type { Template, TemplateVersionSummary } from "../../../api/types";
import { DetailPage } from "../../../components/DetailPage";
import { PermittedButton } from "../../../components/PermittedButton";
import { ProblemAlert } from "../../../components/ProblemAlert";
import { count } from "../../../lib/format";
import { isDeployable, shownVersion } from "../../../lib/templates";
import { paths } from "../../../paths";
import { Age } from "../../../primitives/Age";
import { PlainTable } from "../../../primitives/PlainTable";
import { DeployDialog } from "../DeployDialog";
import { VersionState } from "../VersionState";
import { VersionVerbs } from "./VersionVerbs";
import { VersionView } from "./VersionView";

export default function TemplatePage(): ReactNode {
  const { templateId } = useParams({ from: "/templates/$templateId" });
  const { data: template, error } = useQuery(templateQuery(templateId));
  return (
    <DetailPage
      parent={{ text: "Templates", link: paths.templates() }}
      title={template?.name}
      error={error}
      marks={
        template && (
          <>
            <VersionState state={template.state} />
            <span className="seen">
              {count(template.vm_count, "VM")} of it · made by {template.created_by}
            </span>
          </>
        )
      }
    >
      {template && <Shown key={template.id} template={template} />}
    </DetailPage>
  );
}

function Shown({ template }: { template: Template }) {
  const search = useSearch({ from: "/templates/$templateId" });
  const navigate = useNavigate({ from: "/templates/$templateId" });
  const number = search.version ?? shownVersion(template);
  return (
    <>
      {template.description && <p>{template.description}</p>}
      <h2>Versions</h2>
      <PlainTable
        label="Versions"
        rows={template.versions}
        rowId={(version) => String(version.number)}
        empty="It has no version."
        columns={[
          {
            header: "Version",
            cell: ({ number }) => (
              <Link {...paths.template(template.id, { version: number })}>Version {number}</Link>
            ),
          },
          { header: "State", cell: ({ state }) => <VersionState state={state} /> },
          { header: "Deployed by default", cell: (it) => (it.default ? "yes" : "no") },
          { header: "Made", cell: (it) => <Age at={it.created_at} ago /> },
          { header: "By", cell: (it) => it.created_by },
        ]}
      />
      {number !== undefined && (
        <Version
          template={template}
          number={number}
          onVersion={(version) => void navigate({ search: (old) => ({ ...old, version }) })}
        />
      )}
    </>
  );
}

interface Props {
  template: Template;
  number: number;
  onVersion: (version: number) => void;
}

function Version({ template, number, onVersion }: Props) {
  const [deploying, setDeploying] = useState(false);
  const { data: version, error } = useQuery(versionQuery(template.id, number));
  if (error) return <ProblemAlert error={error} doing="Cannot read the version" />;
  if (!version) return <p>Reading</p>;
  return (
    <>
      <div className="vm-head">
        <h2>Version {number}</h2>
        <VersionState state={version.state} />
        <PermittedButton
          permission="vm.create"
          variant="primary"
          refused={
            isDeployable(version.state) ? undefined : `version ${number} is ${said(version)}`
          }
          onClick={() => setDeploying(true)}
        >
          Deploy
        </PermittedButton>
        <VersionVerbs template={template} version={version} onVersion={onVersion} />
      </div>
      {version.state === "deprecated" && (
        <Alert isInline component="p" variant="warning" title="It is deprecated">
          It can be deployed still.
        </Alert>
      )}
      <VersionView version={version} />
      {deploying && (
        <DeployDialog template={template} version={version} onClose={() => setDeploying(false)} />
      )}
    </>
  );
}

const said = ({ state }: TemplateVersionSummary) =>
  state === "draft" ? "a draft; activate it first" : state;
