//! System calls without a safe wrapper in our libraries: the only `unsafe` code of this crate.
//!
//! Knows the kernel's structures and nothing else; every function is safe to call.
#![allow(unsafe_code)]

mod announce;
mod batch;
mod generation;
mod interfaces;
mod schedule;

pub use announce::announce;
pub use batch::{
    Outgoing, ReceiveBatch, SendBatch, force_buffers, read_refusals, set_error_queue, set_probing,
    set_receive_offload,
};
pub use generation::{awaited, device_events, is_restored};
pub use interfaces::{interface_addresses, route_changes};
pub use schedule::{calendar, nice, round_robin, timer_slack};
