// What a change would do, a row for each field; and who else manages what would change.
import { Alert } from "@patternfly/react-core";
import type { VmChangePlanned } from "../../../api/types";
import { fieldName, fieldValue, keeperName, takesEffect } from "../../../lib/changes";

export function ChangePlan({ plan }: { plan: VmChangePlanned }) {
  if (plan.changes.length === 0) return null;
  const risks = plan.changes.flatMap(({ at_risk }) => (at_risk ? [at_risk] : []));
  return (
    <>
      <table className="pf-v6-c-table pf-m-compact" aria-label="What would change">
        <thead className="pf-v6-c-table__thead">
          <tr className="pf-v6-c-table__tr">
            {["What", "From", "To", "Takes effect"].map((head) => (
              <th key={head} className="pf-v6-c-table__th" scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="pf-v6-c-table__tbody">
          {plan.changes.map((change) => (
            <tr key={change.path} className="pf-v6-c-table__tr">
              <td className="pf-v6-c-table__td">{fieldName(change)}</td>
              <td className="pf-v6-c-table__td">{fieldValue(change.path, change.from)}</td>
              <td className="pf-v6-c-table__td">{fieldValue(change.path, change.to)}</td>
              <td className="pf-v6-c-table__td">{takesEffect(change)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {risks.map((risk) => (
        <Alert key={risk} isInline component="p" variant="warning" title="Data is at risk">
          {risk}
        </Alert>
      ))}
    </>
  );
}

export function Owners({ plan }: { plan: VmChangePlanned }) {
  const others = plan.managed_by_others;
  if (plan.changes.length === 0 || (others.length === 0 && !plan.kept_by)) return null;
  return (
    <Alert
      isInline
      component="p"
      variant="warning"
      title={others.length > 0 ? "Others manage fields of it" : "It is kept elsewhere"}
    >
      <ul>
        {others.map(({ field, manager }) => (
          <li key={field}>
            <code>{field}</code> is managed by {manager}
          </li>
        ))}
      </ul>
      {plan.kept_by && (
        <p>
          It is kept by {keeperName(plan.kept_by)}, by its {plan.kept_by.evidence}: what is changed
          here, it may put back. Better change it there.
        </p>
      )}
    </Alert>
  );
}
