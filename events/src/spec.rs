//! What a workspace is asked to be: the validated specification.
//!
//! A [`WorkspaceSpec`] can only be had from a [`WorkspaceSpec::validated`] call (or from the log,
//! where a validated one was written), so whoever holds one need not check it again.

mod provider;
mod repository;
mod service;

pub use provider::{Capabilities, Provider, UnknownProvider};
pub use repository::{Repository, RepositoryUrl, SourceRules};
pub use service::{HealthCheck, HealthProbe, RestartPolicy, ServiceSpec, start_order};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{ImageName, ServiceName};

/// Cores, memory and processes a workspace may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Thousandths of a core.
    pub cpu_milli: u32,
    /// MiB.
    pub memory_mib: u32,
    /// Processes and threads.
    pub processes: u32,
}

impl Default for Resources {
    /// Two cores and 4 GB, as the user's own example configuration asks for.
    fn default() -> Self {
        Self {
            cpu_milli: 2000,
            memory_mib: 4096,
            processes: 4096,
        }
    }
}

/// When a workspace is stopped without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct IdlePolicy {
    /// Seconds without activity after which it is stopped; `None`: never.
    pub after_seconds: Option<u32>,
}

impl Default for IdlePolicy {
    fn default() -> Self {
        Self {
            after_seconds: Some(600),
        }
    }
}

/// What a workspace is asked to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkspaceSpec {
    /// What makes the machine.
    pub provider: Provider,
    /// What the machine starts from; `None`: the provider's base image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageName>,
    /// What is cloned into it; `None`: an empty workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,
    /// Services by name; empty: whatever the repository itself configures.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<ServiceName, ServiceSpec>,
    /// Environment of services and shells. Nothing secret: this is written to the log.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Limits.
    #[serde(default)]
    pub resources: Resources,
    /// When it is stopped by itself.
    #[serde(default)]
    pub idle: IdlePolicy,
}

/// One thing wrong with a specification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {cause}")]
pub struct InvalidSpec {
    /// Which field, in the words of the request (`services.web.port`).
    pub field: String,
    /// What is wrong with it, as a sentence a person can act on.
    pub cause: String,
}

impl InvalidSpec {
    pub(crate) fn new(field: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            cause: cause.into(),
        }
    }
}

/// The most services one workspace can have.
const MOST_SERVICES: usize = 50;
/// The most variables, and the longest value in bytes.
const MOST_VARIABLES: (usize, usize) = (200, 32 * 1024);

impl WorkspaceSpec {
    /// An empty workspace on `provider`, everything else by default.
    pub fn on(provider: Provider) -> Self {
        Self {
            provider,
            image: None,
            repository: None,
            services: BTreeMap::new(),
            environment: BTreeMap::new(),
            resources: Resources::default(),
            idle: IdlePolicy::default(),
        }
    }

    /// This specification, once everything in it that types cannot say has been checked.
    ///
    /// # Errors
    /// Every field that is wrong, not only the first.
    pub fn validated(self) -> Result<Self, Vec<InvalidSpec>> {
        let mut wrong = Vec::new();
        self.check_services(&mut wrong);
        self.check_environment(&mut wrong);
        self.check_limits(&mut wrong);
        if wrong.is_empty() {
            Ok(self)
        } else {
            Err(wrong)
        }
    }

    fn check_services(&self, wrong: &mut Vec<InvalidSpec>) {
        if self.services.len() > MOST_SERVICES {
            wrong.push(InvalidSpec::new(
                "services",
                format!("at most {MOST_SERVICES} services"),
            ));
        }
        let mut ports = BTreeMap::new();
        for (name, service) in &self.services {
            service.check(name, wrong);
            if let Some(port) = service.port
                && let Some(other) = ports.insert(port, name)
            {
                let cause = format!("port {port} is taken by service `{other}` already");
                wrong.push(InvalidSpec::new(format!("services.{name}.port"), cause));
            }
        }
        if let Err(error) = start_order(&self.services) {
            wrong.push(error);
        }
    }

    fn check_environment(&self, wrong: &mut Vec<InvalidSpec>) {
        let (most, longest) = MOST_VARIABLES;
        if self.environment.len() > most {
            wrong.push(InvalidSpec::new(
                "environment",
                format!("at most {most} variables"),
            ));
        }
        for (key, value) in &self.environment {
            let named = !key.is_empty()
                && !key.as_bytes()[0].is_ascii_digit()
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !named {
                let cause =
                    "a variable's name is letters, digits and `_`, not starting with a digit";
                wrong.push(InvalidSpec::new(
                    format!("environment.{}", key.escape_debug()),
                    cause,
                ));
            } else if value.len() > longest || value.contains('\0') {
                let cause = format!("at most {longest} bytes, and no NUL");
                wrong.push(InvalidSpec::new(format!("environment.{key}"), cause));
            }
        }
    }

    fn check_limits(&self, wrong: &mut Vec<InvalidSpec>) {
        let Resources {
            cpu_milli,
            memory_mib,
            processes,
        } = self.resources;
        for (field, value, least, most) in [
            ("resources.cpu_milli", cpu_milli, 50, 256_000),
            ("resources.memory_mib", memory_mib, 64, 1 << 20),
            ("resources.processes", processes, 16, 1 << 20),
        ] {
            if !(least..=most).contains(&value) {
                let cause = format!("{value} is outside {least} to {most}");
                wrong.push(InvalidSpec::new(field, cause));
            }
        }
        if self.idle.after_seconds.is_some_and(|seconds| seconds < 30) {
            let cause = "at least 30 seconds, or null for never";
            wrong.push(InvalidSpec::new("idle.after_seconds", cause));
        }
    }
}
