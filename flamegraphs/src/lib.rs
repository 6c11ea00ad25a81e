//! One profile model, its readers and writers, readable names and flamegraphs.
