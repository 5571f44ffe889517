//! Reading requests, so that whatever is wrong is named: the field, the cause, what to send.
//!
//! Extractors validate before a handler runs; a handler sees only types that hold.

mod body;
mod query;

pub(crate) use body::Body;
pub(crate) use query::Query;
#[cfg(feature = "testing")]
pub(crate) use query::parse as parse_query;

use nexus_events::problem::FieldError;

/// A failure of serde's, with the field it happened in. The path of an unknown, missing or
/// repeated field stops at the object around it, and the sentence names the field.
fn field_error(path: &str, cause: &str) -> FieldError {
    let around = path.trim_matches('.');
    let named = cause
        .contains(" field `")
        .then(|| cause.split('`').nth(1))
        .flatten();
    let field = match (around, named) {
        ("", None) => "body".to_owned(),
        ("", Some(name)) => name.to_owned(),
        (around, Some(name)) if around.split(['.', '[']).next_back() != Some(name) => {
            format!("{around}.{name}")
        }
        (around, _) => around.to_owned(),
    };
    FieldError {
        field,
        cause: cause.to_owned(),
    }
}
