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
        "NAME", "PHASE", "PROVIDER", "SERVICES", "SSH", "IDLE", "AGE", "OWNER",
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
            idle_text(self),
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

/// What keeps it up, and when it stops if nothing uses it: `held by nightly`, `in 9 m 00 s`.
pub(crate) fn idle_text(workspace: &WorkspaceView) -> String {
    let now = Timestamp::now();
    let held = workspace
        .holds
        .iter()
        .filter(|(_, hold)| hold.until.is_none_or(|until| until > now))
        .map(|(name, _)| name.as_str());
    let held: Vec<&str> = held.collect();
    let stop = workspace.idle_stop_at.map(|at| match at > now {
        true => format!("in {}", duration::show(duration::between(now, at))),
        false => "due".to_owned(),
    });
    match (held.is_empty(), stop) {
        (true, stop) => stop.unwrap_or_default(),
        (false, None) => format!("held by {}", held.join(", ")),
        (false, Some(stop)) => format!("{stop}, held by {}", held.join(", ")),
    }
}

/// What used it last, and when.
fn used_text(workspace: &WorkspaceView) -> String {
    let last = workspace.activity.iter().max_by_key(|(_, at)| **at);
    last.map_or(String::new(), |(source, at)| {
        let ago = duration::show(duration::between(*at, Timestamp::now()));
        let source = serde_json::to_value(source).unwrap_or_default();
        format!("{ago} ago ({})", source.as_str().unwrap_or_default())
    })
}

/// Every hold with its end and its reason.
fn held_text(workspace: &WorkspaceView) -> String {
    let holds = workspace.holds.iter().map(|(name, hold)| {
        let until = hold.until.map(|at| format!(" until {at:.0}"));
        let reason = hold.reason.as_ref().map(|reason| format!(": {reason}"));
        format!(
            "{name}{}{}",
            until.unwrap_or_default(),
            reason.unwrap_or_default()
        )
    });
    holds.collect::<Vec<_>>().join("; ")
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
        ("used", used_text(workspace)),
        ("held", held_text(workspace)),
        ("idle stop", idle_text(workspace)),
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
