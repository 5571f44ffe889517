//! `nexus.cmd.<provider>.<node or any>.<workspace>`: at most one open command per workspace.

use std::fmt;
use std::str::FromStr;

use nexus_events::id::{NodeId, WorkspaceId};
use nexus_events::spec::Provider;

use super::token::SubjectError;

const PREFIX: &str = "nexus.cmd.";
const ANY: &str = "any";

/// Which worker a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Route {
    /// Whichever of the provider has room: nothing of the workspace exists yet.
    Any,
    /// The node that has the workspace's machine.
    Node(NodeId),
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str(ANY),
            Self::Node(node) => node.fmt(f),
        }
    }
}

impl FromStr for Route {
    type Err = nexus_events::id::ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == ANY {
            Ok(Self::Any)
        } else {
            text.parse().map(Self::Node)
        }
    }
}

/// Where the open command of a workspace stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommandSubject {
    /// What drives the machine.
    pub provider: Provider,
    /// Which worker may take it.
    pub route: Route,
    /// Whose machine it is about.
    pub workspace: WorkspaceId,
}

impl CommandSubject {
    /// Every command there is.
    pub const ALL: &'static str = "nexus.cmd.>";

    /// All commands for one worker, as a filter.
    pub fn all_for(provider: Provider, route: Route) -> String {
        format!("{PREFIX}{provider}.{route}.*")
    }

    /// Every command about one workspace, wherever it goes, as a filter.
    pub fn all_about(workspace: WorkspaceId) -> String {
        format!("{PREFIX}*.*.{workspace}")
    }
}

impl fmt::Display for CommandSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PREFIX}{}.{}.{}",
            self.provider, self.route, self.workspace
        )
    }
}

impl FromStr for CommandSubject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = || SubjectError::shape(text, "command");
        let mut parts = text.strip_prefix(PREFIX).ok_or_else(shape)?.split('.');
        let (Some(provider), Some(route), Some(workspace), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(shape());
        };
        let parsed = Self {
            provider: provider.parse().map_err(|_| shape())?,
            route: route.parse().map_err(|_| shape())?,
            workspace: workspace.parse().map_err(|_| shape())?,
        };
        // A provider has second spellings; a subject has one.
        if parsed.provider.as_str() == provider {
            Ok(parsed)
        } else {
            Err(shape())
        }
    }
}
