// What to do about an alert: a page of ours for the shipped rules, a link where it
// leads to the web, and else what the rule says.
import { Link } from "@tanstack/react-router";
import { runbookLink } from "../../lib/alerts";
import { shippedRunbook } from "../../lib/runbooks";
import { paths } from "../../paths";

export function Runbook({ url }: { url: string | null | undefined }) {
  if (!url) return "none";
  const shipped = shippedRunbook(url);
  if (shipped) return <Link {...paths.runbook(shipped)}>what to do about {shipped}</Link>;
  const link = runbookLink(url);
  if (!link) return <code className="breaks">{url}</code>;
  return (
    <a href={link} target="_blank" rel="noreferrer" className="breaks">
      {link}
    </a>
  );
}
