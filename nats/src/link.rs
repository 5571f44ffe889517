//! The link: a byte stream from the gateway to the `nexus-init` of a workspace on some node.
//!
//! What is spoken on it is between those two (init's own protocol, end to end); here it is bytes.
//! There are three ways, and whoever opens one need not care which it was:
//!
//! ```text
//!  direct   gateway ◄────────────────────────────────────────────► init
//!           (asked of the worker's socket on the same host, which hands over the connected one)
//!  tls      gateway ◄──── TLS ────► worker ◄──► init
//!           (to a port the worker was told to listen at, with a ticket it told over NATS)
//!  relay    gateway ◄──► NATS ◄──► worker ◄──► init
//!           (over the connection that the worker made: a node needs no open port)
//! ```
//!
//! The direct way is taken when the node's heartbeat names a socket on this host and a worker
//! answers there, so open streams survive both the worker and the gateway's peers. Where the
//! heartbeat names a port and it can be reached, streams go there ([`tls`]). Everything else is
//! relayed ([`relay`]).
//!
//! [`Links`] is the gateway's end, [`serve`] the worker's, [`Doors`] what the worker knows of its
//! workspaces.

mod address;
mod descriptor;
mod direct;
mod error;
mod known;
mod links;
mod listen;
pub mod relay;
mod serve;
mod stream;
pub mod tls;

use std::io;
use std::time::Duration;

use futures::future::BoxFuture;
use nexus_events::id::WorkspaceId;
use tokio::net::UnixStream;

pub use self::address::this_host;
pub use self::error::LinkError;
pub use self::links::{LinkOptions, Links, Way};
pub use self::listen::LinkListen;
pub use self::serve::serve;
pub use self::stream::LinkStream;

/// How long opening a stream may take, on either way.
pub const DIAL: Duration = Duration::from_secs(10);

/// The ways into the workspaces of a node.
pub trait Doors: Send + Sync + 'static {
    /// A connection to init of `workspace`.
    ///
    /// The error's text is told to whoever asked.
    fn open(&self, workspace: WorkspaceId) -> BoxFuture<'_, io::Result<UnixStream>>;
}
