// What the one who is logged in may do, as the server says; and why not.
import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "../api/query";

/** Why `permission` is missing, for a disabled button; undefined when it is there. */
export function useMissing(permission: string): string | undefined {
  const { data } = useQuery(sessionQuery);
  if (!data || data.permissions.includes(permission)) return undefined;
  return `${data.actor} (${data.role}) lacks the permission ${permission}`;
}
