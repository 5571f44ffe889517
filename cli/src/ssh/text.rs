//! What may stand in an argument, an option or a file of the stock SSH client, and how it is
//! written there.

use std::path::Path;

use crate::error::{Error, Result};
use crate::exit::Exit;

/// Whether `text` can be the user inside a workspace.
pub(crate) fn is_user(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
        })
}

/// Whether `text` can be a host name or an address.
pub(crate) fn is_host(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == ':')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'))
}

/// Type and key of a public key in one line, without whatever may follow them.
pub(crate) fn public_key(text: &str) -> Option<String> {
    let mut words = text.split(' ');
    let (kind, key) = (words.next()?, words.next()?);
    let kind_is_plain = kind.bytes().all(|byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'@' | b'.')
    });
    let kind_is_plain = kind_is_plain && kind.starts_with(|first: char| first.is_ascii_lowercase());
    let key_is_base64 = key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
    let whole = !kind.is_empty() && !key.is_empty() && kind_is_plain && key_is_base64;
    whole.then(|| format!("{kind} {key}"))
}

/// A path as ssh reads it in an option given as an argument: `%` is its own, and at blanks it
/// splits.
pub(crate) fn option_path(path: &Path) -> String {
    let text = path.display().to_string().replace('%', "%%");
    match text.contains([' ', '\t']) {
        true => format!("\"{text}\""),
        false => text,
    }
}

/// A path as ssh reads it in a configuration file, always quoted.
///
/// # Errors
/// It holds something OpenSSH's versions read in different ways.
pub(crate) fn file_path(path: &Path) -> Result<String> {
    plain(path).map(|text| format!("\"{}\"", text.replace('%', "%%")))
}

/// A path as a word of a command line that stands in a configuration file: ssh replaces `%`, then
/// a shell reads it.
///
/// # Errors
/// As [`file_path`].
pub(crate) fn command_path(path: &Path) -> Result<String> {
    plain(path).map(|text| format!("'{}'", text.replace('%', "%%")))
}

/// Quotes and backslashes are read differently by one version of OpenSSH and the next, and a
/// pattern would be expanded; such paths are refused rather than guessed about.
fn plain(path: &Path) -> Result<&str> {
    let refused = |why: &str| {
        let what = format!(
            "write the path {} for ssh",
            crate::clean::clean(&path.display().to_string())
        );
        Error::new(Exit::Failure, what, why, "export NEXUS_HOME=/a/plain/path")
    };
    let text = path.to_str().ok_or_else(|| refused("it is no UTF-8"))?;
    let odd = |character: char| {
        character.is_control() || matches!(character, '\'' | '"' | '\\' | '*' | '?' | '[' | '`')
    };
    match text.contains(odd) || text.contains("${") || !path.is_absolute() {
        true => Err(refused(
            "it holds characters that ssh would not read as they are",
        )),
        false => Ok(text),
    }
}

/// The words as a line for a shell.
pub(crate) fn shell_line(words: &[String]) -> String {
    let quoted = words.iter().map(|word| shell_word(word));
    quoted.collect::<Vec<_>>().join(" ")
}

/// One word as a shell reads it back.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@,+%".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn what_is_no_user_host_or_key_is_refused() {
        for bad in [
            "",
            "-oProxyCommand=id",
            "a b",
            "A",
            "a\n",
            "a@b",
            "dev\nProxyCommand id",
        ] {
            assert!(!is_user(bad), "{bad:?}");
        }
        for bad in ["", "-x", "a b", "a/b", "a\nb", "a@b", "a%b"] {
            assert!(!is_host(bad), "{bad:?}");
        }
        for good in ["127.0.0.1", "::1", "host-1.example.com"] {
            assert!(is_host(good), "{good:?}");
        }
        for bad in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 A\n* ssh-rsa B",
            "@cert-authority * ssh-rsa A",
            "ssh-ed25519\tA B",
        ] {
            assert_eq!(public_key(bad), None, "{bad:?}");
        }
        assert_eq!(public_key(&format!("{KEY} root@box")).as_deref(), Some(KEY));
    }

    #[test]
    fn paths_are_quoted_or_refused() {
        let path = Path::new("/home/a b/100%/x");
        assert_eq!(option_path(path), "\"/home/a b/100%%/x\"");
        assert_eq!(file_path(path).unwrap(), "\"/home/a b/100%%/x\"");
        assert_eq!(command_path(path).unwrap(), "'/home/a b/100%%/x'");
        for bad in [
            "/a'b",
            "/a\"b",
            "/a\\b",
            "/a\nProxyCommand id",
            "/a*",
            "/${HOME}",
            "a",
        ] {
            assert!(file_path(Path::new(bad)).is_err(), "{bad:?}");
            assert!(command_path(Path::new(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn words_survive_a_shell() {
        let words = ["a b".into(), "it's".into(), String::new(), "$HOME".into()];
        assert_eq!(shell_line(&words), r"'a b' 'it'\''s' '' '$HOME'");
    }
}
