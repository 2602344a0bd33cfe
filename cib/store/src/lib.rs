//! The versioned document: requests, ACL, schema upgrade, journal and snapshot format.
