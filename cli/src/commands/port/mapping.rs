//! What is typed for a forwarded port: `[LOCAL:]REMOTE`.

use crate::error::{Error, Result};
use crate::exit::Exit;

/// A port here, and what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping<'a> {
    /// The port of this machine; `None`: the same as inside. 0: any.
    pub(super) local: Option<u16>,
    /// The port inside, or a service's name.
    pub(super) remote: &'a str,
}

/// Reads one.
pub(super) fn mapping(text: &str) -> Result<Mapping<'_>> {
    let refused = |why: &str| {
        let what = format!("take port `{}`", text.escape_debug());
        Error::new(Exit::Usage, what, why, "nexus port forward --help")
    };
    let (local, remote) = match text.split_once(':') {
        None => (None, text),
        Some((local, remote)) => {
            let port = local.parse::<u16>();
            let port =
                port.map_err(|_| refused("before the colon stands a port of this machine"))?;
            (Some(port), remote)
        }
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match !remote.is_empty() && remote.bytes().all(plain) {
        true => Ok(Mapping { local, remote }),
        false => Err(refused(
            "a port of the workspace is a number or a service's name",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_others_refused() {
        for (text, local, remote) in [
            ("8000", None, "8000"),
            ("web", None, "web"),
            ("0:8000", Some(0), "8000"),
            ("9000:web", Some(9000), "web"),
        ] {
            assert_eq!(mapping(text).unwrap(), Mapping { local, remote }, "{text}");
        }
        for bad in [
            "", ":", "x:1", "1:", "99999:1", "1:2:3", "../x", "a b", "-1:2",
        ] {
            assert_eq!(mapping(bad).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }
}
