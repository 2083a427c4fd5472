// The entry: theme, cache, router, and nothing else.
import "@patternfly/react-core/dist/styles/base.css";
import "./app.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { makeQueryClient, sessionQuery } from "./api/query";
import { ToastProvider } from "./components/Toasts";
import { startTheme } from "./lib/theme";
import { router } from "./routes";

startTheme();
const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element with the id `root`");
const queries = makeQueryClient();
// Who is here is asked while the page's own code is still on its way.
if (window.location.pathname !== "/login") void queries.prefetchQuery(sessionQuery);
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <ToastProvider>
        <RouterProvider router={router} />
      </ToastProvider>
    </QueryClientProvider>
  </StrictMode>,
);
