//! What the engine's errors mean.

use std::error::Error as _;
use std::io;

use bollard::errors::Error;

use crate::provider::{ErrorClass, ProviderError};

const ENGINE_DOWN: &str = "start the engine: ./dev up, or sudo systemctl start docker";
const NO_RIGHTS: &str =
    "let this user use Docker: sudo usermod -aG docker $USER, then log in again";

/// The engine's error while `attempted`.
pub(super) fn engine_error(attempted: impl Into<String>, error: Error) -> ProviderError {
    let (class, cause, hint) = explain(&error);
    let answer = ProviderError::new(class, attempted, cause).caused_by(error);
    match hint {
        Some(hint) => answer.with_hint(hint),
        None => answer,
    }
}

/// Whether there is no such thing.
pub(super) fn is_absent(error: &Error) -> bool {
    matches!(
        error,
        Error::DockerResponseServerError {
            status_code: 404,
            ..
        }
    )
}

/// Whether the name is taken.
pub(super) fn is_taken(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 409, message } if names_conflict(message))
}

fn names_conflict(message: &str) -> bool {
    message.contains("is already in use")
}

fn explain(error: &Error) -> (ErrorClass, String, Option<&'static str>) {
    match error {
        Error::DockerResponseServerError {
            status_code,
            message,
        } => (class_of(*status_code, message), one_line(message), None),
        // The request went out; whether it was done is not known.
        Error::RequestTimeoutError => (
            ErrorClass::Unknown,
            "the engine did not answer in time".into(),
            None,
        ),
        Error::SocketNotFoundError(path) => (
            ErrorClass::Transient,
            format!("there is no engine at {path}"),
            Some(ENGINE_DOWN),
        ),
        Error::DockerStreamError { error } => (ErrorClass::Transient, one_line(error), None),
        other => from_io(other),
    }
}

/// Looks for what the operating system said, below whatever the HTTP client wrapped around it.
fn from_io(error: &Error) -> (ErrorClass, String, Option<&'static str>) {
    let mut below = error.source();
    while let Some(cause) = below {
        if let Some(cause) = cause.downcast_ref::<io::Error>() {
            return match cause.kind() {
                io::ErrorKind::PermissionDenied => (
                    ErrorClass::Auth,
                    "no right to use the engine's socket".into(),
                    Some(NO_RIGHTS),
                ),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => (
                    ErrorClass::Transient,
                    "the engine does not run".into(),
                    Some(ENGINE_DOWN),
                ),
                _ => (
                    ErrorClass::Unknown,
                    format!("the connection broke: {cause}"),
                    None,
                ),
            };
        }
        below = cause.source();
    }
    (ErrorClass::Unknown, error.to_string(), None)
}

fn class_of(status: u16, message: &str) -> ErrorClass {
    match status {
        401 | 403 => ErrorClass::Auth,
        400 | 422 => ErrorClass::Invalid,
        404 => ErrorClass::Absent,
        409 if names_conflict(message) => ErrorClass::Exists,
        409 => ErrorClass::Busy,
        429 => ErrorClass::Rate,
        408 | 504 => ErrorClass::Unknown,
        _ if message.contains("no space left") => ErrorClass::Capacity,
        _ => ErrorClass::Transient,
    }
}

/// The engine's words, fit for an event: one line, not endless.
fn one_line(message: &str) -> String {
    let mut text = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = text.char_indices().nth(400) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_fall_into_the_classes_of_the_contract() {
        for (status, message, class) in [
            (401, "", ErrorClass::Auth),
            (400, "bad parameter", ErrorClass::Invalid),
            (404, "No such image: x", ErrorClass::Absent),
            (
                409,
                "The container name \"/ws-1\" is already in use by container",
                ErrorClass::Exists,
            ),
            (
                409,
                "removal of container ws-1 is already in progress",
                ErrorClass::Busy,
            ),
            (429, "toomanyrequests", ErrorClass::Rate),
            (
                500,
                "write /x: no space left on device",
                ErrorClass::Capacity,
            ),
            (500, "Internal", ErrorClass::Transient),
            (504, "", ErrorClass::Unknown),
        ] {
            assert_eq!(class_of(status, message), class, "{status} {message}");
        }
    }
}
