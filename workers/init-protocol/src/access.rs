//! Who may log in to a workspace, and what its new processes are given: two documents, each replaced
//! whole by a newer revision and never by an older one.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;

/// How long the modulus of an RSA key may be, in bits, for its signatures to count: a shorter one is
/// within reach of an attacker, a longer one costs whoever verifies it too much.
pub const RSA_BITS: RangeInclusive<u32> = 2048..=8192;

/// Who may log in by SSH. Init keeps it over restarts, and closes every open connection whose key or
/// certificate it does not let in any more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Access {
    /// Grows with every change; 0 is what the plan's keys count as.
    pub revision: u64,
    /// Public keys that may log in, one line each, without options.
    pub authorized_keys: Vec<String>,
    /// Public keys of authorities whose user certificates are taken, one line each.
    pub user_authorities: Vec<String>,
    /// A certificate has to name one of these as a principal: the workspace's id, usually.
    pub principals: Vec<String>,
    /// Keys whose certificates are no longer good, as `SHA256:…` fingerprints of the certified key.
    pub refused_keys: Vec<String>,
    /// A certificate for the workspace's own host key, in OpenSSH form.
    pub host_certificate: Option<String>,
    /// Whether SSH clients may forward their agent.
    pub allow_agent_forwarding: bool,
}

/// Secrets given to new processes: shells, commands, terminals, services at their start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Credentials {
    /// Grows with every change.
    pub revision: u64,
    /// Added to the environment of every process started from now on.
    pub env: BTreeMap<String, SecretText>,
    /// Content by destination, absolute or beginning with `~/`: readable by the work user only. A
    /// destination that is no longer named is removed.
    pub files: BTreeMap<String, SecretText>,
}
