//! What the reader accepts, refuses and gives back.
#![allow(clippy::unwrap_used)]

mod reading;
mod selecting;
