// What to know before a VM is adopted: as a word in a row, and one by one in a dialog.
import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { BanIcon, ExclamationTriangleIcon } from "@patternfly/react-icons";
import { useId } from "react";
import type { AdoptionRisk, PendingAdoption } from "../../api/types";
import { originText, risksText } from "../../lib/adoption";
import { Tag } from "../../primitives/Tag";
import { WhatItIs } from "./WhatItIs";

/** How much there is to know; opens what it is. */
export function RiskCount({ of, onShow }: { of: PendingAdoption; onShow: () => void }) {
  const risks = risksText(of.risks);
  if (!risks) return <span className="absent">none known</span>;
  return (
    <Button
      variant="link"
      isInline
      className="in-row"
      title={risks.details}
      aria-label={`${risks.text}: what to know of ${of.vm.name}`}
      onClick={onShow}
    >
      <RiskTag forbids={risks.forbids}>{risks.text}</RiskTag>
    </Button>
  );
}

function RiskTag({ forbids, children }: { forbids: boolean; children: string }) {
  return (
    <Tag
      outline
      colour={forbids ? "red" : "orange"}
      icon={forbids ? <BanIcon /> : <ExclamationTriangleIcon />}
    >
      {children}
    </Tag>
  );
}

export function RiskList({ risks }: { risks: readonly AdoptionRisk[] }) {
  if (risks.length === 0) return <p>No risk is known.</p>;
  return (
    <ul className="risks" aria-label="What to know before">
      {risks.map(({ code, detail, forbids }) => (
        <li key={`${code}${detail}`}>
          <RiskTag forbids={forbids}>{forbids ? "stands in the way" : "to know"}</RiskTag>
          <span className="breaks">
            {detail} <code>{code}</code>
          </span>
        </li>
      ))}
    </ul>
  );
}

export function RisksDialog({ of, onClose }: { of: PendingAdoption; onClose: () => void }) {
  const id = useId();
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader
        title={`What to know of ${of.vm.name}`}
        labelId={`${id}-title`}
        description={originText(of.origin)}
      />
      <ModalBody>
        <WhatItIs of={of} />
        <RiskList risks={of.risks} />
      </ModalBody>
      <ModalFooter>
        <Button variant="link" onClick={onClose}>
          Close
        </Button>
      </ModalFooter>
    </Modal>
  );
}
