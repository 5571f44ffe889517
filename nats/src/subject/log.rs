//! `nexus.log.<workspace>.<operation>.<step>`: what a step said while it ran.

use std::fmt;
use std::str::FromStr;

use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::workspace::Step;

use super::token::SubjectError;

const PREFIX: &str = "nexus.log.";

/// Where the output of one step of one operation goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogSubject {
    /// Whose operation it is.
    pub workspace: WorkspaceId,
    /// Which operation.
    pub operation: OperationId,
    /// Which of its steps.
    pub step: Step,
}

impl LogSubject {
    /// All output there is.
    pub const ALL: &'static str = "nexus.log.>";

    /// A filter: all of a workspace, or of one operation, or of one step of any operation.
    pub fn filter(
        workspace: WorkspaceId,
        operation: Option<OperationId>,
        step: Option<&Step>,
    ) -> String {
        let operation = operation.map_or_else(|| "*".to_owned(), |id| id.to_string());
        let step = step.map_or_else(|| "*".to_owned(), ToString::to_string);
        format!("{PREFIX}{workspace}.{operation}.{step}")
    }
}

impl fmt::Display for LogSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PREFIX}{}.{}.{}",
            self.workspace, self.operation, self.step
        )
    }
}

impl FromStr for LogSubject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = || SubjectError::shape(text, "log");
        let mut parts = text.strip_prefix(PREFIX).ok_or_else(shape)?.split('.');
        let (Some(workspace), Some(operation), Some(step), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(shape());
        };
        Ok(Self {
            workspace: workspace.parse().map_err(|_| shape())?,
            operation: operation.parse().map_err(|_| shape())?,
            step: step.parse().map_err(|_| shape())?,
        })
    }
}
