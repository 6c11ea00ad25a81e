//! Loom's atomics behind constructors that are `const`, as tables in statics need them: made at their first use, which
//! must come before a scene's second thread. So scenes begin with tables that have been used and are empty again.

pub(crate) use loom::sync::atomic::{Ordering, fence};
pub(crate) use loom::thread::yield_now;
use std::sync::OnceLock;

macro_rules! integer {
    ($name:ident, $of:ty) => {
        pub(crate) struct $name(OnceLock<loom::sync::atomic::$name>, $of);

        #[allow(dead_code, reason = "as much as the real one has, so far as a table uses it")]
        impl $name {
            pub(crate) const fn new(value: $of) -> Self {
                Self(OnceLock::new(), value)
            }

            fn real(&self) -> &loom::sync::atomic::$name {
                self.0.get_or_init(|| loom::sync::atomic::$name::new(self.1))
            }

            pub(crate) fn load(&self, order: Ordering) -> $of {
                self.real().load(order)
            }

            pub(crate) fn store(&self, value: $of, order: Ordering) {
                self.real().store(value, order);
            }

            pub(crate) fn fetch_add(&self, value: $of, order: Ordering) -> $of {
                self.real().fetch_add(value, order)
            }

            pub(crate) fn fetch_sub(&self, value: $of, order: Ordering) -> $of {
                self.real().fetch_sub(value, order)
            }

            pub(crate) fn fetch_or(&self, value: $of, order: Ordering) -> $of {
                self.real().fetch_or(value, order)
            }

            pub(crate) fn compare_exchange(
                &self,
                old: $of,
                new: $of,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$of, $of> {
                self.real().compare_exchange(old, new, success, failure)
            }
        }
    };
}
integer!(AtomicU32, u32);
integer!(AtomicU64, u64);
integer!(AtomicUsize, usize);

pub(crate) struct AtomicPtr<T>(OnceLock<loom::sync::atomic::AtomicPtr<T>>, *mut T);

// SAFETY: as the standard's: the pointer itself is read and written, never what it points to.
unsafe impl<T> Send for AtomicPtr<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for AtomicPtr<T> {}

impl<T> AtomicPtr<T> {
    pub(crate) const fn new(value: *mut T) -> Self {
        Self(OnceLock::new(), value)
    }

    fn real(&self) -> &loom::sync::atomic::AtomicPtr<T> {
        self.0.get_or_init(|| loom::sync::atomic::AtomicPtr::new(self.1))
    }

    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        self.real().load(order)
    }

    pub(crate) fn compare_exchange(
        &self,
        old: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        self.real().compare_exchange(old, new, success, failure)
    }
}
