// What can be done to operations, and the cache that shows them at once.
import {
  type InfiniteData,
  type QueryClient,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { body, client } from "./client";
import { keys } from "./query";
import type { Operation, Page } from "./types";

export type OperationVerb =
  | { verb: "cancel" }
  | { verb: "retry" }
  | { verb: "resolve"; note: string };

/** Does `verb` to the operation; the answer is the operation as it now is. */
export function useOperationVerb(operation: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (what: OperationVerb) => {
      const params = { path: { operation } };
      if (what.verb === "cancel") {
        return body(client.POST("/api/v1/operations/{operation}/cancel", { params }));
      }
      if (what.verb === "retry") {
        return body(client.POST("/api/v1/operations/{operation}/retry", { params }));
      }
      return body(
        client.POST("/api/v1/operations/{operation}/resolve", {
          params,
          body: { note: what.note },
        }),
      );
    },
    onSuccess: (answer) => keepOperation(queries, answer),
  });
}

/** Puts an operation that the server just told about into every view of it. */
export function keepOperation(queries: QueryClient, operation: Operation): void {
  queries.setQueryData(keys.item("operations", operation.id), operation);
  queries.setQueriesData<InfiniteData<Page<Operation>>>(
    { queryKey: keys.lists("operations") },
    (list) => list && withOperation(list, operation),
  );
  for (const resource of operation.resources) {
    if (resource.kind === "vm") {
      void queries.invalidateQueries({ queryKey: keys.item("vms", resource.id) });
    }
  }
}

function withOperation(
  list: InfiniteData<Page<Operation>>,
  operation: Operation,
): InfiniteData<Page<Operation>> {
  const known = list.pages.some((page) => page.items.some((item) => item.id === operation.id));
  const pages = list.pages.map((page, index) => {
    if (!known && index === 0) return { ...page, items: [operation, ...page.items] };
    return {
      ...page,
      items: page.items.map((item) => (item.id === operation.id ? operation : item)),
    };
  });
  return { ...list, pages };
}
