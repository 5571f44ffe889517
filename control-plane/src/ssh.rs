//! SSH from the control plane's side: who vouches for whom, who may log in where, and the jump host.
//!
//! ```text
//!  authority: two keys in the home ─ signs ─► host certificates (each workspace, the jump host)
//!                                         └─► user certificates (≤ 12 h, for named workspaces)
//!  access: keys, authorities, refusals of a workspace ─ pushed over the link ─► its nexus-init
//!  jump: `ssh -J nexus@host:3022 dev@NAME`: a stranger logs in, one channel leads to one workspace
//! ```
//!
//! Who may log in is decided here and enforced where the session is: init closes a connection
//! whose key it does not find any more, and goes on without us while we are away.

mod access;
mod authority;
mod jump;
mod post_start;
mod push;
mod pusher;

pub(crate) use authority::UserCertificate;
pub use jump::{JumpHost, JumpHostError, SshListen};
pub(crate) use pusher::Pusher;

use crate::clock::Clock;
use crate::gateway::Gateway;
use crate::hub::Hub;
use crate::queries::Queries;

/// What keeps the inits behind `gateway` up to date on who may log in.
pub(crate) fn pusher(
    queries: Queries,
    authorities: Authorities,
    gateway: Gateway,
    clock: Clock,
    hub: Hub,
) -> Pusher {
    let source = access::Source {
        queries,
        authorities,
    };
    Pusher::new(push::Push::new(source, gateway, clock), hub)
}
pub use authority::{Authorities, AuthorityError};
