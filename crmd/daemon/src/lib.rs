//! tokio around the core: agents, disk, local socket, watchdog, D-Bus, clock.
