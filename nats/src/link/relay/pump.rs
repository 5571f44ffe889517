//! The one task of a stream: what is due by the clock, and what could not be published at once.
//!
//! Whoever writes, reads or hears publishes what follows from it there and then (`shared.rs`), so
//! that a keystroke wakes nobody but its receiver; this task sleeps meanwhile.

use std::sync::Arc;

use super::shared::{Next, Shared};

/// Runs until the stream is over.
pub(super) async fn pump(shared: Arc<Shared>) {
    let mut connection = shared.wire.bus.connection();
    if !shared.wire.bus.is_up() {
        shared.connection(false);
    }
    loop {
        match shared.next() {
            Next::Send(letter) => {
                if shared.wire.publish(letter).await.is_err() {
                    return shared.closed();
                }
            }
            Next::Wait(until) => tokio::select! {
                () = shared.pump.notified() => {}
                () = tokio::time::sleep_until(until) => {}
                changed = connection.changed() => match changed {
                    Ok(()) => shared.connection(connection.borrow_and_update().up),
                    Err(_) => shared.closed(),
                },
            },
            Next::Done => return,
        }
    }
}
