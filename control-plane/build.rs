//! Embeds the built dashboard (`dashboard/dist`) into the binary: every file with its digest and,
//! where that is smaller, compressed. Where it was not built, the list is empty and the server
//! says how to build it.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// Files compress as a rule, or were compressed by their own format.
const COMPRESSIBLE: [&str; 6] = ["html", "js", "css", "svg", "json", "txt"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("dashboard/dist");
    let out = PathBuf::from(variable("OUT_DIR")?);
    // Cargo runs this again and again while a folder it watches is not there.
    if let Err(error) = fs::create_dir_all(&root) {
        println!(
            "cargo::warning=there is no {} ({error}); the dashboard is left out",
            root.display()
        );
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    // As the text is ordered, which is how they are looked up.
    files.sort_by_key(|file| file.display().to_string());
    let mut list = String::from("&[\n");
    for (index, file) in files.iter().enumerate() {
        list.push_str(&entry(&root, file, &out.join(format!("{index}.gz")))?);
    }
    list.push_str("]\n");
    fs::write(out.join("dashboard.rs"), list)
}

fn variable(name: &str) -> io::Result<String> {
    std::env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// One file as an element of the list, with its compressed form written to `packed`.
fn entry(root: &Path, file: &Path, packed: &Path) -> io::Result<String> {
    let bytes = fs::read(file)?;
    let relative = file.strip_prefix(root).map_err(io::Error::other)?;
    let digest = Sha256::digest(&bytes);
    let mut tag = String::new();
    for byte in &digest[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    let compressible = file
        .extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| COMPRESSIBLE.contains(&ending));
    let mut form = String::from("None");
    if compressible {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        let smaller = encoder.finish()?;
        if smaller.len() < bytes.len() {
            fs::write(packed, smaller)?;
            form = format!("Some(include_bytes!({packed:?}))");
        }
    }
    Ok(format!(
        "Asset {{ path: {:?}, tag: {tag:?}, bytes: include_bytes!({file:?}), gzip: {form} }},\n",
        format!("/{}", relative.display())
    ))
}
