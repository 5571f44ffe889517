//! A network that cuts a terminal a thousand times, also in the middle of the handshake.

use std::time::{Duration, Instant};

use anyhow::ensure;
use nexus_tests::cutter::Cutter;
use nexus_tests::terminal::{self, Door, Frame};
use sha2::{Digest as _, Sha256};

use super::World;

/// Decides where each connection is cut; another number finds other places.
const SEED: u64 = 20_261_121;
const CUTS: usize = 1000;
/// A connection carries fewer bytes than this; some do not live through the handshake.
const MOST_BYTES: usize = 12 * 1024;

/// Prints lines that are all different, up to the number it is told last: told twice or not at all
/// for a while, it prints the same. The terminal turns each `\n` into `\r\n`.
const PRODUCER: &str = "import sys\n\
    print('it begins', flush=True)\n\
    number = 0\n\
    while number < LINES:\n\
    \x20   told = int(sys.stdin.readline())\n\
    \x20   while number < min(told, LINES):\n\
    \x20       print('line %07d of the same terminal, byte for byte' % number)\n\
    \x20       number += 1\n\
    \x20   sys.stdout.flush()\n";

/// How many lines beyond what was read are asked for: far less than the scroll-back holds.
const AHEAD: u64 = 1000;

/// Bytes of each line.
const LINE: u64 = 50;
const LINES: usize = 140_000;

#[tokio::test]
async fn a_thousand_cuts_lose_and_double_no_byte() -> anyhow::Result<()> {
    cut_a_thousand_times(&[]).await
}

#[tokio::test]
async fn a_thousand_cuts_lose_and_double_no_byte_over_the_relay() -> anyhow::Result<()> {
    cut_a_thousand_times(&[("NEXUS_LINK", "relay")]).await
}

async fn cut_a_thousand_times(environment: &[(&str, &str)]) -> anyhow::Result<()> {
    let world = World::make_with(environment).await?;
    let mut socket = world.session("cut").await?;
    let script = PRODUCER.replace("LINES", &LINES.to_string());
    let write = format!(
        "cat > produce.py <<'END'\r{}END\r",
        script.replace('\n', "\r")
    );
    socket.type_bytes(write.as_bytes()).await?;
    socket.type_bytes(b"exec python3 produce.py\r").await?;
    // What is typed may be lost with a connection that breaks; that it runs has to be seen.
    socket.until("it begins\r\n").await?;
    let begins = socket.begins();
    drop(socket);
    let cutter = Cutter::seeded(world.door.address, SEED, MOST_BYTES, CUTS).await?;
    let door = Door {
        address: cutter.address(),
        ..world.door.clone()
    };
    let workspace = world.workspace.id.to_string();
    let got = follow(&door, &workspace, begins).await?;
    ensure!(cutter.cuts() >= CUTS, "only {} cuts", cutter.cuts());
    let mut wanted = Sha256::new();
    let mut count = 0;
    for number in 0..LINES {
        let line = format!("line {number:07} of the same terminal, byte for byte\r\n");
        count += line.len();
        wanted.update(line);
    }
    ensure!(
        got.bytes == count,
        "{} bytes of {count}, seed {SEED}",
        got.bytes
    );
    ensure!(
        got.digest == wanted.finalize().as_slice(),
        "other bytes, seed {SEED}"
    );
    Ok(())
}

struct Got {
    bytes: usize,
    digest: Vec<u8>,
}

/// Reads the session to its end over however many connections, each resuming where the last broke.
async fn follow(door: &Door, workspace: &str, begins: u64) -> anyhow::Result<Got> {
    let (mut next, mut digest) = (begins, Sha256::new());
    let patience = Instant::now();
    'connections: loop {
        ensure!(
            patience.elapsed() < Duration::from_secs(150),
            "not at the end after {} bytes",
            next - begins
        );
        let path = terminal::path(workspace, "cut", Some(next));
        let Ok(mut socket) = door.open(&path, &[terminal::BINARY], &[]).await else {
            continue;
        };
        let mut asked = 0;
        // A connection that is cut ends with an error; what came before it counts.
        loop {
            let read = (next - begins) / LINE;
            if asked < read + AHEAD / 2 {
                asked = read + AHEAD;
                if socket
                    .type_bytes(format!("{asked}\r").as_bytes())
                    .await
                    .is_err()
                {
                    break;
                }
            }
            let Ok(frame) = socket.next().await else {
                break;
            };
            match frame {
                Frame::Bytes(bytes) => {
                    digest.update(&bytes);
                    next += bytes.len() as u64;
                }
                Frame::Said(word) if word["type"] == "attached" => {
                    ensure!(word["from"] == next, "asked for {next}, given {word}");
                }
                Frame::Said(word) if word["type"] == "ended" => break 'connections,
                Frame::Said(word) => ensure!(word["type"] != "gap", "lost bytes: {word}"),
                Frame::Closed(1000, _) => break 'connections,
                Frame::Closed(code, reason) => anyhow::bail!("closed with {code}: {reason}"),
            }
        }
    }
    Ok(Got {
        bytes: usize::try_from(next - begins)?,
        digest: digest.finalize().to_vec(),
    })
}
