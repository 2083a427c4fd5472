// Makes a VM in two steps: fill in, then see what it would do and do it. The
// step stands in the URL; Back goes back to the form with everything in it.
import { Breadcrumb, BreadcrumbItem, PageSection, Title } from "@patternfly/react-core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTitle } from "../../../components/ListView";
import { faultsOf, requestOf } from "../../../lib/vmDraft";
import { paths } from "../../../paths";
import { DraftForm } from "./DraftForm";
import { Review } from "./Review";
import { useDraft } from "./useDraft";

export default function CreateVmPage(): ReactNode {
  const { step } = useSearch({ from: "/vms/new" });
  const navigate = useNavigate();
  const { draft, change, clear } = useDraft();
  useTitle("Create VM");
  const ready = Object.keys(faultsOf(draft)).length === 0;
  return (
    <PageSection hasBodyWrapper={false} isFilled className="create">
      <Breadcrumb aria-label="Where this is">
        <BreadcrumbItem
          render={({ className }) => (
            <Link {...paths.vms()} className={className}>
              Virtual machines
            </Link>
          )}
        />
        <BreadcrumbItem isActive>Create</BreadcrumbItem>
      </Breadcrumb>
      <Title headingLevel="h1" size="xl">
        {step === "review" && ready ? `Review ${draft.name}` : "Create a virtual machine"}
      </Title>
      {step === "review" && ready ? (
        <Review
          request={requestOf(draft)}
          onBack={() => void navigate({ ...paths.vmCreate() })}
          onCreated={(vm) => {
            clear();
            void navigate(vm ? paths.vm(vm) : paths.vms());
          }}
        />
      ) : (
        <DraftForm
          draft={draft}
          onChange={change}
          onReview={() => void navigate(paths.vmReview())}
          onDiscard={() => {
            clear();
            void navigate(paths.vms());
          }}
        />
      )}
    </PageSection>
  );
}
