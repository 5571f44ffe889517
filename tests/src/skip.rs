//! What this machine cannot try is said, with the reason, in the summary of `./dev test`.

/// Prints why `test` is not run here; `./dev test` gathers these lines.
#[expect(
    clippy::print_stdout,
    reason = "the summary of the test run reads these lines"
)]
pub fn skipped(test: &str, reason: &str) {
    println!("SKIPPED {test}: {reason}");
}

/// Leaves the test when `$condition` does not hold, saying why.
#[macro_export]
macro_rules! require {
    ($test:expr, $condition:expr, $reason:expr) => {
        if !$condition {
            $crate::skip::skipped($test, $reason);
            return Ok(());
        }
    };
}
