//! An error as a person meets it: what failed, why, and the next command to type.

use std::fmt;

use nexus_events::problem::Problem;

use crate::clean::clean;
use crate::exit::Exit;

/// The result of anything here that can fail in front of a person.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Three lines and an exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    /// How the command ends.
    pub(crate) exit: Exit,
    /// What was attempted, to follow `could not`.
    pub(crate) what: String,
    /// The cause, with code and trace id where the server gave them.
    pub(crate) why: String,
    /// The next command to type.
    pub(crate) next: String,
}

impl Error {
    /// `what` follows the words `could not`.
    pub(crate) fn new(
        exit: Exit,
        what: impl Into<String>,
        why: impl fmt::Display,
        next: impl Into<String>,
    ) -> Self {
        Self {
            exit,
            what: what.into(),
            why: why.to_string(),
            next: next.into(),
        }
    }

    /// The refusal of a server, told in its own words, made safe to print.
    pub(crate) fn refused(what: impl Into<String>, problem: &Problem) -> Self {
        let next = match problem.hint.is_empty() {
            true => "nexus doctor".to_owned(),
            false => clean(&problem.hint),
        };
        Self::new(Exit::of_problem(problem.code), what, cause(problem), next)
    }
}

/// Detail, every wrong field, code and trace id, on one line.
fn cause(problem: &Problem) -> String {
    let mut why = clean(&problem.detail);
    let fields: Vec<String> = problem
        .errors
        .iter()
        .map(|error| format!("{}: {}", clean(&error.field), clean(&error.cause)))
        .filter(|field| !why.contains(field.as_str()))
        .collect();
    if !fields.is_empty() {
        why = format!("{why}: {}", fields.join("; "));
    }
    match problem.trace_id.is_empty() {
        true => format!("{why} ({})", problem.code),
        false => format!(
            "{why} ({}, trace {})",
            problem.code,
            clean(&problem.trace_id)
        ),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what, why, next, ..
        } = self;
        write!(f, "error: could not {what}\n  why: {why}\n next: {next}")
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_events::problem::{FieldError, ProblemCode};

    #[test]
    fn a_refusal_is_three_lines_whatever_the_server_sends() {
        let field = |field: &str, cause: &str| FieldError {
            field: field.into(),
            cause: cause.into(),
        };
        let mut problem = Problem::new(
            ProblemCode::ValidationError,
            "two fields are wrong\n\u{1b}[2J",
            "nexus workspace create --help",
        )
        .with_errors(vec![
            field("services.web.port", "a port from 1 to 65535"),
            field("name", "too long\u{7}"),
        ]);
        problem.trace_id = "4bf92f3577b34da6".into();
        let error = Error::refused("create workspace `hello`", &problem);
        assert_eq!(error.exit, Exit::Usage);
        insta::assert_snapshot!(error, @r"
        error: could not create workspace `hello`
          why: two fields are wrong: services.web.port: a port from 1 to 65535; name: too long (VALIDATION_ERROR, trace 4bf92f3577b34da6)
         next: nexus workspace create --help
        ");
    }
}
