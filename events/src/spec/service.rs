//! A long-running process inside a workspace, and the order services start in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::InvalidSpec;
use crate::name::ServiceName;

/// A service as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// A command line for the shell inside the workspace; it never runs anywhere else.
    pub command: String,
    /// The port it listens on inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Services that must be healthy before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<ServiceName>,
    /// How its health is told; `None`: by its port where it has one, else by running for a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// What happens when it exits.
    #[serde(default)]
    pub restart: RestartPolicy,
}

/// How a service's health is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(from = "HealthCheckForm")]
pub struct HealthCheck {
    /// What is tried.
    #[serde(flatten)]
    pub probe: HealthProbe,
    /// Seconds until a service that never was healthy counts as failed.
    pub timeout_seconds: u32,
}

/// A health check as it is written: one flat object. Flattening and the refusal of unknown fields
/// do not go together when reading (serde), so each form names all of its fields.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum HealthCheckForm {
    Http {
        #[serde(default = "HealthProbe::root")]
        path: String,
        #[serde(default = "HealthCheck::default_timeout")]
        timeout_seconds: u32,
    },
    Tcp {
        #[serde(default = "HealthCheck::default_timeout")]
        timeout_seconds: u32,
    },
    Exec {
        command: String,
        #[serde(default = "HealthCheck::default_timeout")]
        timeout_seconds: u32,
    },
}

impl From<HealthCheckForm> for HealthCheck {
    fn from(form: HealthCheckForm) -> Self {
        let (probe, timeout_seconds) = match form {
            HealthCheckForm::Http {
                path,
                timeout_seconds,
            } => (HealthProbe::Http { path }, timeout_seconds),
            HealthCheckForm::Tcp { timeout_seconds } => (HealthProbe::Tcp {}, timeout_seconds),
            HealthCheckForm::Exec {
                command,
                timeout_seconds,
            } => (HealthProbe::Exec { command }, timeout_seconds),
        };
        Self {
            probe,
            timeout_seconds,
        }
    }
}

impl HealthCheck {
    const fn default_timeout() -> u32 {
        30
    }
}

/// What a health check tries, inside the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum HealthProbe {
    /// GET on the service's port answers below 500.
    Http {
        /// The path asked for.
        #[serde(default = "HealthProbe::root")]
        path: String,
    },
    /// The service's port accepts a connection.
    Tcp {},
    /// A command line exits with 0.
    Exec {
        /// The command line, for the shell.
        command: String,
    },
}

impl HealthProbe {
    fn root() -> String {
        "/".into()
    }
}

/// What happens when a service exits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    /// It stays down.
    Never,
    /// It is started again after a failure, with growing pauses, so many times.
    OnFailure {
        /// How often at most.
        max_restarts: u32,
    },
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self::OnFailure { max_restarts: 5 }
    }
}

impl ServiceSpec {
    pub(super) fn check(&self, name: &ServiceName, wrong: &mut Vec<InvalidSpec>) {
        let field = |part: &str| format!("services.{name}.{part}");
        if self.command.trim().is_empty()
            || self.command.len() > 8192
            || self.command.contains('\0')
        {
            let cause = "a command line of 1 to 8192 bytes, without NUL";
            wrong.push(InvalidSpec::new(field("command"), cause));
        }
        if self.port == Some(0) {
            wrong.push(InvalidSpec::new(field("port"), "a port from 1 to 65535"));
        }
        if let Some(check) = &self.health_check {
            self.check_health(check, &field, wrong);
        }
    }

    fn check_health(
        &self,
        check: &HealthCheck,
        field: &dyn Fn(&str) -> String,
        wrong: &mut Vec<InvalidSpec>,
    ) {
        if !(1..=3600).contains(&check.timeout_seconds) {
            wrong.push(InvalidSpec::new(
                field("health_check.timeout_seconds"),
                "1 to 3600 seconds",
            ));
        }
        match &check.probe {
            HealthProbe::Http { .. } | HealthProbe::Tcp {} if self.port.is_none() => {
                wrong.push(InvalidSpec::new(
                    field("port"),
                    "an http or tcp health check needs a port",
                ));
            }
            HealthProbe::Http { path }
                if !path.starts_with('/') || path.bytes().any(|b| b <= b' ') =>
            {
                let cause = "a path that starts with `/`, without spaces";
                wrong.push(InvalidSpec::new(field("health_check.path"), cause));
            }
            HealthProbe::Exec { command } if command.trim().is_empty() => {
                wrong.push(InvalidSpec::new(
                    field("health_check.command"),
                    "a command line",
                ));
            }
            HealthProbe::Http { .. } | HealthProbe::Tcp {} | HealthProbe::Exec { .. } => {}
        }
    }
}

