//! The steps of an operation, the same words in events, logs, waterfall and audit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::ServiceName;

/// One step of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The image or base tree is at hand.
    Image,
    /// The machine exists.
    Machine,
    /// The machine has a network.
    Network,
    /// The machine runs and its init answers.
    Start,
    /// Host keys and authorized keys are in place.
    Ssh,
    /// The repository is cloned.
    Clone,
    /// The repository's dependencies are installed.
    Install,
    /// The repository's hooks have run.
    Hooks,
    /// One service runs and is healthy.
    Service(ServiceName),
    /// The machine is being stopped.
    Stop,
    /// Machine and files are being removed.
    Delete,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image => f.write_str("image"),
            Self::Machine => f.write_str("machine"),
            Self::Network => f.write_str("network"),
            Self::Start => f.write_str("start"),
            Self::Ssh => f.write_str("ssh"),
            Self::Clone => f.write_str("clone"),
            Self::Install => f.write_str("install"),
            Self::Hooks => f.write_str("hooks"),
            Self::Service(name) => write!(f, "service-{name}"),
            Self::Stop => f.write_str("stop"),
            Self::Delete => f.write_str("delete"),
        }
    }
}

impl FromStr for Step {
    type Err = UnknownStep;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownStep {
            text: text.chars().take(60).collect(),
        };
        Ok(match text {
            "image" => Self::Image,
            "machine" => Self::Machine,
            "network" => Self::Network,
            "start" => Self::Start,
            "ssh" => Self::Ssh,
            "clone" => Self::Clone,
            "install" => Self::Install,
            "hooks" => Self::Hooks,
            "stop" => Self::Stop,
            "delete" => Self::Delete,
            _ => {
                let name = text.strip_prefix("service-").ok_or_else(unknown)?;
                Self::Service(name.parse().map_err(|_| unknown())?)
            }
        })
    }
}

/// No step is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no step")]
pub struct UnknownStep {
    text: String,
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Step {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("image, machine, network, start, ssh, clone, install, hooks, service-<name>, stop or delete"))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Step {
    fn name() -> std::borrow::Cow<'static, str> {
        std::borrow::Cow::Borrowed("Step")
    }
}
