//! The handshake: both sides name the versions they speak before anything else is said.

use serde::{Deserialize, Serialize};

/// Oldest protocol version this build speaks.
pub const LOWEST_VERSION: u32 = 1;

/// Newest protocol version this build speaks.
///
/// 2 added `HandOver`, `DialSocket`, `SetAccess`, `SetCredentials`, the terminal's `read_only` and
/// `record`, and the input `Taken`.
pub const HIGHEST_VERSION: u32 = 2;

/// First version with hand-over, access documents and the terminal's additions.
pub const SHARING_VERSION: u32 = 2;

/// The first message of a connection, from the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Oldest version the worker speaks.
    pub lowest: u32,
    /// Newest version the worker speaks.
    pub highest: u32,
}

impl Default for Hello {
    fn default() -> Self {
        Self {
            lowest: LOWEST_VERSION,
            highest: HIGHEST_VERSION,
        }
    }
}

impl Hello {
    /// The newest version both sides speak.
    pub fn common_version(&self) -> Option<u32> {
        let version = self.highest.min(HIGHEST_VERSION);
        (version >= self.lowest.max(LOWEST_VERSION)).then_some(version)
    }
}

/// Init's reply to [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hello", rename_all = "kebab-case")]
pub enum HelloReply {
    /// A request may follow.
    Welcome(Welcome),
    /// No common version; init ends the connection.
    Refused {
        /// Oldest version init speaks.
        lowest: u32,
        /// Newest version init speaks.
        highest: u32,
    },
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version both sides use from here on.
    pub version: u32,
    /// Version of the init binary.
    pub init_version: String,
    /// Made anew at each start of init: another value means that sessions and services are new.
    pub boot_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_meet_in_the_overlap_or_not_at_all() {
        let range = |lowest, highest| Hello { lowest, highest }.common_version();
        assert_eq!(range(1, 1), Some(1), "an older peer is still understood");
        assert_eq!(range(1, 9), Some(HIGHEST_VERSION));
        assert_eq!(range(HIGHEST_VERSION + 1, 99), None);
        assert_eq!(range(0, 0), None);
    }
}
