//! Which checker covers which of this crate's `unsafe`, and what none of them covers. Nothing but this text.
//!
//! *loom*: `cargo test -p probe-models`, part of `cargo test --workspace`: the very sources of a table with loom's
//! atomics, every interleaving of two threads up to three preemptions. *TSan*, *ASan*: `.ci/sanitizers thread address`,
//! where the toolchain has the runtimes, without an instrumented standard library. *Miri*: `.ci/sanitizers miri`, where the
//! toolchain has it; pure tables only, since it knows neither C code nor most system calls.
//!
//! | what | unsafe | loom | TSan | ASan | Miri |
//! |---|---|---|---|---|---|
//! | `allocator::layers`, `selectable`: dispatch, layouts of sampled blocks | yes | – | tests `allocator`, `heap`: all three kinds, 8 threads | the same in mode `system`: a wrong layout or a second free of jemalloc's or mimalloc's blocks is not seen | – |
//! | `allocator::counters`: a slot a thread | no | – | `allocator`, unit tests | as above | unit tests need 1,100 threads: not run |
//! | `heap::live`: blocks by address | no | two threads in one window; a block handed over | unit tests, `heap` | `heap` | unit tests |
//! | `heap::stacks`: sums by stack | no | one stack twice; a full table | unit tests, `heap` | `heap` | unit tests |
//! | `heap::gate`: who may write | no | nobody writes once it is closed | `heap` | `heap` | – |
//! | `heap::capture`: frame pointers, unwinder | yes | – | unit tests, `heap` | stacks with red zones: unit tests, `heap` | inline assembly: cannot |
//! | `tasks::sites`: spawn sites by address | yes | two threads, one site | unit tests, `tasks` | unit tests | unit tests |
//! | `tasks::ledger`, `recorder::seats`: sums a thread | yes | – | unit tests, `tasks` | unit tests | – |
//! | `cpu::sampler`: signal handler, ring, timers | yes | – | unit tests; signals are delivered late there, so that a handler in the midst of anything is rare | unit tests | system calls: cannot |
//! | `cpu::unwind`: tables and stacks | yes | – | unit tests | unit tests: every read beyond a copy of a stack or a section | – |
//! | `stalls`: signal, capture | yes | – | unit tests | unit tests | system calls: cannot |
//! | `jemalloc`, `mimalloc`, `glibc`, `memory_limit`: calls into C | yes | – | the C code is not instrumented | the C code is not instrumented | C code: cannot |
//! | `allocator::guard`, `usage`, `cpu::build_id`: calls into the C library | yes | – | unit tests | unit tests | cannot |
//!
//! Covered by none: the C code of jemalloc and mimalloc themselves; a wrong layout given to them (what is read back after
//! every resize, under all three kinds, in the test `heap`, is the only witness); a signal within an allocator call
//! (counters lose at most that call, see `allocator::counters`); races inside the standard library; `SeqCst` operations
//! other than fences under loom, which plays them as acquire and release.
