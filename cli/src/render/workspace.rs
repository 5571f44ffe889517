//! Workspaces: a row of the list, and the page of one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nexus_events::name::ServiceName;
use nexus_events::view::{OperationSummary, RepositoryView, ServiceView, SshView, WorkspaceView};
use nexus_events::workspace::ServiceStatus;
use serde::Serialize;

use super::{Row, Show, facts, kind_text, table};
use crate::clean::clean;
use crate::duration;
use crate::screen::Screen;
use crate::waterfall::Waterfall;

impl Row for WorkspaceView {
    const HEADINGS: &'static [&'static str] = &[
        "NAME", "PHASE", "PROVIDER", "SERVICES", "SSH", "AGE", "OWNER",
    ];

    fn cells(&self) -> Vec<String> {
        let healthy = self
            .services
            .values()
            .filter(|service| service.status == ServiceStatus::Running)
            .count();
        vec![
            self.name.to_string(),
            phase_text(self),
            self.provider.to_string(),
            match self.services.len() {
                0 => String::new(),
                all => format!("{healthy}/{all}"),
            },
            self.ssh
                .as_ref()
                .map_or(String::new(), |ssh| format!("{}:{}", ssh.host, ssh.port)),
            duration::show(duration::between(self.created_at, Timestamp::now())),
            self.owner_login
                .clone()
                .unwrap_or_else(|| self.owner.to_string()),
        ]
    }

    fn name(&self) -> String {
        self.name.to_string()
    }
}

/// The phase, with what a person must know besides: `running (partial)`, `running?`.
pub(crate) fn phase_text(workspace: &WorkspaceView) -> String {
    let phase = workspace.phase.as_str();
    match (workspace.unknown, workspace.partial) {
        (true, _) => format!("{phase}? (node lost)"),
        (false, true) => format!("{phase} (partial)"),
        (false, false) => phase.to_owned(),
    }
}

impl Show for WorkspaceView {
    fn table(&self, _screen: &Screen) -> String {
        format!(
            "{}{}",
            facts(&facts_of(self)),
            services_text(&self.services)
        )
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.to_string()]
    }
}

/// A workspace with the waterfall of its last operation.
#[derive(Debug, Serialize)]
pub(crate) struct WorkspaceStatus {
    /// The workspace.
    #[serde(flatten)]
    pub(crate) workspace: WorkspaceView,
    /// Its last operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waterfall: Option<Waterfall>,
}

impl Show for WorkspaceStatus {
    fn table(&self, screen: &Screen) -> String {
        let waterfall = self.waterfall.as_ref().map(|bars| bars.draw(screen));
        let page = self.workspace.table(screen);
        match waterfall {
            Some(waterfall) => format!("{page}\n{waterfall}"),
            None => page,
        }
    }

    fn names(&self) -> Vec<String> {
        self.workspace.names()
    }
}

/// The services of a workspace.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Services(pub(crate) BTreeMap<ServiceName, ServiceView>);

impl Show for Services {
    fn table(&self, _screen: &Screen) -> String {
        let rows: Vec<ServiceRow<'_>> = self.0.iter().map(ServiceRow).collect();
        table(&rows)
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().map(ToString::to_string).collect()
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        #[derive(Serialize)]
        struct Named<'a> {
            name: &'a ServiceName,
            #[serde(flatten)]
            service: &'a ServiceView,
        }
        self.0
            .iter()
            .map(|(name, service)| serde_json::to_string(&Named { name, service }))
            .collect()
    }
}

struct ServiceRow<'a>((&'a ServiceName, &'a ServiceView));

impl<'a> From<(&'a ServiceName, &'a ServiceView)> for ServiceRow<'a> {
    fn from(pair: (&'a ServiceName, &'a ServiceView)) -> Self {
        Self(pair)
    }
}

impl Row for ServiceRow<'_> {
    const HEADINGS: &'static [&'static str] = &["SERVICE", "STATUS", "PORT", "ADDRESS", "CAUSE"];

    fn cells(&self) -> Vec<String> {
        let (name, service) = self.0;
        vec![
            name.to_string(),
            service_text(service.status).into(),
            service.port.map_or(String::new(), |port| port.to_string()),
            service.url.clone().unwrap_or_default(),
            service.cause.clone().unwrap_or_default(),
        ]
    }

    fn name(&self) -> String {
        self.0.0.to_string()
    }
}

const fn service_text(status: ServiceStatus) -> &'static str {
    match status {
        ServiceStatus::Pending => "pending",
        ServiceStatus::Starting => "starting",
        ServiceStatus::Running => "running",
        ServiceStatus::Unhealthy => "unhealthy",
        ServiceStatus::Failed => "failed",
        ServiceStatus::Stopped => "stopped",
    }
}

fn services_text(services: &BTreeMap<ServiceName, ServiceView>) -> String {
    let address = |service: &ServiceView| {
        let address = service.url.as_deref().or(service.cause.as_deref());
        clean(address.unwrap_or_default())
    };
    let longest = services.keys().map(|name| name.as_str().len()).max();
    let longest = longest.unwrap_or(0);
    let lines = services.iter().map(|(name, service)| {
        let line = format!(
            "  {:longest$}  {:9}  {}",
            name.as_str(),
            service_text(service.status),
            address(service)
        );
        format!("{}\n", line.trim_end())
    });
    match services.is_empty() {
        true => String::new(),
        false => format!("services\n{}", lines.collect::<String>()),
    }
}

/// A page's facts, in the order they are read.
fn facts_of(workspace: &WorkspaceView) -> Vec<(&'static str, String)> {
    let optional = |text: Option<String>| text.unwrap_or_default();
    let machine = [
        Some(workspace.provider.to_string()),
        workspace.image.clone(),
    ];
    let machine: Vec<String> = machine.into_iter().flatten().collect();
    let failure = workspace.failure.as_ref();
    let idle = workspace.idle_stop_at.map(|at| format!("{at:.0}"));
    vec![
        ("workspace", workspace.name.to_string()),
        ("id", workspace.id.to_string()),
        ("phase", phase_text(workspace)),
        ("machine", machine.join(", ")),
        (
            "node",
            optional(workspace.node.map(|node| node.to_string())),
        ),
        (
            "repository",
            optional(workspace.repository.as_ref().map(repository_text)),
        ),
        ("shell", optional(shell_text(workspace))),
        (
            "operation",
            optional(workspace.operation.as_ref().map(operation_text)),
        ),
        (
            "failure",
            optional(failure.map(|failure| failure.cause.clone())),
        ),
        (
            "next",
            optional(failure.map(|failure| failure.hint.clone())),
        ),
        ("idle stop", optional(idle)),
    ]
}

/// `URL @ branch (commit)`.
fn repository_text(repository: &RepositoryView) -> String {
    let mut text = repository.url.clone();
    if let Some(branch) = &repository.branch {
        text.push_str(&format!(" @ {branch}"));
    }
    if let Some(commit) = &repository.commit {
        text.push_str(&format!(" ({})", commit.get(..12).unwrap_or(commit)));
    }
    text
}

/// The command, and what it leads to.
fn shell_text(workspace: &WorkspaceView) -> Option<String> {
    let SshView {
        host, port, user, ..
    } = workspace.ssh.as_ref()?;
    let name = &workspace.name;
    Some(format!(
        "nexus workspace ssh {name}  ({user}@{host}:{port})"
    ))
}

fn operation_text(operation: &OperationSummary) -> String {
    let step = operation.step.as_ref();
    let step = step.map_or(String::new(), |step| format!(", in step {step}"));
    format!("{} {}{step}", kind_text(operation.kind), operation.id)
}
