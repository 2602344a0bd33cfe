//! What the reader accepts, refuses and gives back.
#![allow(clippy::unwrap_used)]

mod patching;
mod reading;
mod selecting;
