//! A proxy that cuts connections: what a bad network does, by a seed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Stands before a TCP address and cuts what passes through it.
#[derive(Debug)]
pub struct Cutter {
    address: SocketAddr,
    cut: watch::Sender<u64>,
    cuts: Arc<AtomicUsize>,
    accepting: tokio::task::JoinHandle<()>,
}

/// After how many bytes of the far side each connection is cut.
#[derive(Debug, Clone)]
struct Plan {
    numbers: Arc<Mutex<StdRng>>,
    most_bytes: usize,
    cuts: Arc<AtomicUsize>,
    most_cuts: usize,
}

impl Plan {
    /// How many bytes the next connection may carry; `None` when it is left alone.
    fn next(&self) -> Option<usize> {
        if self.cuts.load(Ordering::Relaxed) >= self.most_cuts {
            return None;
        }
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        Some(numbers.random_range(0..self.most_bytes))
    }
}

impl Cutter {
    /// Before `target`, cutting only on [`Self::cut_all`].
    ///
    /// # Errors
    /// When no port is free.
    pub async fn before(target: SocketAddr) -> anyhow::Result<Self> {
        Self::start(target, 0, 1, 0).await
    }

    /// Before `target`, cutting the first `most_cuts` connections, each after a number of bytes
    /// below `most_bytes` that `seed` decides.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn seeded(
        target: SocketAddr,
        seed: u64,
        most_bytes: usize,
        most_cuts: usize,
    ) -> anyhow::Result<Self> {
        Self::start(target, seed, most_bytes, most_cuts).await
    }

    async fn start(
        target: SocketAddr,
        seed: u64,
        most_bytes: usize,
        most_cuts: usize,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let cuts = Arc::new(AtomicUsize::new(0));
        let (cut, told) = watch::channel(0);
        let plan = Plan {
            numbers: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))),
            most_bytes,
            cuts: cuts.clone(),
            most_cuts,
        };
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (plan, mut told) = (plan.clone(), told.clone());
                told.mark_unchanged();
                tokio::spawn(async move {
                    // Either side may fail at any moment: that is what this is for.
                    let _ = carry(near, target, &plan, told).await;
                });
            }
        });
        Ok(Self {
            address,
            cut,
            cuts,
            accepting,
        })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }

    /// Cuts every connection that is open now.
    pub fn cut_all(&self) {
        self.cut.send_modify(|round| *round += 1);
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Carries bytes both ways until an end closes or the plan says to cut, without a goodbye.
async fn carry(
    near: TcpStream,
    target: SocketAddr,
    plan: &Plan,
    mut told: watch::Receiver<u64>,
) -> anyhow::Result<()> {
    let far = TcpStream::connect(target).await?;
    // Whoever is cut off hears it at once: closing without lingering sends a reset.
    near.set_zero_linger()?;
    far.set_zero_linger()?;
    far.set_nodelay(true)?;
    near.set_nodelay(true)?;
    let allowance = plan.next();
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = far.into_split();
    let up = tokio::io::copy(&mut from_near, &mut to_far);
    let down = async {
        let mut left = allowance.unwrap_or(usize::MAX);
        let mut buffer = vec![0; 16 * 1024];
        while left > 0 {
            let most = left.min(buffer.len());
            let count = from_far.read(&mut buffer[..most]).await?;
            if count == 0 {
                return anyhow::Ok(false);
            }
            to_near.write_all(&buffer[..count]).await?;
            left -= count;
        }
        anyhow::Ok(true)
    };
    let was_cut = tokio::select! {
        _ = up => false,
        cut = down => cut?,
        _ = told.changed() => true,
    };
    if was_cut {
        plan.cuts.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
