//! The marker ABI.
