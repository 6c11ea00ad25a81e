//! What lives inside a measured process: selectable allocator, counters, CPU profiler.
