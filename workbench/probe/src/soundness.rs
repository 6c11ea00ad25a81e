//! Which checker covers which of this crate's `unsafe`, and what none of them covers. Nothing but this text.
//!
//! *loom*: `cargo test -p probe-models`, part of `cargo test --workspace`: the very sources of a table with loom's
//! atomics, every interleaving of two threads up to three preemptions. *TSan*, *ASan*: `.ci/sanitizers thread address`,
//! where the toolchain has the runtimes, without an instrumented standard library. *Miri*: `.ci/sanitizers miri`, where the
//! toolchain has it; pure tables only, since it knows neither C code nor most system calls.
//!
//! | what | unsafe | loom | TSan | ASan | Miri |
//! |---|---|---|---|---|---|
//! | `allocator::layers`, `selectable`: dispatch, layouts of sampled blocks | yes | – | test `heap`: all three kinds, 8 threads | the same; a wrong layout or a second free of jemalloc's or mimalloc's blocks is not seen, of the system's is | – |
//! | `allocator::counters`: a slot a thread | no | – | test `heap`, unit tests | as above | unit tests need 1,100 threads: not run |
//! | `heap::live`: blocks by address | no | two threads in one window; a block handed over | unit tests, `heap` | `heap` | unit tests |
//! | `heap::stacks`: sums by stack | no | one stack twice; a full table | unit tests, `heap` | `heap` | unit tests |
//! | `heap::gate`: who may write | no | nobody writes once it is closed | `heap` | `heap` | – |
//! | `heap::capture`: frame pointers, unwinder | yes | – | unit tests, `heap` | stacks with red zones: unit tests, `heap` | inline assembly: cannot |
//! | `tasks::sites`: spawn sites by address | yes | two threads, one site | unit tests | unit tests | unit tests |
//! | `tasks::unpolled`: spawns by task | no | two threads, one place; spawned here and polled there | unit tests | unit tests | unit tests |
//! | `tasks::ledger`: sums a thread | yes | – | unit tests | unit tests | – |
//! | `cpu::sampler`, `cpu::unwind`, `stalls`, `recorder::seats`: signal handlers, ring, timers, copies of stacks | yes | – | unit tests, by hand | unit tests, by hand | system calls: cannot |
//! | `jemalloc`, `mimalloc`, `glibc`, `memory_limit`: calls into C | yes | – | not run | not run | C code: cannot |
//! | `allocator::guard`, `usage`, `cpu::build_id`: calls into the C library | yes | – | not run: `malloc` is the sanitizer's there | not run | cannot |
//!
//! Covered by none: the C code of jemalloc and mimalloc themselves; a wrong layout given to them (what is read back after
//! every resize, under all three kinds, in the test `heap`, is the only witness); a signal within an allocator call
//! (counters lose at most that call, see `allocator::counters`); races inside the standard library; `SeqCst` operations
//! other than fences under loom, which plays them as acquire and release.
