//! Errors of this provider: what the system said, put into the classes every provider shares.

use std::io;
use std::path::Path;

use crate::provider::{ErrorClass, ProviderError};

/// Says what failed at a path.
pub(super) fn at<'a>(
    verb: &'a str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> ProviderError + 'a {
    move |error| from_io(format!("{verb} {}", path.display()), error)
}

/// A failure of the system, by its kind.
pub(super) fn from_io(attempted: impl Into<String>, error: io::Error) -> ProviderError {
    let failure = ProviderError::new(class_of(&error), attempted, error.to_string());
    let failure = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            failure.with_hint("give the worker's user the right to write there")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            failure.with_hint("make room on the disk, then: nexus workspace start NAME")
        }
        _ => failure,
    };
    failure.caused_by(error)
}

fn class_of(error: &io::Error) -> ErrorClass {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorClass::Auth,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorClass::Capacity,
        io::ErrorKind::NotFound => ErrorClass::Absent,
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => ErrorClass::Invalid,
        io::ErrorKind::TimedOut => ErrorClass::Unknown,
        _ => ErrorClass::Transient,
    }
}

/// Runs file work on a thread that may wait, and lets it end even when nobody waits any more.
pub(super) async fn blocking<T: Send + 'static>(
    attempted: &'static str,
    work: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(error) => Err(ProviderError::new(
            ErrorClass::Unknown,
            attempted,
            error.to_string(),
        )),
    }
}
