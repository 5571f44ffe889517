//! Previews, as browsers and attackers meet them: a served control plane, a real init, and a
//! service of the test's own behind it.

mod attacks;
mod client;
mod entering;
mod framing;
mod passing;
mod replicas;
#[expect(dead_code, reason = "the gateway's tests use all of it")]
#[path = "../scene/mod.rs"]
mod scene;
mod service;
mod starting;