/// The order services start in: each after those it depends on, else by name.
///
/// # Errors
/// A dependency that does not exist, or the first cycle, spelled out.
pub fn start_order(
    services: &BTreeMap<ServiceName, ServiceSpec>,
) -> Result<Vec<&ServiceName>, InvalidSpec> {
    let mut order = Vec::with_capacity(services.len());
    let mut path = Vec::new();
    for name in services.keys() {
        visit(name, services, &mut path, &mut order)?;
    }
    Ok(order)
}

fn visit<'a>(
    name: &'a ServiceName,
    services: &'a BTreeMap<ServiceName, ServiceSpec>,
    path: &mut Vec<&'a ServiceName>,
    order: &mut Vec<&'a ServiceName>,
) -> Result<(), InvalidSpec> {
    if order.contains(&name) {
        return Ok(());
    }
    if let Some(start) = path.iter().position(|other| *other == name) {
        let mut names: Vec<&str> = path[start..].iter().map(|name| name.as_str()).collect();
        names.push(name.as_str());
        let cause = format!(
            "services depend on each other in a circle: {}",
            names.join(" -> ")
        );
        return Err(InvalidSpec::new(
            format!("services.{name}.depends_on"),
            cause,
        ));
    }
    path.push(name);
    for dependency in &services[name].depends_on {
        if !services.contains_key(dependency) {
            let cause = format!("there is no service `{dependency}`");
            return Err(InvalidSpec::new(
                format!("services.{name}.depends_on"),
                cause,
            ));
        }
        visit(dependency, services, path, order)?;
    }
    path.pop();
    order.push(name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(list: &[(&str, &[&str])]) -> BTreeMap<ServiceName, ServiceSpec> {
        let service = |after: &[&str]| ServiceSpec {
            command: "run".into(),
            port: None,
            depends_on: after.iter().map(|name| name.parse().unwrap()).collect(),
            health_check: None,
            restart: RestartPolicy::default(),
        };
        list.iter()
            .map(|(name, after)| (name.parse().unwrap(), service(after)))
            .collect()
    }

    #[test]
    fn health_checks_are_read_as_they_are_written_and_nothing_else() {
        for (json, probe, timeout_seconds) in [
            (
                r#"{"type":"http","path":"/up","timeout_seconds":5}"#,
                HealthProbe::Http { path: "/up".into() },
                5,
            ),
            (
                r#"{"type":"http"}"#,
                HealthProbe::Http { path: "/".into() },
                30,
            ),
            (r#"{"type":"tcp"}"#, HealthProbe::Tcp {}, 30),
            (
                r#"{"type":"exec","command":"true"}"#,
                HealthProbe::Exec {
                    command: "true".into(),
                },
                30,
            ),
        ] {
            let check = HealthCheck {
                probe,
                timeout_seconds,
            };
            assert_eq!(serde_json::from_str::<HealthCheck>(json).unwrap(), check);
            let written = serde_json::to_string(&check).unwrap();
            assert_eq!(
                serde_json::from_str::<HealthCheck>(&written).unwrap(),
                check
            );
        }
        for json in [r#"{"type":"tcp","retries":3}"#, r#"{"type":"ping"}"#, "{}"] {
            assert!(serde_json::from_str::<HealthCheck>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn dependencies_come_first() {
        let services = services(&[("api", &["db", "web"]), ("db", &[]), ("web", &["db"])]);
        let order: Vec<_> = start_order(&services)
            .unwrap()
            .iter()
            .map(|n| n.as_str())
            .collect();
        assert_eq!(order, ["db", "web", "api"]);
    }

    #[test]
    fn a_circle_is_spelled_out() {
        let error =
            start_order(&services(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])])).unwrap_err();
        assert_eq!(error.field, "services.b.depends_on");
        assert!(error.cause.ends_with("b -> c -> b"), "{}", error.cause);
    }

    #[test]
    fn a_missing_dependency_is_named() {
        let error = start_order(&services(&[("a", &["nobody"])])).unwrap_err();
        assert!(error.cause.contains("nobody"));
    }
}
