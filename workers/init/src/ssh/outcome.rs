//! How a session channel ends, and signals on the way there.

use nexus_init_protocol::{ExitOutcome, Signal};
use russh::server::{Handle, Msg};
use russh::{ChannelWriteHalf, Sig};

use crate::process::signal_group;

/// Sends what a client may send; anything else is not for programs.
pub(super) fn send_signal(process_id: u32, signal: &Sig) {
    let known = match signal {
        Sig::HUP => Signal::Hup,
        Sig::INT => Signal::Int,
        Sig::KILL => Signal::Kill,
        Sig::QUIT => Signal::Quit,
        Sig::TERM => Signal::Term,
        Sig::USR1 => Signal::Usr1,
        Sig::ABRT | Sig::ALRM | Sig::FPE | Sig::ILL | Sig::PIPE | Sig::SEGV => return,
        Sig::Custom(name) if name == "USR2" => Signal::Usr2,
        Sig::Custom(_) => return,
    };
    signal_group(process_id, known);
}

/// Says how it ended, then that nothing follows. A client that is gone hears nothing.
pub(super) async fn say_end(
    handle: &Handle,
    output: &ChannelWriteHalf<Msg>,
    outcome: &ExitOutcome,
) {
    let id = output.id();
    match outcome {
        ExitOutcome::Signalled { signal } => {
            let name = signal_name(*signal);
            let (text, language) = (String::new(), String::new());
            let _gone = handle
                .exit_signal_request(id, name, false, text, language)
                .await;
        }
        other => {
            let code = other.shell_code().unsigned_abs();
            let _gone = output.exit_status(code).await;
        }
    }
    let _gone = output.eof().await;
    let _gone = output.close().await;
}

fn signal_name(number: i32) -> Sig {
    match number {
        1 => Sig::HUP,
        2 => Sig::INT,
        3 => Sig::QUIT,
        4 => Sig::ILL,
        6 => Sig::ABRT,
        8 => Sig::FPE,
        9 => Sig::KILL,
        10 => Sig::USR1,
        11 => Sig::SEGV,
        13 => Sig::PIPE,
        14 => Sig::ALRM,
        15 => Sig::TERM,
        other => Sig::Custom(format!("{other}@nexus")),
    }
}
