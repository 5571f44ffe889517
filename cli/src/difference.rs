//! The difference between a file as it is and as it would be, as `diff -u` shows it.

use std::fmt::Write as _;
use std::path::Path;

use crate::clean::clean;

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;

/// What becomes of the lines of the file at `path`; empty when nothing does. One change is shown
/// from its first line to its last.
pub(crate) fn difference(path: &Path, before: Option<&[u8]>, after: Option<&[u8]>) -> String {
    if before == after {
        return String::new();
    }
    let (old, new) = (lines(before), lines(after));
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - head;
    let backwards = old.iter().rev().zip(new.iter().rev());
    let tail = backwards.take(most).take_while(|(a, b)| a == b).count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let (first, last) = (
        head.saturating_sub(CONTEXT),
        (old_end + CONTEXT).min(old.len()),
    );
    let mut text = format!(
        "--- {}\n+++ {}\n@@ -{} +{} @@\n",
        name(path, before),
        name(path, after),
        range(first, last - first),
        range(first, new_end + (last - old_end) - first),
    );
    for (mark, lines) in [
        (' ', &old[first..head]),
        ('-', &old[head..old_end]),
        ('+', &new[head..new_end]),
        (' ', &old[old_end..last]),
    ] {
        for line in lines {
            writeln!(text, "{mark}{}", shown(line)).expect("a string takes all text");
        }
    }
    text
}

fn lines(content: Option<&[u8]>) -> Vec<String> {
    let text = String::from_utf8_lossy(content.unwrap_or_default()).into_owned();
    text.lines().map(ToOwned::to_owned).collect()
}

fn name(path: &Path, content: Option<&[u8]>) -> String {
    match content {
        Some(_) => clean(&path.display().to_string()),
        None => "/dev/null".into(),
    }
}

fn range(first: usize, count: usize) -> String {
    format!("{},{count}", if count == 0 { first } else { first + 1 })
}

/// A line of a file may hold anything; its leading blanks belong to it.
fn shown(line: &str) -> String {
    let blanks = line.len() - line.trim_start_matches(' ').len();
    format!("{}{}", " ".repeat(blanks), clean(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(before: Option<&str>, after: Option<&str>) -> String {
        difference(
            Path::new("f"),
            before.map(str::as_bytes),
            after.map(str::as_bytes),
        )
    }

    #[test]
    fn only_what_changes_is_shown_with_its_surroundings() {
        assert_eq!(of(Some("a\n"), Some("a\n")), "");
        assert_eq!(
            of(None, Some("a\n")),
            "--- /dev/null\n+++ f\n@@ -0,0 +1,1 @@\n+a\n"
        );
        assert_eq!(
            of(Some("a\n"), None),
            "--- f\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n"
        );
        assert_eq!(
            of(
                Some("1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
                Some("1\n2\n3\n4\nfive\n6\n7\n8\n9\n")
            ),
            "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(
            of(Some("a\na\n"), Some("a\na\na\n")),
            "--- f\n+++ f\n@@ -1,2 +1,3 @@\n a\n a\n+a\n"
        );
    }

    #[test]
    fn a_file_cannot_act_on_the_terminal() {
        let shown = of(None, Some("  x\u{1b}[2Jy\n"));
        assert!(shown.ends_with("+  xy\n"), "{shown:?}");
    }
}
