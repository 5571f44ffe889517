//! Stateless workers: they take commands, bring machines about, and tell what came of it.
//!
//! Where to look: [`provider`] the contract every provider keeps, [`providers`] the real ones,
//! [`runtime`] from a command to its outcome in the log, [`ports`] the way into workspaces over
//! TCP, [`link`] the control plane's way in, [`init`] the program put into every workspace. For tests (feature `testing`): `fake`, a
//! scripted provider, and `conformance`, the suite every provider passes.

#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(feature = "testing")]
pub mod fake;
pub mod init;
pub mod link;
pub mod ports;
pub mod provider;
pub mod providers;
pub mod runtime;
