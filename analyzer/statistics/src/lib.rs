//! The statistics of soak data.
