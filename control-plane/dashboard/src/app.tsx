// The routes: everything a page shows is named by its path and its query, so that a reload, a
// bookmark and a link lead to the same view.

import { lazy, useEffect } from "react";
import { BrowserRouter, Navigate, Route, Routes, useLocation } from "react-router";
import { askWhoIAm, session } from "@/data/session";
import { useStore } from "@/data/store";
import { Shell } from "@/layout/shell";
import { Trouble } from "@/parts/trouble";
import { Skeleton } from "@/ui/skeleton";
import NotFound from "@/views/not-found";
import SignIn from "@/views/sign-in";
import Workspaces from "@/views/workspaces/list";

const Workspace = lazy(() => import("@/views/workspace/workspace"));
const Overview = lazy(() => import("@/views/workspace/overview"));
const Services = lazy(() => import("@/views/workspace/services"));
const Logs = lazy(() => import("@/views/workspace/logs"));
const WorkspaceEvents = lazy(() => import("@/views/workspace/events"));
const History = lazy(() => import("@/views/workspace/history"));
const Difference = lazy(() => import("@/views/workspace/difference"));
const Causes = lazy(() => import("@/views/workspace/causes"));
const Terminals = lazy(() => import("@/views/workspace/terminals"));
const Terminal = lazy(() => import("@/views/terminal/terminal"));
const Events = lazy(() => import("@/views/events/events"));
const Operations = lazy(() => import("@/views/operations/list"));
const Operation = lazy(() => import("@/views/operations/operation"));
const Nodes = lazy(() => import("@/views/nodes"));
const Parked = lazy(() => import("@/views/parked"));
const Projections = lazy(() => import("@/views/projections"));
const Users = lazy(() => import("@/views/users/users"));
const Settings = lazy(() => import("@/views/settings/settings"));

export function App() {
  return (
    <BrowserRouter>
      <Routes>
        <Route path="/sign-in" element={<SignIn />} />
        <Route element={<SignedIn />}>
          <Route path="/" element={<Navigate to="/workspaces" replace />} />
          <Route path="/workspaces" element={<Workspaces />} />
          <Route path="/workspaces/:id/terminal" element={<Terminal />} />
          <Route path="/workspaces/:id" element={<Workspace />}>
            <Route index element={<Overview />} />
            <Route path="services" element={<Services />} />
            <Route path="logs" element={<Logs />} />
            <Route path="events" element={<WorkspaceEvents />} />
            <Route path="history" element={<History />} />
            <Route path="difference" element={<Difference />} />
            <Route path="causes" element={<Causes />} />
            <Route path="terminals" element={<Terminals />} />
          </Route>
          <Route path="/events" element={<Events />} />
          <Route path="/operations" element={<Operations />} />
          <Route path="/operations/:id" element={<Operation />} />
          <Route path="/nodes" element={<Nodes />} />
          <Route path="/parked" element={<Parked />} />
          <Route path="/projections" element={<Projections />} />
          <Route path="/users" element={<Users />} />
          <Route path="/settings" element={<Settings />} />
          <Route path="*" element={<NotFound />} />
        </Route>
      </Routes>
    </BrowserRouter>
  );
}

/** Lets in whoever is signed in; everybody else signs in first and comes back. */
function SignedIn() {
  const now = useStore(session);
  const { pathname, search } = useLocation();
  useEffect(() => {
    if (session.read().at === "asking") void askWhoIAm();
  }, []);
  if (now.at === "in") return <Shell />;
  if (now.at === "out") {
    const next = encodeURIComponent(pathname + search);
    return <Navigate to={`/sign-in?next=${next}`} replace />;
  }
  return (
    <main className="mx-auto grid min-h-dvh max-w-xl content-center p-4">
      <h1 className="sr-only">Nexus</h1>
      {now.at === "failed" ? (
        <Trouble problem={now.problem} onRetry={() => void askWhoIAm()} />
      ) : (
        <div role="status" aria-label="Asking who you are">
          <Skeleton className="h-24" />
        </div>
      )}
    </main>
  );
}
