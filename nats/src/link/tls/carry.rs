//! Carrying bytes between a gateway's connection and init, both ways.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio_rustls::server::TlsStream;

use super::guarded::Guarded;
use super::linger::linger;

/// Bytes copied at a time.
const BUFFER: usize = 64 << 10;

/// How a direction broke.
enum Broken {
    Reading(io::Error),
    Writing(io::Error),
}

/// Until both directions have ended; the end of one is passed on while the other goes on.
///
/// Init may end without having read all that was sent to it: what it said before is told all the
/// same, and then that it broke off.
///
/// # Errors
/// The gateway is gone.
pub(super) async fn carry(
    outside: TlsStream<BufReader<Guarded>>,
    mut inside: UnixStream,
) -> io::Result<()> {
    let (mut from_outside, mut to_outside) = tokio::io::split(outside);
    let (mut from_inside, mut to_inside) = inside.split();
    let copying = async {
        let inward = one_way(&mut from_outside, &mut to_inside);
        let outward = one_way(&mut from_inside, &mut to_outside);
        tokio::pin!(inward, outward);
        tokio::select! {
            told = &mut outward => match told {
                Ok(()) => heard(inward.await).map(|()| told),
                Err(_) => Ok(told),
            },
            result = &mut inward => {
                heard(result)?;
                Ok(outward.await)
            }
        }
    };
    let told = copying.await?;
    let outside = from_outside.unsplit(to_outside);
    match told {
        Ok(()) => linger(outside).await,
        // The end of the connection without TLS's own is a reset, after the last byte.
        Err(Broken::Reading(error)) => {
            tracing::debug!(%error, "init broke off");
            linger(outside.into_inner().0).await;
        }
        Err(Broken::Writing(error)) => return Err(error),
    }
    Ok(())
}

/// Copies to the end, which is passed on.
async fn one_way(
    from: impl AsyncRead + Unpin,
    to: &mut (impl AsyncWrite + Unpin),
) -> Result<(), Broken> {
    let mut from = BufReader::with_capacity(BUFFER, from);
    loop {
        let bytes = from.fill_buf().await.map_err(Broken::Reading)?;
        let count = bytes.len();
        if count == 0 {
            return to.shutdown().await.map_err(Broken::Writing);
        }
        to.write_all(bytes).await.map_err(Broken::Writing)?;
        // What TLS has encrypted is not sent before somebody says so.
        to.flush().await.map_err(Broken::Writing)?;
        from.consume(count);
    }
}

/// What came of the way in: that init did not hear all is no reason to end.
fn heard(inward: Result<(), Broken>) -> io::Result<()> {
    match inward {
        Ok(()) => Ok(()),
        Err(Broken::Reading(error)) => Err(error),
        Err(Broken::Writing(error)) => {
            tracing::debug!(%error, "init did not hear all that was sent to it");
            Ok(())
        }
    }
}
