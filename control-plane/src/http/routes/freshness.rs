//! How fresh an answer has to be.

use serde::Deserialize;
use utoipa::IntoParams;

/// How fresh an answer has to be.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Fresher {
    /// At least this event must be in the answer.
    pub(super) min_seq: Option<u64>,
}
