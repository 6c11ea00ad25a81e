//! What processes and threads have used so far, by the kernel's own count.

mod other;
mod own;

pub use self::other::{OtherProcess, cpu_s_of, process_of};
pub use self::own::{Usage, process, process_cpu_s, rss_bytes, thread_cpu_s};
