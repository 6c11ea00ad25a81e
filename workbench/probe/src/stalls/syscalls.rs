//! Names of the system calls that threads are found asleep in.

/// Name by number; of those that do not block, the number.
pub(super) fn name(number: i64) -> String {
    if number == -1 {
        return "page fault".to_owned();
    }
    let known = BLOCKING.iter().chain(OLDER).find(|(known, _)| *known == number);
    known.map_or_else(|| format!("system call {number}"), |(_, name)| (*name).to_owned())
}

macro_rules! named {
    ($($constant:ident $name:literal),* $(,)?) => { &[$((libc::$constant, $name)),*] };
}

const BLOCKING: &[(libc::c_long, &str)] = named![
    SYS_read "read", SYS_write "write", SYS_pread64 "pread64", SYS_pwrite64 "pwrite64", SYS_readv "readv",
    SYS_writev "writev", SYS_preadv "preadv", SYS_pwritev "pwritev", SYS_openat "openat", SYS_close "close",
    SYS_fsync "fsync", SYS_fdatasync "fdatasync", SYS_sync_file_range "sync_file_range", SYS_msync "msync",
    SYS_fallocate "fallocate", SYS_ftruncate "ftruncate", SYS_renameat2 "renameat2", SYS_unlinkat "unlinkat",
    SYS_getdents64 "getdents64", SYS_statx "statx", SYS_newfstatat "newfstatat", SYS_flock "flock", SYS_fcntl "fcntl",
    SYS_mmap "mmap", SYS_munmap "munmap", SYS_madvise "madvise", SYS_mprotect "mprotect", SYS_brk "brk",
    SYS_nanosleep "nanosleep", SYS_clock_nanosleep "clock_nanosleep", SYS_futex "futex", SYS_sched_yield "sched_yield",
    SYS_ppoll "ppoll", SYS_pselect6 "pselect6", SYS_epoll_pwait "epoll_pwait", SYS_epoll_pwait2 "epoll_pwait2",
    SYS_connect "connect", SYS_accept4 "accept4", SYS_accept "accept", SYS_recvfrom "recvfrom", SYS_recvmsg "recvmsg",
    SYS_sendto "sendto", SYS_sendmsg "sendmsg", SYS_sendfile "sendfile", SYS_splice "splice",
    SYS_copy_file_range "copy_file_range", SYS_wait4 "wait4", SYS_waitid "waitid", SYS_io_uring_enter "io_uring_enter",
    SYS_getrandom "getrandom", SYS_clone "clone", SYS_clone3 "clone3", SYS_execve "execve",
    SYS_restart_syscall "restart_syscall", SYS_rt_sigtimedwait "rt_sigtimedwait",
];

/// Those that younger architectures do without.
#[cfg(target_arch = "x86_64")]
const OLDER: &[(libc::c_long, &str)] = named![
    SYS_poll "poll", SYS_select "select", SYS_epoll_wait "epoll_wait", SYS_open "open", SYS_stat "stat",
    SYS_lstat "lstat", SYS_rename "rename", SYS_unlink "unlink", SYS_mkdir "mkdir", SYS_pause "pause",
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[(libc::c_long, &str)] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocking_calls_have_names_and_others_numbers() {
        assert_eq!(name(libc::SYS_clock_nanosleep), "clock_nanosleep");
        assert_eq!(name(-1), "page fault");
        assert_eq!(name(9999), "system call 9999");
    }
}
