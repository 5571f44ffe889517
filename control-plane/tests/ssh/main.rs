//! SSH from the control plane's side: certificates, access, credentials, ports, the jump host.
//!
//! What is said of the wire is said by stock OpenSSH: `ssh-keygen -L` reads the certificates,
//! `ssh -J` goes through the jump host.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "what is skipped is skipped aloud")]

mod access;
mod certificates;
mod credentials;
mod inits;
mod jump;
mod keys;
mod ports;
mod stock;
#[path = "../core/world.rs"]
#[expect(
    dead_code,
    reason = "shared with the tests of the core, which use all of it"
)]
mod world;
