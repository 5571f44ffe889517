//! A network that fails as networks do: between one program and the log's server.
//!
//! What is sent while nothing passes is kept and arrives later, or is lost with the connection when
//! that is cut: both happen to real programs.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Everything passes.
    Fair,
    /// Everything passes, so much later.
    Slow(Duration),
    /// Connections are reset and new ones end at once.
    Cut,
    /// Connections stay open, and nothing passes.
    Silent,
    /// What the program sends arrives; what it is sent does not.
    OnlyOut,
    /// What the program is sent arrives; what it sends does not.
    OnlyIn,
}

impl Weather {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fair => "fair",
            Self::Slow(_) => "slow",
            Self::Cut => "cut",
            Self::Silent => "silent",
            Self::OnlyOut => "only out",
            Self::OnlyIn => "only in",
        }
    }

    const fn passes(self, direction: Direction) -> bool {
        match (self, direction) {
            (Self::Fair | Self::Slow(_), _)
            | (Self::OnlyOut, Direction::Out)
            | (Self::OnlyIn, Direction::In) => true,
            (Self::Cut | Self::Silent, _)
            | (Self::OnlyOut, Direction::In)
            | (Self::OnlyIn, Direction::Out) => false,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Out,
    In,
}

/// Stands between one program and an address.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Before `target`, at a port of the same host, whose certificate is for it; in fair weather.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn before(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((target.ip(), 0)).await?;
        let address = listener.local_addr()?;
        let (weather, felt) = watch::channel(Weather::Fair);
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let felt = felt.clone();
                tokio::spawn(async move {
                    // Either side may fail at any moment: that is what this is for.
                    let _ = carry(near, target, felt).await;
                });
            }
        });
        Ok(Self {
            address,
            weather,
            accepting,
        })
    }

    /// Where the program connects.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets the weather change.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(
    near: TcpStream,
    target: SocketAddr,
    mut felt: watch::Receiver<Weather>,
) -> anyhow::Result<()> {
    near.set_zero_linger()?;
    if *felt.borrow_and_update() == Weather::Cut {
        return Ok(());
    }
    let far = TcpStream::connect(target).await?;
    far.set_zero_linger()?;
    far.set_nodelay(true)?;
    near.set_nodelay(true)?;
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    tokio::select! {
        ended = pass(from_near, to_far, Direction::Out, felt.clone()) => ended,
        ended = pass(from_far, to_near, Direction::In, felt.clone()) => ended,
        _ = felt.wait_for(|weather| *weather == Weather::Cut) => Ok(()),
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    mut felt: watch::Receiver<Weather>,
) -> anyhow::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let weather = *felt.wait_for(|weather| weather.passes(direction)).await?;
        if let Weather::Slow(by) = weather {
            tokio::time::sleep(by).await;
        }
        to.write_all(&buffer[..count]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client through the proxy, and the far side's end of its connection.
    async fn joined() -> (Proxy, TcpStream, TcpStream) {
        let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::before(far.local_addr().unwrap()).await.unwrap();
        let near = TcpStream::connect(proxy.address()).await.unwrap();
        let (far, _) = far.accept().await.unwrap();
        (proxy, near, far)
    }

    async fn hears(stream: &mut TcpStream, within: Duration) -> Option<u8> {
        let heard = tokio::time::timeout(within, stream.read_u8()).await;
        heard.ok().and_then(Result::ok)
    }

    const SOON: Duration = Duration::from_secs(10);
    const A_MOMENT: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn one_way_is_one_way_and_what_was_held_arrives() {
        let (proxy, mut near, mut far) = joined().await;
        proxy.set(Weather::OnlyOut);
        far.write_u8(2).await.unwrap();
        near.write_u8(1).await.unwrap();
        assert_eq!(hears(&mut far, SOON).await, Some(1));
        assert_eq!(hears(&mut near, A_MOMENT).await, None);
        proxy.set(Weather::Fair);
        assert_eq!(hears(&mut near, SOON).await, Some(2));
    }

    #[tokio::test]
    async fn silence_ends_and_a_cut_ends_connections() {
        let (proxy, mut near, mut far) = joined().await;
        proxy.set(Weather::Silent);
        near.write_u8(7).await.unwrap();
        assert_eq!(hears(&mut far, A_MOMENT).await, None);
        proxy.set(Weather::Slow(Duration::from_millis(5)));
        assert_eq!(hears(&mut far, SOON).await, Some(7));
        proxy.set(Weather::Cut);
        let ended = tokio::time::timeout(SOON, near.read_u8()).await.unwrap();
        assert!(ended.is_err(), "{ended:?}");
    }
}
