//! Secrets nobody else has, and looking for them everywhere: files, arguments, environments.
//!
//! A secret is looked for as it is, in hexadecimal, and in base64 at each of its three alignments, so
//! that a copy inside of a larger encoded text is found, too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// One planted secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// What it is.
    pub what: &'static str,
    bytes: Vec<u8>,
}

impl Secret {
    /// One that was never there before.
    pub fn fresh(what: &'static str) -> Self {
        Self {
            what,
            bytes: format!("Cnry{}", uuid::Uuid::now_v7().simple()).into(),
        }
    }

    /// One the product made itself.
    pub fn found(what: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            what,
            bytes: bytes.into(),
        }
    }

    /// The secret itself; empty where it is no text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    fn forms(&self) -> Vec<Vec<u8>> {
        let bytes = self.bytes.as_slice();
        let hex = |upper: bool| {
            let digit = |byte: &u8| match upper {
                true => format!("{byte:02X}"),
                false => format!("{byte:02x}"),
            };
            bytes.iter().map(digit).collect::<String>().into_bytes()
        };
        let mut forms = vec![bytes.to_vec(), hex(false), hex(true)];
        for before in 0..3 {
            let shifted = [vec![0; before], bytes.to_vec()].concat();
            let encoded = STANDARD_NO_PAD.encode(&shifted);
            // What is mixed with the bytes around it is left out at both ends.
            let (start, end) = (if before == 0 { 0 } else { 4 }, shifted.len() / 3 * 4);
            forms.push(encoded.as_bytes()[start..end].to_vec());
        }
        forms
    }
}

/// A secret where it must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Which.
    pub what: &'static str,
    /// Where.
    pub place: String,
}

/// Looks for secrets: once over the bytes, however many there are.
#[derive(Debug, Clone)]
pub struct Search {
    needles: Arc<Vec<(&'static str, Vec<u8>)>>,
    /// Which two bytes one of them begins with.
    begins: Arc<Vec<bool>>,
}

impl Search {
    /// For these.
    pub fn of(secrets: &[Secret]) -> Self {
        let forms = |secret: &Secret| {
            let what = secret.what;
            secret.forms().into_iter().map(move |form| (what, form))
        };
        let needles: Vec<(&'static str, Vec<u8>)> = secrets.iter().flat_map(forms).collect();
        let mut begins = vec![false; 1 << 16];
        for (_, needle) in &needles {
            begins[start(needle)] = true;
        }
        Self {
            needles: Arc::new(needles),
            begins: Arc::new(begins),
        }
    }

    /// What of them is in these bytes.
    pub fn in_bytes(&self, bytes: &[u8]) -> BTreeSet<&'static str> {
        let mut found = BTreeSet::new();
        for (at, pair) in bytes.windows(2).enumerate() {
            if self.begins[start(pair)] {
                let here = &bytes[at..];
                let starts = |(_, needle): &&(&'static str, Vec<u8>)| here.starts_with(needle);
                found.extend(self.needles.iter().filter(starts).map(|(what, _)| *what));
            }
        }
        found
    }

    /// What of them is in the files below, or in their names. Links are not followed; what cannot
    /// be read is no file any more.
    pub fn below(&self, folder: &Path) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut open = vec![folder.to_owned()];
        while let Some(path) = open.pop() {
            let Ok(metadata) = std::fs::symlink_metadata(&path) else {
                continue;
            };
            let place = path.display().to_string();
            let mut found = self.in_bytes(place.as_bytes());
            if metadata.is_dir() {
                let entries = std::fs::read_dir(&path).into_iter().flatten();
                open.extend(entries.flatten().map(|entry| entry.path()));
            } else if metadata.is_file() {
                found.extend(self.in_bytes(&std::fs::read(&path).unwrap_or_default()));
            } else if metadata.is_symlink() {
                let target = std::fs::read_link(&path).unwrap_or_default();
                found.extend(self.in_bytes(target.display().to_string().as_bytes()));
            }
            hits.extend(found.into_iter().map(|what| Hit {
                what,
                place: place.clone(),
            }));
        }
        hits
    }

