//! Keeping what was refused: who asked for which change, and why it came to nothing.
//!
//! The answer waits until the refusal is kept, so that whoever was refused finds it in the audit.
//! Of what was typed only the path is kept: a value in the wrong field may be a secret.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use nexus_events::problem::ProblemCode;
use nexus_events::refusal::Refused;

use super::Api;
use super::error::Refusal;
use super::trace::Trace;
use crate::identity::Identity;

/// Longer paths lead nowhere.
const LONGEST_PATH: usize = 300;

/// Answers a change, and keeps that it was refused if it was. Strangers are turned away further
/// out.
pub(crate) async fn noted(api: &Api, request: Request, next: Next) -> Response {
    let Some(identity) = request.extensions().get::<Identity>().copied() else {
        return next.run(request).await;
    };
    let trace = request.extensions().get::<Trace>();
    let asked = Refused {
        number: 0,
        at: api.app().now(),
        actor: identity.actor(),
        method: request.method().to_string(),
        path: path(&request),
        code: ProblemCode::InternalError,
        fields: Vec::new(),
        trace: trace.map(|trace| trace.trace_id().to_owned()),
        hash: None,
    };
    let response = next.run(request).await;
    let refusal = response.extensions().get::<Refusal>();
    let refused = refusal.map(|refusal| {
        let problem = refusal.problem();
        let fields = problem.errors.iter().map(|error| error.field.clone());
        Refused {
            code: problem.code,
            fields: fields.collect(),
            ..asked
        }
    });
    if let Some(refused) = refused.filter(|refused| is_kept(refused.code)) {
        api.app().backbone().refusals.keep(refused).await;
    }
    response
}

fn path(request: &Request) -> String {
    let path = request.uri().path().escape_debug();
    path.take(LONGEST_PATH).collect()
}

/// While nothing can be stored, a refusal cannot be either.
const fn is_kept(code: ProblemCode) -> bool {
    !matches!(code, ProblemCode::LogUnavailable | ProblemCode::StorageFull)
}
