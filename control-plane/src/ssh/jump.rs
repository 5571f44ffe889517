//! The jump host: one SSH server for every workspace, for `ssh -J nexus@HOST:3022 dev@NAME`.
//!
//! ```text
//!  stranger ─► guests (bounded, the oldest silent one makes room) ─► handler: which user is it?
//!                                                                      │ direct-tcpip NAME:22
//!                       workspace's init ◄── gateway (starts it) ◄── route: is it theirs?
//! ```
//!
//! It carries bytes and sees none: the session inside is between the client and init. Who somebody
//! is follows from their key alone, a registered one or one with a certificate of ours; who loses
//! it is shown out within a second. A connection that panics ends alone: each is a task.

mod guests;
mod handler;
mod listen;
mod route;
mod welcome;

pub use listen::{JumpHost, JumpHostError, SshListen};
