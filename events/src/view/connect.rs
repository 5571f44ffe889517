//! What the API answers about ways into a workspace, its past, and the read models.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::ServiceName;

/// A request to keep a workspace from being stopped for idleness.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PlaceHoldRequest {
    /// What it is held for, for whoever wonders later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it ends by itself; absent: when released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A read model, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProjectionView {
    /// Its name.
    pub name: String,
    /// The newest event in it.
    pub sequence: u64,
    /// Events of the log that are not in it yet.
    pub lag: u64,
    /// Whether it is being made anew, beside the one that answers.
    pub rebuilding: bool,
}

/// What can be done about the read models besides making them anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProjectionWork {
    /// Fold the log anew, compare with the one that answers, and throw it away.
    Verify,
    /// Fold the log anew into one that follows beside from then on.
    Shadow,
    /// Compare the one beside with the one that answers.
    Compare,
    /// Let the one beside answer, and the other one follow; again is the way back.
    Switch,
    /// End the one beside.
    Forget,
}

/// How the last work on the read models went.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProjectionWorkView {
    /// What it was; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<ProjectionWork>,
    /// Whether it is under way.
    pub running: bool,
    /// The event two were compared at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Each table, where two were compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableView>,
    /// Why it could not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl ProjectionWorkView {
    /// Of what has just begun.
    pub fn begun(work: ProjectionWork) -> Self {
        Self {
            work: Some(work),
            running: true,
            ..Self::default()
        }
    }
}

/// A table of the read model beside the one the log leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TableView {
    /// Its name.
    pub name: String,
    /// Rows it has.
    pub rows: u64,
    /// Rows it should have.
    pub expected_rows: u64,
    /// SHA-256 over its rows in the order of their keys.
    pub digest: String,
    /// What that should be.
    pub expected_digest: String,
    /// Whether all rows are as they should be.
    pub equal: bool,
    /// The first rows that are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub different: Vec<DifferenceView>,
}

/// A row that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DifferenceView {
    /// Its key.
    pub key: String,
    /// How it differs.
    pub how: String,
}

/// A port of a workspace that a browser can look at under a host name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreviewView {
    /// The service that listens there, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// The port inside.
    pub port: u16,
    /// Where it is; a browser that was not let in yet is asked to come by `enter_url`.
    pub url: String,
}

/// A request for a way into a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenPreviewRequest {
    /// The port inside.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 65535))]
    pub port: u16,
}

/// A way into a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenedPreview {
    /// Where it is.
    pub url: String,
    /// What a browser opens once to be let in: a ticket stands behind the `#`, which is sent to
    /// no server and written to no log.
    pub enter_url: String,
    /// When the ticket is worth nothing any more.
    pub expires_at: Timestamp,
}
