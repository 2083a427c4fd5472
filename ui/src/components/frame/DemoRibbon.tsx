// Says, on every page, that what is shown is made up.
import { Banner } from "@patternfly/react-core";
import { FlaskIcon } from "@patternfly/react-icons";
import { useQuery } from "@tanstack/react-query";
import { serverQuery } from "../../api/query";

export function DemoRibbon() {
  const { data } = useQuery(serverQuery);
  if (!data?.simulated) return null;
  return (
    <Banner color="purple" className="demo-ribbon" role="note" aria-label="Demo">
      <FlaskIcon /> <strong>DEMO</strong> Everything here is simulated. No real machine is shown or
      touched.
    </Banner>
  );
}
