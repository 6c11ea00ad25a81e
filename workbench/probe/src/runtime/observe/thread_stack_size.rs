//! Stack of the threads that a runtime starts.

use std::io;

use tokio::runtime::Builder;

/// Bytes, from a thread of the blocking pool: workers of a multi-thread runtime are threads of the same pool.
pub(in crate::runtime) fn thread_stack_size(builder: &mut Builder) -> io::Result<u64> {
    let runtime = builder.build()?;
    runtime.block_on(runtime.spawn_blocking(own_stack_size)).map_err(io::Error::other)?
}

/// pthread_getattr_np(3).
fn own_stack_size() -> io::Result<u64> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut size = 0;
    // SAFETY: the attributes are initialised by the first call, read by the second and freed by the third.
    unsafe {
        let code = libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr());
        if code != 0 {
            return Err(io::Error::from_raw_os_error(code));
        }
        libc::pthread_attr_getstacksize(attributes.as_ptr(), &raw mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    Ok(size as u64)
}
