//! What was asked and refused: kept beside the log, since nothing happened, and for a while only.
//!
//! The log holds what was so; a refusal changed nothing, and whoever may ask could fill it with
//! them. So refusals have a bounded stream of their own. Nothing a caller typed is in them but the
//! path: a value in the wrong field may be a secret.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::envelope::Actor;
use crate::problem::ProblemCode;

/// A request for a change that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its place among the refusals.
    #[serde(default)]
    pub number: u64,
    /// When it was refused.
    pub at: Timestamp,
    /// Who asked.
    pub actor: Actor,
    /// The method.
    pub method: String,
    /// What was asked for, without a query.
    pub path: String,
    /// Why it was refused, by name.
    pub code: ProblemCode,
    /// The fields that were wrong, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// The trace id the caller was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The chain up to it, where it was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}
