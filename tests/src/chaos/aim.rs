//! Which of the log's servers a fault is for, and when it may come.

use tokio::time::Instant;

use super::fault::{Fault, Target};
use super::scene::{Scene, Undo};

impl Scene {
    /// The fault with the leader's number, who leads now; and not before it may come.
    ///
    /// A server is stopped, or its disk filled, only while no other one is away: so a majority is
    /// never away for longer than it takes to start a killed one.
    pub(super) async fn aim(&mut self, fault: Fault) -> anyhow::Result<Fault> {
        let fault = match fault {
            Fault::Kill(Target::Leader, pause) => Fault::Kill(self.leader().await, pause),
            Fault::Pause(Target::Leader, pause) => Fault::Pause(self.leader().await, pause),
            Fault::Network(Target::Leader, weather, pause) => {
                Fault::Network(self.leader().await, weather, pause)
            }
            Fault::Fill(Target::Leader, pause) => Fault::Fill(self.leader().await, pause),
            fault => fault,
        };
        if let Fault::Pause(Target::Server(number), _) | Fault::Fill(Target::Server(number), _) =
            fault
            && let Some(back) = self.others_are_back(number)
        {
            self.undo_until(back).await?;
        }
        Ok(fault)
    }

    /// Who leads; any one where nobody can tell, since nobody leads.
    async fn leader(&self) -> Target {
        Target::Server(self.replicas.leader().await.unwrap_or(0))
    }

    /// When the last of the other servers comes back that is away now.
    fn others_are_back(&self, number: usize) -> Option<Instant> {
        let away = self.undo.iter().filter(|(_, undo)| {
            matches!(
                undo,
                Undo::Start(Target::Server(other))
                    | Undo::Continue(Target::Server(other))
                    | Undo::Empty(Target::Server(other))
                if *other != number
            )
        });
        away.map(|(back, _)| *back).max()
    }
}
