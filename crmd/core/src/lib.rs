//! One node, sans-io: view and DC, CIB replica, transition engine, operations, attributes, fencing policy.
