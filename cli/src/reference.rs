//! Which workspace is meant, checked before anything is asked or written: a name or an id, and
//! nothing that could be an option, a path or a line of a file.

use nexus_events::id::WorkspaceId;
use nexus_events::name::WorkspaceName;

use crate::error::{Error, Result};
use crate::exit::Exit;

/// The domain under which the stock SSH client knows workspaces.
pub(crate) const DOMAIN: &str = ".nexus";

/// `text` if it is a workspace's name or id.
///
/// # Errors
/// It is neither.
pub(crate) fn workspace(text: &str) -> Result<&str> {
    let wrong = match (text.parse::<WorkspaceId>(), text.parse::<WorkspaceName>()) {
        (Ok(_), _) | (_, Ok(_)) => return Ok(text),
        (Err(_), Err(wrong)) => wrong,
    };
    Err(Error::new(
        Exit::Usage,
        "tell which workspace is meant",
        wrong,
        "nexus workspace list",
    ))
}

/// The same, of `NAME` or `NAME.nexus`, as the stock SSH client passes it on.
///
/// # Errors
/// As [`workspace`].
pub(crate) fn host(text: &str) -> Result<&str> {
    workspace(text.strip_suffix(DOMAIN).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_pass_and_nothing_else() {
        for good in ["hello", "a-1", "ws-00000000000000000000000000000001"] {
            assert_eq!(workspace(good).unwrap(), good);
            assert_eq!(host(&format!("{good}.nexus")).unwrap(), good);
        }
        for bad in [
            "",
            ".nexus",
            "-oProxyCommand=id",
            "a b",
            "a\nb",
            "a;id",
            "..",
            "a/b",
            "A",
            "a.nexus.nexus",
            "a\u{1b}[2J",
            "%h",
            "a'b",
        ] {
            let error = host(bad).unwrap_err();
            assert_eq!(error.exit, Exit::Usage, "{bad:?}");
            assert!(!error.why.chars().any(char::is_control), "{error:?}");
        }
    }
}
