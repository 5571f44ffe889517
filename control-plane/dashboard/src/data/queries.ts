// What pages ask for, each with the topics that make it old.

import * as api from "@/api/calls";
import { missing, Refused } from "@/api/refused";
import { useResource } from "./use-resource";

export const useWorkspaces = () =>
  useResource("workspaces", ["workspaces"], (signal) => api.workspaces.list(signal));

export const useWorkspace = (id: string) =>
  useResource(`workspace/${id}`, ["workspaces"], (signal) => api.workspaces.read(id, signal));

export const useWorkspaceAt = (id: string, sequence: number) =>
  useResource(`workspace/${id}/at/${sequence}`, [], (signal) =>
    api.workspaces.asOf(id, sequence, signal),
  );

/** The same, and nothing where the workspace was not there yet. */
export const useWorkspaceAtIfThere = (id: string, sequence: number) =>
  useResource(`workspace/${id}/at-if-there/${sequence}`, [], (signal) =>
    api.workspaces.asOf(id, sequence, signal).catch((error: unknown) => {
      if (error instanceof Refused && error.problem.status === 404) return null;
      throw error;
    }),
  );

export const useWorkspaceEvents = (id: string) =>
  useResource(`workspace/${id}/events`, [`workspace:${id}`], (signal) =>
    api.workspaces.events(id, signal),
  );

export const useWorkspaceOperations = (id: string) =>
  useResource(`workspace/${id}/operations`, [`workspace:${id}`], (signal) =>
    api.workspaces.operations(id, signal),
  );

export const useTerminals = (id: string) =>
  useResource(`workspace/${id}/terminals`, [`workspace:${id}`], (signal) =>
    api.workspaces.terminals(id, signal),
  );

export const usePreviews = (id: string) =>
  useResource(`workspace/${id}/previews`, [`workspace:${id}`], (signal) =>
    api.workspaces.previews(id, signal),
  );

export const useEvent = (sequence: number) =>
  useResource(`event/${sequence}`, [], async (signal) => {
    const page = await api.events.page({ after: sequence - 1, limit: 1 }, signal);
    const found = page.items.find((view) => view.sequence === sequence);
    if (!found) throw missing(`event ${sequence}`);
    return found;
  });

export const useOperation = (id: string) =>
  useResource(`operation/${id}`, [`operation:${id}`], (signal) => api.operations.read(id, signal));

export const useOperations = (workspace: string, state: string) =>
  useResource(`operations/${workspace}/${state}`, ["operations"], (signal) =>
    api.operations.page({ workspace, state }, signal),
  );

export const useNodes = () => useResource("nodes", ["nodes"], (signal) => api.nodes.list(signal));

export const useParked = () => useResource("parked", [], (signal) => api.parked.list(signal));

export const useProjections = () =>
  useResource("projections", [], (signal) => api.projections.list(signal));

export const useUsers = () => useResource("users", ["users"], (signal) => api.users.list(signal));

export const useTokens = () =>
  useResource("tokens", ["tokens"], (signal) => api.tokens.list(signal));

export const useCredentials = () =>
  useResource("credentials", ["credentials"], (signal) => api.settings.credentials(signal));

export const useAuthority = () =>
  useResource("authority", [], (signal) => api.ssh.authority(signal));

export const useScripts = () =>
  useResource("scripts", ["credentials"], (signal) => api.settings.scripts(signal));
