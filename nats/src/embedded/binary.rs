//! Finding a nats-server, and refusing one that is too old.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::EmbeddedError;

/// The oldest version that does what is asked of it.
const LEAST: (u64, u64) = (2, 12);

/// Looks for the program: the path given, `NEXUS_NATS_SERVER`, the cache that `./dev` fills, and
/// the `PATH`, in this order.
///
/// # Errors
/// [`EmbeddedError::NoBinary`], with the places tried.
pub fn find(given: Option<&Path>) -> Result<PathBuf, EmbeddedError> {
    let candidates = match given {
        Some(path) => vec![path.to_owned()],
        None => places(|name| std::env::var_os(name)),
    };
    candidates
        .iter()
        .find(|path| path.is_file())
        .cloned()
        .ok_or_else(|| {
            let tried: Vec<_> = candidates
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            EmbeddedError::NoBinary {
                tried: tried.join(", "),
            }
        })
}

/// Where to look, by the environment. A path that was set is meant: nothing else is tried then.
fn places(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let set = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(path) = set("NEXUS_NATS_SERVER") {
        return vec![path];
    }
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let cached = cache.map(|cache| cache.join("nexus/bin/nats-server"));
    let path = variable("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("nats-server"));
    cached.into_iter().chain(on_path).collect()
}

/// Refuses a version that would ignore what it does not know.
pub(super) fn refuse_old(path: &Path) -> Result<(), EmbeddedError> {
    let version = |source| EmbeddedError::Version {
        path: path.to_owned(),
        source,
    };
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(version)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let found =
        parse(&text).ok_or_else(|| version(std::io::Error::other("it names no version")))?;
    if found >= LEAST {
        return Ok(());
    }
    let found = text
        .trim()
        .rsplit(['v', ' '])
        .next()
        .unwrap_or_default()
        .to_owned();
    Err(EmbeddedError::TooOld {
        path: path.to_owned(),
        found,
    })
}

/// Major and minor of `nats-server: v2.15.1`.
fn parse(text: &str) -> Option<(u64, u64)> {
    let version = text.trim().strip_prefix("nats-server: v")?;
    let mut numbers = version.split(['.', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(parse("nats-server: v2.15.1\n"), Some((2, 15)));
        assert_eq!(parse("nats-server: v2.9.10"), Some((2, 9)));
        assert_eq!(parse("nats-server: v2.14.0-beta.1"), Some((2, 14)));
        assert_eq!(parse("something else"), None);
        assert!(parse("nats-server: v2.9.10") < Some(LEAST));
    }

    #[test]
    fn places_are_tried_in_order_and_a_set_path_is_meant() {
        let environment = |name: &str| match name {
            "HOME" => Some(OsString::from("/home/ada")),
            "PATH" => Some(OsString::from("/usr/bin:/bin")),
            _ => None,
        };
        let expected = [
            "/home/ada/.cache/nexus/bin/nats-server",
            "/usr/bin/nats-server",
            "/bin/nats-server",
        ];
        assert_eq!(places(environment), expected.map(PathBuf::from));
        let set = |name: &str| (name == "NEXUS_NATS_SERVER").then(|| OsString::from("/opt/x"));
        assert_eq!(places(set), [PathBuf::from("/opt/x")]);
    }

    #[test]
    fn a_missing_program_names_the_next_command() {
        let error = find(Some(Path::new("/nowhere/nats-server")))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("/nowhere/nats-server") && error.contains("./dev up"),
            "{error}"
        );
    }
}
