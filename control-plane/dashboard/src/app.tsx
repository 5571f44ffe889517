// The routes: everything a page shows is named by its path and its query, so that a reload, a
// bookmark and a link lead to the same view.

import { useEffect } from "react";
import { BrowserRouter, Navigate, Route, Routes, useLocation } from "react-router";
import { askWhoIAm, session } from "@/data/session";
import { useStore } from "@/data/store";
import { Shell } from "@/layout/shell";
import { later } from "@/lib/later";
import { Trouble } from "@/parts/trouble";
import { Skeleton } from "@/ui/skeleton";
import NotFound from "@/views/not-found";
import SignIn from "@/views/sign-in";
import Workspaces from "@/views/workspaces/list";

const Workspace = later(() => import("@/views/workspace/workspace"));
const Overview = later(() => import("@/views/workspace/overview"));
const Services = later(() => import("@/views/workspace/services"));
const Logs = later(() => import("@/views/workspace/logs"));
const WorkspaceEvents = later(() => import("@/views/workspace/events"));
const History = later(() => import("@/views/workspace/history"));
const Difference = later(() => import("@/views/workspace/difference"));
const Causes = later(() => import("@/views/workspace/causes"));
const Terminals = later(() => import("@/views/workspace/terminals"));
const Terminal = later(() => import("@/views/terminal/terminal"));
const Events = later(() => import("@/views/events/events"));
const Operations = later(() => import("@/views/operations/list"));
const Operation = later(() => import("@/views/operations/operation"));
const Nodes = later(() => import("@/views/nodes"));
const Parked = later(() => import("@/views/parked"));
const Projections = later(() => import("@/views/projections"));
const Users = later(() => import("@/views/users/users"));
const Settings = later(() => import("@/views/settings/settings"));

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
