//! Pulling commands when there is room, and answering the queue once their outcome is stored.

use std::sync::Arc;
use std::time::Duration;

use nexus_nats::command_queue::QueueError;
use nexus_nats::{CommandConsumer, CommandQueue, Delivery, Route};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Runtime;
use super::perform::Verdict;
use crate::provider::Provider;

/// Before a command that was handed back comes again.
const AGAIN: Duration = Duration::from_secs(2);

/// The two queues of a worker: work for whoever has room, and work for the node that has the
/// machine. Each has room of its own.
#[derive(Debug)]
pub struct Queues {
    any: CommandConsumer,
    own: CommandConsumer,
    room: Room,
}

/// How much more can be taken.
#[derive(Debug, Clone)]
pub struct Room {
    any: Arc<Semaphore>,
    own: Arc<Semaphore>,
}

impl Room {
    /// New workspaces that could be taken now.
    pub fn free(&self) -> u32 {
        u32::try_from(self.any.available_permits()).unwrap_or(u32::MAX)
    }
}

impl<P: Provider> Runtime<P> {
    /// Opens both queues.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn queues(&self, queue: &CommandQueue) -> Result<Queues, QueueError> {
        let kind = self.provider().kind();
        let slots = self.shared.options.slots.max(1);
        Ok(Queues {
            any: queue.consumer(kind, Route::Any).await?,
            own: queue.consumer(kind, Route::Node(self.node())).await?,
            room: Room {
                any: Arc::new(Semaphore::new(slots)),
                own: Arc::new(Semaphore::new(slots)),
            },
        })
    }

    /// Takes commands until `stop`, then lets those at work go on for the shutdown grace and hands
    /// the rest back.
    pub async fn consume(&self, queues: Queues, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let Queues {
            mut any,
            mut own,
            room,
        } = queues;
        tokio::join!(
            self.pull(&mut any, &room.any, &tasks, &stop),
            self.pull(&mut own, &room.own, &tasks, &stop),
        );
        tasks.close();
        let grace = self.shared.options.shutdown_grace;
        if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
            tracing::info!("operations are handed back");
            self.hand_back();
            tasks.wait().await;
        }
    }

    async fn pull(
        &self,
        consumer: &mut CommandConsumer,
        room: &Arc<Semaphore>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        loop {
            let next = async {
                let permit = Arc::clone(room).acquire_owned().await.ok()?;
                Some((permit, consumer.next().await))
            };
            let taken = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                taken = next => taken,
            };
            match taken {
                Some((permit, Ok(delivery))) => {
                    let runtime = self.clone();
                    tasks.spawn(async move {
                        runtime.handle(delivery).await;
                        drop(permit);
                    });
                }
                Some((_, Err(error))) => {
                    tracing::error!(%error, "commands cannot be taken");
                    tokio::time::sleep(AGAIN).await;
                }
                None => return,
            }
        }
    }

    async fn handle(&self, delivery: Delivery) {
        let redelivered = delivery.attempt() > 1;
        let command = delivery.command().clone();
        tracing::info!(
            command = %command.id,
            workspace = %command.workspace,
            kind = ?command.kind,
            attempt = delivery.attempt(),
            "taken"
        );
        let answered = match self.perform(&command, redelivered).await {
            // Handed back, it would come to whoever has room and not to the node that has it: that
            // one is at it, or is told again by name once the control plane sees that it is not.
            Verdict::Done | Verdict::Elsewhere => delivery.done().await,
            Verdict::HandBack(reason) if delivery.is_last() => delivery.give_up(&reason).await,
            Verdict::HandBack(reason) => {
                tracing::warn!(reason, command = %command.id, "handed back");
                match self.shared.ending.is_cancelled() {
                    // Dropped, it goes back at once: another worker may be there.
                    true => {
                        drop(delivery);
                        Ok(())
                    }
                    false => delivery.retry_after(AGAIN).await,
                }
            }
            Verdict::Park(reason) => delivery.give_up(&reason).await,
        };
        if let Err(error) = answered {
            tracing::warn!(%error, command = %command.id, "the command may come again");
        }
    }
}

impl Queues {
    /// How much more can be taken, for the heartbeat.
    pub fn room(&self) -> Room {
        self.room.clone()
    }
}
