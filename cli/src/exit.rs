//! Exit codes: few, stable, and listed by `nexus help exit-codes`.

use nexus_events::problem::ProblemCode;

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// As asked.
    Ok,
    /// It failed, or the operation it followed did, or what was checked is not so.
    Failure,
    /// It was called wrongly, or the request is not valid.
    Usage,
    /// There is no such thing.
    NotFound,
    /// Who you are is not known, or you may not.
    Auth,
    /// It clashes with what is there.
    Conflict,
    /// It took too long, or is not ready.
    NotReady,
    /// The server cannot be reached.
    Unreachable,
    /// Ctrl-C.
    Interrupted,
    /// What a program inside a workspace ended with.
    Remote(u8),
}

impl Exit {
    /// The number the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Auth => 4,
            Self::Conflict => 5,
            Self::NotReady => 6,
            Self::Unreachable => 7,
            Self::Interrupted => 130,
            Self::Remote(code) => code,
        }
    }

    /// The exit that goes with a refusal of the server.
    pub(crate) const fn of_problem(code: ProblemCode) -> Self {
        match code {
            ProblemCode::ValidationError => Self::Usage,
            ProblemCode::NotFound | ProblemCode::Gone => Self::NotFound,
            ProblemCode::AuthenticationError | ProblemCode::Forbidden => Self::Auth,
            ProblemCode::Conflict
            | ProblemCode::IdempotencyKeyReused
            | ProblemCode::PortPoolEmpty
            | ProblemCode::NoWorker => Self::Conflict,
            ProblemCode::NotRunning
            | ProblemCode::RateLimit
            | ProblemCode::LogUnavailable
            | ProblemCode::StorageFull
            | ProblemCode::NotYetVisible
            | ProblemCode::Timeout => Self::NotReady,
            ProblemCode::MalformedRequest
            | ProblemCode::MethodNotAllowed
            | ProblemCode::PayloadTooLarge
            | ProblemCode::UnsupportedMediaType
            | ProblemCode::ProcessError
            | ProblemCode::InternalError => Self::Failure,
        }
    }
}

/// What `nexus help exit-codes` says.
pub(crate) const HELP: &str = "\
The program ends with

    0    as asked
    1    it failed, or the operation it followed did, or what was checked is not so
    2    called wrongly, or the server found the request not valid
    3    there is no such thing (or it is somebody else's)
    4    not logged in, or not allowed
    5    it clashes with what is there: name taken, no port or worker free
    6    it took too long, or is not ready: --timeout, workspace not running
    7    the server cannot be reached
  130    interrupted by Ctrl-C; what was accepted goes on

`workspace exec` and `workspace ssh` end with the code of the program inside,
or with 128 + N when signal N ended it.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_a_script_may_see_is_in_the_help() {
        for exit in [
            Exit::Ok,
            Exit::Failure,
            Exit::Usage,
            Exit::NotFound,
            Exit::Auth,
            Exit::Conflict,
            Exit::NotReady,
            Exit::Unreachable,
            Exit::Interrupted,
        ] {
            let code = exit.code().to_string();
            assert!(
                HELP.lines()
                    .any(|line| line.split_whitespace().next() == Some(code.as_str())),
                "{exit:?}"
            );
        }
    }

    #[test]
    fn every_refusal_has_a_code_below_eight() {
        for code in ProblemCode::ALL {
            let exit = Exit::of_problem(*code).code();
            assert!((1..8).contains(&exit), "{code}: {exit}");
        }
    }
}
