//! The ring as a pure state machine: membership, ordering, recovery, sealing, quorum.
