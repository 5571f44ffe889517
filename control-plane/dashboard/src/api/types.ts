// What the API answers, in TypeScript: the parts of /openapi.json that the pages read.

export type Phase =
  | "absent"
  | "requested"
  | "provisioning"
  | "starting"
  | "running"
  | "stopping"
  | "stopped"
  | "deleting"
  | "deleted"
  | "failed";

export type Provider = "process" | "docker" | "lxd" | "qemu" | "fly" | "morph" | "fake";
export type ServiceStatus = "pending" | "starting" | "running" | "unhealthy" | "failed" | "stopped";
export type OperationKind = "create" | "start" | "stop" | "delete";
export type OperationState = "in_flight" | "succeeded" | "failed" | "superseded";
export type NodeStatus = "absent" | "online" | "draining" | "lost" | "left";
export type Scope = "user" | "admin";

export interface FieldError {
  field: string;
  cause: string;
}

/** A refusal (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  hint?: string;
  retryable: boolean;
  trace_id?: string;
  errors?: FieldError[];
}

export interface Page<T> {
  items: T[];
  next?: string;
  sequence: number;
}

export interface Failure {
  code: string;
  step?: string | null;
  cause: string;
  hint: string;
  retryable: boolean;
}

export interface ServiceView {
  status: ServiceStatus;
  port?: number | null;
  mapped_port?: number | null;
  url?: string | null;
  cause?: string | null;
}

export interface RepositoryView {
  owner: string;
  name: string;
  url: string;
  branch?: string | null;
  commit?: string | null;
}

export interface SshView {
  host: string;
  port: number;
  user: string;
  host_key?: string | null;
}

export interface OperationSummary {
  id: string;
  kind: OperationKind;
  step?: string | null;
  requested_at: string;
  deadline: string;
}

export interface Hold {
  reason?: string | null;
  until?: string | null;
  at: string;
}

export interface WorkspaceView {
  id: string;
  name: string;
  owner: string;
  owner_login?: string | null;
  phase: Phase;
  status: "pending" | "creating" | "running" | "stopped" | "error";
  unknown: boolean;
  partial: boolean;
  provider: Provider;
  node?: string | null;
  image?: string | null;
  repository?: RepositoryView | null;
  services: Record<string, ServiceView>;
  ssh?: SshView | null;
  operation?: OperationSummary | null;
  failure?: Failure | null;
  activity: Record<string, string>;
  holds?: Record<string, Hold>;
  idle_stop_at?: string | null;
  created_at: string;
  updated_at: string;
  version: number;
  sequence: number;
}

export interface StepView {
  step: string;
  state: OperationState;
  started_at: string;
  duration_ms?: number | null;
  detail?: string | null;
  failure?: Failure | null;
}

export interface OperationView {
  id: string;
  workspace: string;
  workspace_name: string;
  kind: OperationKind;
  state: OperationState;
  reason: string;
  epoch: number;
  node?: string | null;
  steps: StepView[];
  failure?: Failure | null;
  requested_at: string;
  deadline: string;
  ended_at?: string | null;
  duration_ms?: number | null;
  sequence: number;
}

export interface Accepted {
  workspace: string;
  operation: string | null;
  reason?: string | null;
  sequence: number;
}

export interface NodeView {
  id: string;
  provider: Provider;
  hostname: string;
  engine: string;
  version: string;
  slots: number;
  capabilities: Record<string, boolean>;
  status: NodeStatus;
  last_heard?: string | null;
  running: string[];
  workspaces: number;
}

export interface UserView {
  id: string;
  github_login?: string | null;
  keys: string[];
  registered_at: string;
}

export interface TokenView {
  id: string;
  user: string;
  scope: Scope;
  issued_at: string;
  expires_at?: string | null;
  label?: string | null;
}

export interface IssuedToken {
  id: string;
  token: string;
}

export interface ParkedView {
  sequence: number;
  subject: string;
  reason: string;
  attempts: number;
  at?: string | null;
  payload: string;
}

/** A stored event (CloudEvents 1.0 with our extensions). */
export interface StoredEvent {
  id: string;
  type: string;
  source: string;
  subject: string;
  time: string;
  actor?: string;
  correlationid?: string;
  causationid?: string;
  traceparent?: string;
  data: Record<string, Record<string, unknown>>;
}

export interface EventView {
  sequence: number;
  event: StoredEvent;
}

export interface OutputView {
  sequence: number;
  at: string;
  operation: string;
  step: string;
  stream: "stdout" | "stderr" | "system";
  text: string;
}

export interface HealthView {
  status: string;
  version: string;
  uptime_seconds: number;
  sequence: number;
  lag: number;
  checks: Record<string, string>;
}

/** Who this browser is signed in as. */
export interface IdentityView {
  user_id?: string | null;
  operator: boolean;
  scope: Scope;
}

export interface ProjectionView {
  name: string;
  sequence: number;
  lag: number;
  rebuilding: boolean;
}

export interface PreviewView {
  service?: string | null;
  port: number;
  url: string;
}

export interface TerminalView {
  id: string;
  argv: string[];
  started_at: string;
  viewers: number;
  cols: number;
  rows: number;
  first_offset: number;
  end_offset: number;
  recording: boolean;
  exit?: { code: number } | { signal: number } | null;
}

/** A credential; its value is never told. */
export interface CredentialView {
  digest: string;
  changed_at: string;
}

export interface CredentialsView {
  env: Record<string, CredentialView>;
  files: Record<string, CredentialView>;
  sequence: number;
}

/** What runs once a workspace is ready: a program and its arguments. */
export interface Scripts {
  post_start?: string[] | null;
}

export interface AuthorityView {
  host_authority: string;
  user_authority: string;
  jump_host?: { host: string; port: number } | null;
}

export interface ServiceSpec {
  command: string;
  port?: number;
  depends_on?: string[];
}

export interface NewWorkspace {
  name: string;
  spec: {
    provider: Provider;
    image?: string;
    repository?: { owner: string; name: string; url: string; branch?: string };
    services?: Record<string, ServiceSpec>;
    environment?: Record<string, string>;
    resources?: { cpu_milli: number; memory_mib: number; processes: number };
    idle?: { after_seconds: number | null };
  };
}
