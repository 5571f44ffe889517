//! Why a workspace cannot be reached, and what its caller is told.

use nexus_events::failure::Failure;
use nexus_events::problem::{FieldError, Problem, ProblemCode};
use nexus_events::view::WorkspaceView;
use nexus_init_protocol::{ClientError, FailureCode};

use crate::commands::CommandError;
use crate::queries::QueryError;

/// Why a workspace cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// There is none that the asker may see.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// It could not be asked to start.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Its machine does not run.
    #[error("workspace {name} is not running: {phase}")]
    NotRunning {
        /// What its owner calls it.
        name: String,
        /// Where it stands; `unknown` when its node is lost.
        phase: &'static str,
    },
    /// It was asked to start, and that failed.
    #[error("workspace {name} did not start: {}", cause(.failure.as_deref()))]
    NotStarted {
        /// What its owner calls it.
        name: String,
        /// Why; `None` when a newer wish took its place.
        failure: Option<Box<Failure>>,
    },
    /// Its init does not answer, or refuses.
    #[error("workspace {name} is not reachable: {}", crate::chain::text(.source))]
    Init {
        /// What its owner calls it.
        name: String,
        /// What init said, or the way there.
        #[source]
        source: Box<ClientError>,
    },
}

impl ReachError {
    pub(super) fn not_running(view: &WorkspaceView) -> Self {
        let phase = if view.unknown {
            "unknown"
        } else {
            view.phase.as_str()
        };
        Self::NotRunning {
            name: view.name.to_string(),
            phase,
        }
    }

    /// What init of `view`'s workspace answered, or did not.
    pub fn init(view: &WorkspaceView, source: ClientError) -> Self {
        Self::Init {
            name: view.name.to_string(),
            source: Box::new(source),
        }
    }

    /// What the caller is told.
    pub fn problem(self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::Query(error) => error.into(),
            Self::Command(error) => error.into(),
            Self::NotRunning { name, phase } => {
                let hint = match phase {
                    "unknown" => "see how its node fares: `nexus node list`".to_owned(),
                    _ => format!("start it first: `nexus workspace start {name}`"),
                };
                not_running(detail, hint, phase)
            }
            Self::NotStarted { name, failure } => {
                let hint = failure.map(|failure| failure.hint).unwrap_or_else(|| {
                    format!("see what happened: `nexus workspace status {name}`")
                });
                not_running(detail, hint, "not started")
            }
            Self::Init { name, source } => {
                let hint = format!("see how it fares: `nexus workspace status {name}`");
                Problem::new(code(&source), detail, hint)
            }
        }
    }
}

fn not_running(detail: String, hint: String, cause: &str) -> Problem {
    let error = FieldError {
        field: "workspace".into(),
        cause: cause.into(),
    };
    Problem::new(ProblemCode::NotRunning, detail, hint).with_errors(vec![error])
}

/// What kind of failure init, or the way there, told of.
fn code(error: &ClientError) -> ProblemCode {
    match error.failure().map(|failure| failure.code) {
        Some(FailureCode::Invalid) => ProblemCode::ValidationError,
        Some(FailureCode::NotFound) => ProblemCode::NotFound,
        Some(FailureCode::Denied) => ProblemCode::Forbidden,
        Some(FailureCode::TooLarge) => ProblemCode::RateLimit,
        Some(FailureCode::ConnectionRefused | FailureCode::Internal) => ProblemCode::ProcessError,
        Some(FailureCode::Stale | FailureCode::NotReady) | None => ProblemCode::NotRunning,
    }
}

fn cause(failure: Option<&Failure>) -> &str {
    failure.map_or("a newer wish took its place", |failure| &failure.cause)
}
