//! What the API answers about a user's settings. Values of credentials go in and never come out.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A change of credentials (`PUT /api/v1/settings/credentials`): what is named is set, or removed
/// when its value is `null`; what is not named stays.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CredentialsChange {
    /// Variables of the environment, by name.
    #[serde(default)]
    pub env: BTreeMap<String, Option<String>>,
    /// Contents of files, by where they go: `~/…` or an absolute path.
    #[serde(default)]
    pub files: BTreeMap<String, Option<String>>,
}

/// Only names: the values are secret.
impl fmt::Debug for CredentialsChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsChange")
            .field("env", &self.env.keys())
            .field("files", &self.files.keys())
            .finish()
    }
}

/// What is kept for a user: names, never values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CredentialsView {
    /// Variables of the environment, by name.
    pub env: BTreeMap<String, CredentialView>,
    /// Files, by where they go.
    pub files: BTreeMap<String, CredentialView>,
    /// The newest event of the log this answer reflects.
    pub sequence: u64,
}

/// One credential, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CredentialView {
    /// Tells one value from another, and nothing else of it.
    pub digest: String,
    /// When it was set.
    pub changed_at: Timestamp,
}

/// What runs in a user's workspaces besides what their repositories say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Scripts {
    /// Run once a workspace is ready after a start: a program and its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_start: Option<Vec<String>>,
}
