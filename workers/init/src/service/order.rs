//! In which order services start, decided before anything is started.

use std::collections::{BTreeMap, BTreeSet};

use nexus_init_protocol::{HealthProbe, ServiceSpec};

/// Most services of one workspace.
const MAX_SERVICES: usize = 64;

/// Why a set of services cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("services depend on each other in a circle: {}", names.join(" → "))]
    Cycle { names: Vec<String> },
    #[error("service {service:?} depends on {dependency:?}, which is not defined")]
    UnknownDependency { service: String, dependency: String },
    #[error("service {name:?} is defined twice")]
    Twice { name: String },
    #[error(
        "service name {name:?} must have 1 to 40 lower-case letters, digits and hyphens and start with a letter"
    )]
    BadName { name: String },
    #[error("services {first:?} and {second:?} both want port {port}")]
    PortTwice {
        port: u16,
        first: String,
        second: String,
    },
    #[error("service {service:?} has a health check that needs a port, and no port")]
    CheckWithoutPort { service: String },
    #[error("there are {count} services; at most {MAX_SERVICES} are possible")]
    TooMany { count: usize },
}

impl OrderError {
    /// Stable name of the error.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Cycle { .. } => "service_cycle",
            Self::UnknownDependency { .. } => "service_dependency_unknown",
            Self::Twice { .. } => "service_defined_twice",
            Self::BadName { .. } => "service_name_invalid",
            Self::PortTwice { .. } => "service_port_taken",
            Self::CheckWithoutPort { .. } => "service_port_missing",
            Self::TooMany { .. } => "service_count_exceeded",
        }
    }
}

/// The services sorted so that each comes after those it depends on; otherwise as they were given.
pub(crate) fn in_order(specs: Vec<ServiceSpec>) -> Result<Vec<ServiceSpec>, OrderError> {
    check_each(&specs)?;
    let mut waiting = specs;
    let mut placed = BTreeSet::new();
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let is_free = |spec: &ServiceSpec| spec.depends_on.iter().all(|name| placed.contains(name));
        let Some(next) = waiting.iter().position(is_free) else {
            return Err(OrderError::Cycle {
                names: find_cycle(&waiting),
            });
        };
        let spec = waiting.remove(next);
        placed.insert(spec.name.clone());
        ordered.push(spec);
    }
    Ok(ordered)
}

fn check_each(specs: &[ServiceSpec]) -> Result<(), OrderError> {
    if specs.len() > MAX_SERVICES {
        let count = specs.len();
        return Err(OrderError::TooMany { count });
    }
    let mut names = BTreeSet::new();
    let mut ports = BTreeMap::new();
    for spec in specs {
        let name = spec.name.clone();
        if !is_name(&name) {
            return Err(OrderError::BadName { name });
        }
        if !names.insert(name.clone()) {
            return Err(OrderError::Twice { name });
        }
        if let Some(port) = spec.port
            && let Some(first) = ports.insert(port, name.clone())
        {
            let second = name;
            return Err(OrderError::PortTwice {
                port,
                first,
                second,
            });
        }
        if needs_port(spec) && spec.port.is_none() {
            return Err(OrderError::CheckWithoutPort { service: name });
        }
    }
    for spec in specs {
        for dependency in &spec.depends_on {
            if !names.contains(dependency) {
                return Err(OrderError::UnknownDependency {
                    service: spec.name.clone(),
                    dependency: dependency.clone(),
                });
            }
        }
    }
    Ok(())
}

fn needs_port(spec: &ServiceSpec) -> bool {
    match spec.health_check.as_ref().map(|check| &check.probe) {
        Some(HealthProbe::Http { port, .. } | HealthProbe::Tcp { port }) => port.is_none(),
        Some(HealthProbe::Exec { .. }) | None => false,
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    starts_well && name.len() <= 40 && name.chars().all(allowed)
}

/// Follows dependencies among services that all wait for one another until one comes again.
fn find_cycle(waiting: &[ServiceSpec]) -> Vec<String> {
    let find = |name: &str| waiting.iter().find(|spec| spec.name == name);
    let mut path: Vec<String> = Vec::new();
    let mut current = waiting.first();
    while let Some(spec) = current {
        if let Some(begin) = path.iter().position(|name| *name == spec.name) {
            path.drain(..begin);
            path.push(spec.name.clone());
            return path;
        }
        path.push(spec.name.clone());
        current = spec.depends_on.iter().find_map(|name| find(name));
    }
    path
}

#[cfg(test)]
mod tests {
    use nexus_init_protocol::{CommandLine, HealthCheck, RestartPolicy};

    use super::*;

    fn service(name: &str, depends_on: &[&str]) -> ServiceSpec {
        ServiceSpec {
            name: name.to_owned(),
            command: CommandLine::Shell("true".to_owned()),
            port: None,
            depends_on: depends_on.iter().map(|name| (*name).to_owned()).collect(),
            health_check: None,
            env: BTreeMap::new(),
            directory: None,
            restart: RestartPolicy::Never,
            stop_grace_ms: 1000,
        }
    }

    fn names(specs: Vec<ServiceSpec>) -> Result<Vec<String>, OrderError> {
        in_order(specs).map(|specs| specs.into_iter().map(|spec| spec.name).collect())
    }

    #[test]
    fn dependencies_come_first() {
        let specs = vec![
            service("web", &["api"]),
            service("api", &["db"]),
            service("db", &[]),
        ];
        assert_eq!(names(specs).unwrap(), ["db", "api", "web"]);
        assert_eq!(names(vec![]).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_circle_is_named_in_order() {
        let specs = vec![
            service("free", &[]),
            service("a", &["b"]),
            service("b", &["c"]),
            service("c", &["b"]),
        ];
        let error = names(specs).unwrap_err();
        assert_eq!(error.code(), "service_cycle");
        assert!(error.to_string().ends_with("b → c → b"), "{error}");
        let own = names(vec![service("a", &["a"])]).unwrap_err();
        assert!(own.to_string().ends_with("a → a"), "{own}");
    }

    #[test]
    fn bad_sets_are_refused_by_name() {
        let refused = |specs: Vec<ServiceSpec>| names(specs).unwrap_err().code();
        assert_eq!(
            refused(vec![service("a", &["x"])]),
            "service_dependency_unknown"
        );
        assert_eq!(
            refused(vec![service("a", &[]), service("a", &[])]),
            "service_defined_twice"
        );
        for bad in ["", "A", "1a", "a/b", "-a", "a b", &"a".repeat(41)] {
            assert_eq!(
                refused(vec![service(bad, &[])]),
                "service_name_invalid",
                "{bad:?}"
            );
        }
        let mut first = service("a", &[]);
        first.port = Some(80);
        let mut second = service("b", &[]);
        second.port = Some(80);
        assert_eq!(refused(vec![first, second]), "service_port_taken");
        let mut unchecked = service("a", &[]);
        unchecked.health_check = Some(HealthCheck::new(HealthProbe::Tcp { port: None }));
        assert_eq!(refused(vec![unchecked]), "service_port_missing");
        let many = (0..65).map(|n| service(&format!("s{n}"), &[])).collect();
        assert_eq!(refused(many), "service_count_exceeded");
    }
}
