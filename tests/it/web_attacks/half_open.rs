//! Connections that never finish their greeting, and an honest login among them.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nexus_tests::ways::{self, Way};
use nexus_tests::{require, ssh};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use super::World;

const HALF_OPEN: u16 = 500;
/// The promise of `security.md` for a login beside them.
const HONEST: Duration = Duration::from_secs(3);

#[tokio::test]
async fn five_hundred_half_open_connections_keep_nobody_out_of_a_port() -> anyhow::Result<()> {
    require!(
        "five_hundred_half_open_connections_keep_nobody_out_of_a_port",
        ssh::is_installed(),
        "openssh-client is not installed"
    );
    let world = World::make().await?;
    let port = world.workspace.ssh.clone().context("an address")?.port;
    besieged(&world, port, Way::Pool).await
}

#[tokio::test]
async fn five_hundred_half_open_connections_keep_nobody_out_of_the_jump_host() -> anyhow::Result<()>
{
    require!(
        "five_hundred_half_open_connections_keep_nobody_out_of_the_jump_host",
        ssh::is_installed(),
        "openssh-client is not installed"
    );
    let world = World::make().await?;
    let address: SocketAddr = world.plane.jump_address().parse()?;
    besieged(&world, address.port(), Way::Jump).await
}

/// From one address first, then from as many as there are connections.
async fn besieged(world: &World, port: u16, way: Way) -> anyhow::Result<()> {
    let host = ways::host(&world.plane, world.workspace.id, way, &world.plane.key).await?;
    // The first login of all makes whatever is made once.
    host.run("true").await?.success()?;
    let mut held = Vec::new();
    for from_many in [false, true] {
        for number in 0..HALF_OPEN {
            held.push(half_open(number, from_many, port).await?);
        }
        for _ in 0..3 {
            let begins = Instant::now();
            let login = host.run("echo in").await?;
            let took = begins.elapsed();
            ensure!(login.stdout == "in\n", "{login:?}");
            ensure!(took < HONEST, "{took:?} among {} others", held.len());
        }
    }
    drop(held);
    Ok(())
}

/// A connection that says nothing, or greets and then says nothing, or stops in mid-word.
async fn half_open(number: u16, from_many: bool, port: u16) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if from_many {
        let [high, low] = number.to_be_bytes();
        let source = Ipv4Addr::new(127, 1, high, low.max(1));
        socket.bind((source, 0).into())?;
    }
    let connect = socket.connect((Ipv4Addr::LOCALHOST, port).into());
    let mut stream = tokio::time::timeout(Duration::from_secs(10), connect)
        .await
        .context("nobody takes connections any more")??;
    let word: &[u8] = match number % 3 {
        0 => b"",
        1 => b"SSH-2.0-half\r\n",
        _ => b"SSH-2.0-ha",
    };
    // One that was let go of at once is as good as any.
    let _ = stream.write_all(word).await;
    Ok(stream)
}