    /// What of them is in arguments or environments of programs on this machine. What runs inside
    /// a workspace is for its owner; the first process there is ours and is looked at.
    pub fn in_processes(&self) -> Vec<Hit> {
        let ours = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let mut hits = Vec::new();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let process = entry.path();
            let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
            if !entry.file_name().to_str().is_some_and(is_process) {
                continue;
            }
            let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
            let first = line.split(|byte| *byte == 0).next().unwrap_or_default();
            let is_init = String::from_utf8_lossy(first).contains("nexus-init");
            let namespace = std::fs::read_link(process.join("ns/pid")).unwrap_or_default();
            if namespace != ours && !is_init {
                continue;
            }
            let environment = std::fs::read(process.join("environ")).unwrap_or_default();
            for (bytes, kind) in [(&line, "arguments"), (&environment, "environment")] {
                hits.extend(self.in_bytes(bytes).into_iter().map(|what| Hit {
                    what,
                    place: format!("{kind} of {}", String::from_utf8_lossy(first)),
                }));
            }
        }
        hits
    }
}

/// Looks at every process again and again, until dropped.
#[derive(Debug)]
pub struct Watch {
    search: Arc<Mutex<Search>>,
    hits: Arc<Mutex<BTreeSet<Hit>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    /// Begins to look for these.
    pub fn over(secrets: &[Secret]) -> Self {
        let search = Arc::new(Mutex::new(Search::of(secrets)));
        let hits = Arc::new(Mutex::new(BTreeSet::new()));
        let (theirs, found) = (Arc::clone(&search), Arc::clone(&hits));
        let task = tokio::task::spawn_blocking(move || {
            // Its owner holds the other one.
            while Arc::strong_count(&theirs) > 1 {
                let search = theirs.lock().map(|search| search.clone());
                if let (Ok(search), Ok(mut found)) = (search, found.lock()) {
                    found.extend(search.in_processes());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { search, hits, task }
    }

    /// Looks for these from now on.
    pub fn also(&self, secrets: &[Secret]) {
        if let Ok(mut search) = self.search.lock() {
            *search = Search::of(secrets);
        }
    }

    /// What was seen.
    pub async fn end(self) -> Vec<Hit> {
        drop(self.search);
        let _ended = self.task.await;
        self.hits
            .lock()
            .map(|hits| hits.iter().cloned().collect())
            .unwrap_or_default()
    }
}

/// The first two bytes, as a number.
fn start(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// The hits that are not in a place that is meant to hold the secret.
pub fn unexpected(hits: Vec<Hit>, meant: &[(&'static str, PathBuf)]) -> Vec<Hit> {
    let is_meant = |hit: &Hit| {
        meant
            .iter()
            .any(|(what, place)| *what == hit.what && Path::new(&hit.place).starts_with(place))
    };
    hits.into_iter().filter(|hit| !is_meant(hit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form_and_place() {
        let secret = Secret::fresh("a secret");
        let search = Search::of(std::slice::from_ref(&secret));
        let text = &secret.text().to_owned();
        let encode = |text: String| STANDARD_NO_PAD.encode(text).into_bytes();
        for bytes in [
            format!("before{text}after").into_bytes(),
            encode(text.clone()),
            encode(format!("x{text}yz")),
            encode(format!("xy{text}")),
            encode(format!("xyz{text}z")),
            text.bytes()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                .into_bytes(),
        ] {
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(search.in_bytes(&bytes).len(), 1, "{shown}");
        }
        assert!(
            search
                .in_bytes(Secret::fresh("another").text().as_bytes())
                .is_empty()
        );

        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("a/b");
        std::fs::create_dir_all(&inside).expect("a folder");
        std::fs::write(inside.join("file"), text).expect("a file");
        std::fs::write(inside.join(format!("named-{text}")), "").expect("a file");
        let hits = search.below(folder.path());
        assert_eq!(hits.len(), 2, "{hits:?}");
        let meant = [("a secret", inside.join("file"))];
        assert_eq!(unexpected(hits, &meant).len(), 1);
    }
}
