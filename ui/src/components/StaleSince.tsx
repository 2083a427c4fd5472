// Since when what is shown of a thing is old, after when it was seen.
import { Age } from "../primitives/Age";

interface Props {
  of: { cache_status?: string | null; stale_since?: string | null };
}

/** Nothing where it is fresh; without a time where nobody knows since when it is not. */
export function StaleSince({ of: { cache_status: status, stale_since: since } }: Props) {
  if (status !== "stale") return null;
  return (
    <strong className="stale">
      {", stale"}
      {since && (
        <>
          {" since "}
          <Age at={since} ago />
        </>
      )}
    </strong>
  );
}
