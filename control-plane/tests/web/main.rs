//! Previews, as browsers and attackers meet them: a served control plane, a real init, and a
//! service of the test's own behind it.

mod attacks;
mod client;
mod entering;
mod passing;
#[expect(
    dead_code,
    reason = "the same scene as the gateway's tests have, which use all of it"
)]
mod scene;
mod service;
mod starting;
