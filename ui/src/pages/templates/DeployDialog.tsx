// Makes VMs from a version: names, how many, parameters; with a look at what would be asked for
// before anything is made. Each VM is made by an operation of its own, in the drawer.
import { Button, Checkbox } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useId, useState } from "react";
import { keepOperation } from "../../api/operations";
import { keys } from "../../api/query";
import { deployTemplate, previewTemplate } from "../../api/templates";
import type { Template, TemplateDeployment, TemplateVersion } from "../../api/types";
import { ProblemAlert } from "../../components/ProblemAlert";
import { TextField } from "../../components/TextField";
import { useToasts } from "../../components/Toasts";
import { count } from "../../lib/format";
import { missingOf, type Typed, valuesOf } from "../../lib/templates";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";
import { ParameterField } from "./ParameterField";
import { Previewed } from "./Previewed";

interface Props {
  template: Template;
  version: TemplateVersion;
  onClose: () => void;
}

/** The most VMs that one request makes. */
const COUNT_MAX = 100;

export function DeployDialog({ template, version, onClose }: Props) {
  const id = useId();
  const [name, setName] = useState(`${template.name}-{n}`);
  const [countText, setCount] = useState("1");
  const [typed, setTyped] = useState<Typed>({});
  const [start, setStart] = useState(true);
  const parameters = version.content.parameters ?? [];
  const wanted = /^\d+$/.test(countText) ? Number(countText) : 0;
  const isCount = wanted >= 1 && wanted <= COUNT_MAX;
  const complete = name !== "" && isCount && missingOf(parameters, typed).length === 0;
  const request: TemplateDeployment = {
    version: version.number,
    name,
    count: wanted,
    parameters: valuesOf(parameters, typed),
    start,
  };
  const preview = useMutation({ mutationFn: () => previewTemplate(template.id, request) });
  const deploy = useDeploy(template, request, onClose);
  const anew =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      set(value);
      preview.reset();
      deploy.reset();
    };
  return (
    <ConfirmDialog
      title={`Deploy version ${version.number} of ${template.name}`}
      confirm="Deploy"
      busy={deploy.isPending}
      complete={complete}
      onClose={onClose}
      onConfirm={() => deploy.mutate()}
    >
      <TextField
        required
        label="Name"
        value={name}
        help="{n} stands for the number of each; {n:03} for one of three digits."
        onChange={anew((text: string) => setName(text.trim()))}
      />
      <TextField
        required
        label="How many"
        value={countText}
        fault={isCount ? undefined : `It has to be a number from 1 to ${COUNT_MAX}`}
        onChange={anew((text: string) => setCount(text.trim()))}
      />
      {parameters.map((parameter) => (
        <ParameterField
          key={parameter.name}
          parameter={parameter}
          value={typed[parameter.name] ?? ""}
          onChange={(text) => anew(setTyped)({ ...typed, [parameter.name]: text })}
        />
      ))}
      <Checkbox
        id={`${id}-start`}
        label={wanted > 1 ? "Start them" : "Start it"}
        isChecked={start}
        onChange={(_event, checked) => anew(setStart)(checked)}
      />
      <Button
        variant="secondary"
        isDisabled={!complete}
        isLoading={preview.isPending}
        onClick={() => preview.mutate()}
      >
        Preview
      </Button>
      <div role="status">{preview.data && <Previewed preview={preview.data} />}</div>
      {preview.error && <ProblemAlert error={preview.error} doing="Not previewed" />}
      {deploy.error && <ProblemAlert error={deploy.error} doing="Nothing was made" />}
    </ConfirmDialog>
  );
}

function useDeploy(template: Template, request: TemplateDeployment, onClose: () => void) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { tell } = useToasts();
  return useMutation({
    mutationFn: () => deployTemplate(template.id, request),
    onSuccess: ({ vms }) => {
      for (const { operation } of vms) if (operation) keepOperation(queries, operation);
      void queries.invalidateQueries({ queryKey: keys.lists("vms") });
      void queries.invalidateQueries({ queryKey: keys.item("templates", template.id) });
      const refused = vms.filter(({ error }) => error);
      const made = vms.length - refused.length;
      tell(`Deploy ${template.name}: ${count(made, "VM")} accepted`);
      for (const vm of refused) tell(`${vm.name} is not made: ${vm.error?.detail}`);
      onClose();
      void navigate({ to: ".", search: (old: object) => ({ ...old, ops: true as const }) });
    },
  });
}
