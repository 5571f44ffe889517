//! How many descriptors init may have open: every connection and channel takes some.
//!
//! Init raises its own limit and starts children with the one it was given, which is what programs
//! expect: some walk through every possible descriptor.

use std::io;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const WANTED: u64 = 1 << 16;

static GIVEN: OnceLock<Rlimit> = OnceLock::new();

/// Raises the limit of this process as far as it may.
pub(crate) fn raise_limit() {
    let given = getrlimit(Resource::Nofile);
    let given = GIVEN.get_or_init(|| given);
    let highest = given.maximum.unwrap_or(WANTED).min(WANTED);
    if given.current.is_none_or(|current| current >= highest) {
        return;
    }
    let raised = Rlimit {
        current: Some(highest),
        maximum: given.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit on open descriptors stays as it was");
    }
}

/// Gives a child the limit this process was started with. Makes one system call and allocates
/// nothing, so it may run between fork and exec.
pub(super) fn restore_limit() -> io::Result<()> {
    match GIVEN.get() {
        Some(given) => Ok(setrlimit(Resource::Nofile, *given)?),
        None => Ok(()),
    }
}
