//! The person's own `~/.ssh/config`: one line of it is ours.

use std::path::{Path, PathBuf};

use super::file::{File, read};
use super::ours::MADE_MARK;
use crate::error::Result;
use crate::home::{self, Home};
use crate::ssh::text::file_path;

/// Where it is.
pub(super) fn path() -> Result<PathBuf> {
    Ok(home::user_home()?.join(".ssh/config"))
}

/// Whether there was no such file before ours pointed to it.
pub(super) fn was_made_by_us(home: &Home, path: &Path) -> Result<bool> {
    let ours = read(&home.ssh().join("config"))?.unwrap_or_default();
    let marked = ours
        .split(|byte| *byte == b'\n')
        .any(|line| line == MADE_MARK.as_bytes());
    Ok(marked || read(path)?.is_none())
}

/// The file with our line where it counts for every host: above the first `Host` and `Match`.
pub(super) fn with_include(path: &Path, ours: &Path) -> Result<File> {
    let line = include(ours)?;
    let before = read(path)?.unwrap_or_default();
    let after = match is_above_hosts(&before, &line) {
        true => before,
        false => [line.as_slice(), &without(&before, &line)].concat(),
    };
    File::new(path.to_owned(), Some(after)).map(File::of_user)
}

/// The file without our line; gone, when we made it and nothing else came into it.
pub(super) fn without_include(home: &Home, path: &Path, ours: &Path) -> Result<File> {
    let made = was_made_by_us(home, path)?;
    let after = read(path)?.map(|before| include(ours).map(|line| without(&before, &line)));
    let after = after
        .transpose()?
        .filter(|after| !(made && after.is_empty()));
    File::new(path.to_owned(), after).map(File::of_user)
}

fn include(ours: &Path) -> Result<Vec<u8>> {
    Ok(format!("Include {}\n", file_path(ours)?).into_bytes())
}

fn without(content: &[u8], line: &[u8]) -> Vec<u8> {
    let others = content.split_inclusive(|byte| *byte == b'\n');
    others
        .filter(|other| *other != line)
        .flatten()
        .copied()
        .collect()
}

fn is_above_hosts(content: &[u8], line: &[u8]) -> bool {
    let begins_block = |line: &[u8]| {
        let text = String::from_utf8_lossy(line)
            .trim_start()
            .to_ascii_lowercase();
        let keyword = text.split([' ', '\t', '=', '"']).next();
        matches!(keyword, Some("host" | "match"))
    };
    content
        .split_inclusive(|byte| *byte == b'\n')
        .take_while(|other| !begins_block(other))
        .any(|other| other == line)
        && content
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|other| *other == line)
            .count()
            == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"Include \"/h/ssh/config\"\n";

    fn added(content: &[u8]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, content).unwrap();
        let write = || {
            with_include(&path, Path::new("/h/ssh/config"))
                .unwrap()
                .write()
                .unwrap();
            std::fs::read(&path).unwrap()
        };
        let once = write();
        assert_eq!(write(), once, "twice is once");
        once
    }

    #[test]
    fn one_line_at_the_top_and_nothing_else_is_touched() {
        for content in [
            &b""[..],
            b"Host a\n  User b\n",
            b"no line break",
            b"\xff\xfe not text\r\n\r\n",
        ] {
            let after = added(content);
            assert_eq!(after, [LINE, content].concat());
            assert_eq!(without(&after, LINE), content);
        }
    }

    #[test]
    fn a_line_that_counts_for_every_host_stays_where_it_is() {
        let content = [b"# mine\n", LINE, b"Host a\n"].concat();
        assert_eq!(added(&content), content);
        let inside = [b"Host a\n", LINE].concat();
        assert_eq!(added(&inside), [LINE, b"Host a\n"].concat());
        let twice = [LINE, LINE].concat();
        assert_eq!(added(&twice), LINE);
    }
}
