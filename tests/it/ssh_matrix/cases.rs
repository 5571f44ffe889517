//! Programs, terminals and files: one connection each.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use nexus_tests::ssh::{Host, feed};
use nexus_tests::tool;
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::outcome::Outcomes;

/// Bytes nobody could compress or guess, the same in every run.
pub(super) fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// A case that is one command: its name, options of the client, what runs, what it is given.
type Program = (&'static str, &'static [&'static str], &'static str, usize);

const PROGRAMS: [Program; 12] = [
    ("exit code", &[], "exit 7", 0),
    ("no such program", &[], "nexus-no-such-program", 0),
    ("killed by a signal", &[], "kill -KILL $$", 0),
    ("ended by a signal", &[], "kill -TERM $$", 0),
    ("much output", &[], "seq 1 400000", 0),
    ("both outputs", &[], "echo out; echo err >&2; exit 3", 0),
    ("input to its end", &[], "sha256sum", 4 << 20),
    ("input and output", &[], "cat", 4 << 20),
    ("no input", &[], "cat; echo the end", 0),
    ("input nobody reads", &[], "exec true", 1 << 20),
    (
        "new keys on the way",
        &["-o", "RekeyLimit=1M"],
        "cat",
        8 << 20,
    ),
    ("compressed", &["-C"], "cat", 1 << 20),
];

pub(super) async fn programs(host: &Host, outcomes: &mut Outcomes) -> anyhow::Result<()> {
    for (case, options, command, input) in PROGRAMS {
        let output = feed(host.ssh(options, &[command]), &noise(1, input)).await?;
        let mut bytes = output.stdout;
        // What the local client says of itself is not the server's.
        if case == "both outputs" {
            bytes.extend(output.stderr);
        }
        outcomes.note(case, output.status.code(), &bytes);
    }
    // What is typed into a login shell without a terminal.
    let shell = feed(host.ssh(&["-T"], &[]), b"echo $((6 * 7))\nexit 4\n").await?;
    outcomes.note("script into a shell", shell.status.code(), &shell.stdout);
    Ok(())
}

pub(super) async fn terminals(host: &Host, outcomes: &mut Outcomes) -> anyhow::Result<()> {
    let command = "test -t 0 && test -t 1 && echo terminal; exit 5";
    let output = feed(host.ssh(&["-tt"], &[command]), b"").await?;
    outcomes.note("with a terminal", output.status.code(), &output.stdout);
    let (code, text) = interrupted(host).await?;
    outcomes.note("interrupted at the terminal", code, text.as_bytes());
    Ok(())
}

/// Ctrl-C at a terminal reaches the program.
async fn interrupted(host: &Host) -> anyhow::Result<(Option<i32>, String)> {
    let command =
        "trap 'echo caught; exit 9' INT; stty -echo; echo ready; while :; do sleep 0.05; done";
    let mut ssh = host.ssh(&["-tt"], &[command]);
    ssh.stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = ssh.spawn()?;
    let mut stdin = child.stdin.take().context("a pipe")?;
    let mut stdout = child.stdout.take().context("a pipe")?;
    let talk = async {
        let mut seen = String::new();
        let mut buffer = [0; 256];
        while !seen.contains("ready") {
            let count = stdout.read(&mut buffer).await?;
            anyhow::ensure!(count > 0, "it ended before it was ready: {seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        stdin.write_all(&[3]).await?;
        stdout.read_to_string(&mut seen).await?;
        let status = child.wait().await?;
        // Where the terminal shows ^C itself depends on when echo went off.
        anyhow::Ok((status.code(), seen.replace("^C", "").replace("\r\n", "\n")))
    };
    tokio::time::timeout(Duration::from_secs(30), talk)
        .await
        .context("Ctrl-C did not end it")?
}

/// Copies there and back by both protocols of `scp`, and by `sftp`.
pub(super) async fn files(
    host: &Host,
    here: &Path,
    there: &str,
    outcomes: &mut Outcomes,
) -> anyhow::Result<()> {
    let sent = here.join("sent");
    std::fs::write(&sent, noise(2, 3 << 20))?;
    let sent = sent.to_string_lossy().into_owned();
    for (protocol, options) in [("scp", &[] as &[&str]), ("old scp", &["-O"])] {
        let far = format!(":{there}/{}", protocol.replace(' ', "-"));
        let back = here.join(protocol).to_string_lossy().into_owned();
        let up = tool::finish(host.scp(options, &sent, &far)).await?;
        let down = tool::finish(host.scp(options, &far, &back)).await?;
        outcomes.note(&format!("{protocol} there"), up.code, up.stdout.as_bytes());
        let bytes = std::fs::read(&back).unwrap_or_default();
        outcomes.note(&format!("{protocol} back"), down.code, &bytes);
    }
    folders(host, here, there, outcomes).await?;
    transfers(host, here, there, outcomes).await
}

async fn folders(
    host: &Host,
    here: &Path,
    there: &str,
    outcomes: &mut Outcomes,
) -> anyhow::Result<()> {
    let tree = here.join("tree");
    std::fs::create_dir_all(tree.join("one/two"))?;
    for (name, size) in [("empty", 0), ("one/a b", 70_000), ("one/two/ü", 1)] {
        std::fs::write(tree.join(name), noise(3, size))?;
    }
    let from = tree.to_string_lossy().into_owned();
    let copied = tool::finish(host.scp(&["-r", "-p"], &from, &format!(":{there}/tree"))).await?;
    let list = format!("cd {there}/tree && find . -type f -exec sha256sum {{}} + | LC_ALL=C sort");
    let listed = host.run(&list).await?;
    outcomes.note("folders", copied.code, listed.stdout.as_bytes());
    Ok(())
}

async fn transfers(
    host: &Host,
    here: &Path,
    there: &str,
    outcomes: &mut Outcomes,
) -> anyhow::Result<()> {
    let folder = here.display();
    let batch = format!(
        "mkdir {there}/box\ncd {there}/box\nput {folder}/sent first\nrename first second\n\
         chmod 640 second\nsymlink second link\nls -1\nget link {folder}/fetched\n\
         rm link\nrm second\ncd ..\nrmdir box\n"
    );
    let output = tool::finish(host.sftp(&batch)?).await?;
    let mut listed = output.stdout.replace(there, "THERE");
    listed.retain(|letter| letter != '\r');
    let shown: Vec<_> = listed
        .lines()
        .filter(|line| !line.starts_with("sftp>"))
        .collect();
    outcomes.note("sftp", output.code, shown.join("\n").as_bytes());
    let fetched = std::fs::read(here.join("fetched")).unwrap_or_default();
    outcomes.note("sftp's file", Some(0), &fetched);
    let missing = tool::finish(host.sftp(&format!("get {there}/nothing {folder}/x\n"))?).await?;
    outcomes.note("sftp of nothing", missing.code, b"");
    Ok(())
}
