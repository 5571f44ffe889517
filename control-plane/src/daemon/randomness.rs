//! The first random number of a process, drawn beside its start.
//!
//! The cryptographic library seeds itself from the jitter of the processor besides the kernel's
//! numbers, and measuring that takes tens of milliseconds. Whoever needs the first number waits for
//! them: that should be nobody.

/// Has the library seed itself, on a thread of its own.
pub(super) fn draw_first() {
    let drawing = std::thread::Builder::new()
        .name("randomness".into())
        .spawn(|| aws_lc_rs::rand::fill(&mut [0; 1]));
    // Without it the first who needs a number waits.
    if let Err(error) = drawing {
        tracing::debug!(%error, "no thread for randomness");
    }
}
