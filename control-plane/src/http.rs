//! The API over HTTP: REST, server-sent events, WebSockets.
//!
//! ```text
//!  listen ─► trace ─► problems ─► panics ─► time ─► who asks ─► route ─► command or query
//!  (TCP,     (id,     (one place  (500)     (75 s)  (before              (owner checks are
//!   socket)   log,     renders                       all of them)         down there)
//!             figures) them)
//! ```
//!
//! [`router()`] is the API's table of contents, with one layer around it ([`mod@around`]); `routes/`
//! has one file per resource. The document at `/openapi.json` is collected from the same handlers,
//! so it cannot drift. Tails (`sse`, `ws`) are one [`tail`] in two wire forms.

mod api;
mod around;
mod asked;
mod attempts;
mod auth;
mod dashboard;
mod docs;
mod documents;
mod error;
mod extract;
mod facade;
mod figures;
pub mod listen;
mod ndjson;
mod openapi;
mod pace;
mod patience;
mod refusals;
mod reply;
mod router;
mod routes;
mod sockets;
mod sse;
pub(crate) mod standing;
mod streams;
mod tail;
mod terminal;
mod trace;
mod ws;

pub(crate) use api::Api;
pub use auth::HostNames;
pub use listen::{ListenError, Listeners, LocalSocket, Peer, bind_network, serve};
pub use openapi::written as document_text;
pub use router::{document, router};
#[cfg(feature = "testing")]
pub(crate) use {routes::read_queries, terminal::read_any as read_terminal};
