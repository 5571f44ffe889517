//! Ways into workspaces, against a real nexus-init and a control plane whose log is in memory.

mod attacks;
mod commands;
mod lifecycle;
mod relay;
#[path = "../scene/mod.rs"]
mod scene;
mod streams;
mod terminals;
mod time;
mod viewer;
