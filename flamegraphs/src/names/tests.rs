//! Tests of the names: frames as tokio 1.54, hyper 1 and axum 0.8 give them under both manglings.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::profile::{Builder, Frame, Label, ValueType};

/// Names root first, one a line, to a readable stack.
fn clean(root_first: &str, options: &Options) -> String {
    let frames: Vec<&str> = root_first.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    clean_stack(&frames, Some("tokio-rt-worker"), options).join(";")
}

fn readable(root_first: &str) -> String {
    clean(root_first, &Options::default())
}

/// What every tokio worker begins with.
const WORKER: &str = "
    clone3
    start_thread
    <std::sys::thread::unix::Thread>::new::thread_start
    <alloc::boxed::Box<dyn core::ops::function::FnOnce<(), Output = ()> + core::marker::Send> as core::ops::function::FnOnce<()>>::call_once
    <std::thread::lifecycle::spawn_unchecked<<tokio::runtime::blocking::pool::Spawner>::spawn_thread::{closure#0}, ()>::{closure#1} as core::ops::function::FnOnce<()>>::call_once::{shim:vtable#0}
    std::panic::catch_unwind::<core::panic::unwind_safe::AssertUnwindSafe<std::thread::lifecycle::spawn_unchecked<<tokio::runtime::blocking::pool::Spawner>::spawn_thread::{closure#0}, ()>::{closure#1}::{closure#0}>, ()>
    __rust_try
    std::sys::backtrace::__rust_begin_short_backtrace::<<tokio::runtime::blocking::pool::Spawner>::spawn_thread::{closure#0}, ()>
    <tokio::runtime::blocking::pool::Inner>::run
    tokio::runtime::task::raw::poll::<tokio::runtime::blocking::task::BlockingTask<<tokio::runtime::scheduler::multi_thread::worker::Launch>::launch::{closure#0}>, tokio::runtime::blocking::schedule::BlockingSchedule>
    <tokio::runtime::task::harness::Harness<tokio::runtime::blocking::task::BlockingTask<<tokio::runtime::scheduler::multi_thread::worker::Launch>::launch::{closure#0}>, tokio::runtime::blocking::schedule::BlockingSchedule>>::poll
    tokio::runtime::scheduler::multi_thread::worker::run
    <std::thread::local::LocalKey<tokio::runtime::context::Context>>::with::<tokio::runtime::context::set_scheduler<(), tokio::runtime::scheduler::multi_thread::worker::run::{closure#0}::{closure#0}>::{closure#0}, ()>
    <tokio::runtime::scheduler::multi_thread::worker::Context>::run_task
    tokio::task::coop::budget::<core::ops::control_flow::ControlFlow<(), alloc::boxed::Box<tokio::runtime::scheduler::multi_thread::worker::Core>>, <tokio::runtime::scheduler::multi_thread::worker::Context>::run_task::{closure#0}>
    <tokio::runtime::task::LocalNotified<alloc::sync::Arc<tokio::runtime::scheduler::multi_thread::handle::Handle>>>::run
";

/// How a worker polls a future of this type.
fn poll(future: &str) -> String {
    let handle = "alloc::sync::Arc<tokio::runtime::scheduler::multi_thread::handle::Handle>";
    format!(
        "{WORKER}
        tokio::runtime::task::raw::poll::<{future}, {handle}>
        <tokio::runtime::task::harness::Harness<{future}, {handle}>>::poll
        <tokio::runtime::task::harness::Harness<{future}, {handle}>>::poll_inner
        tokio::runtime::task::harness::poll_future::<{future}, {handle}>
        std::panicking::catch_unwind::do_call::<core::panic::unwind_safe::AssertUnwindSafe<tokio::runtime::task::harness::poll_future<{future}, {handle}>::{{closure#0}}>, core::task::poll::Poll<()>>
        <tokio::runtime::task::core::Core<{future}, {handle}>>::poll
        <tokio::loom::std::unsafe_cell::UnsafeCell<tokio::runtime::task::core::Stage<{future}>>>::with_mut::<core::task::poll::Poll<()>, <tokio::runtime::task::core::Core<{future}, {handle}>>::poll::{{closure#0}}>
        "
    )
}

const CONNECTION: &str = "axum::serve::handle_connection<tokio::net::tcp::listener::TcpListener, axum::routing::Router, axum::routing::Router>::{closure#0}::{closure#3}";
const TO_HANDLER: &str = "
    axum::serve::handle_connection::<tokio::net::tcp::listener::TcpListener, axum::routing::Router, axum::routing::Router>::{closure#0}::{closure#3}
    <core::pin::Pin<&mut hyper_util::server::conn::auto::UpgradeableConnection<hyper_util::rt::tokio::TokioIo<tokio::net::tcp::stream::TcpStream>, hyper_util::service::glue::TowerToHyperService<axum::routing::Router>>> as core::future::future::Future>::poll
    <hyper::proto::h1::dispatch::Dispatcher<hyper::proto::h1::dispatch::Server<hyper_util::service::glue::TowerToHyperService<axum::routing::Router>, hyper::body::incoming::Incoming>, axum_core::body::Body, bytes::bytes::Bytes, hyper::proto::h1::role::Server>>::poll_loop
    <tower::util::oneshot::Oneshot<axum::routing::Router, http::request::Request<axum_core::body::Body>> as core::future::future::Future>::poll
    <http_service::login as axum::handler::Handler<(axum_core::extract::private::ViaRequest, axum::extract::state::State<alloc::sync::Arc<http_service::App>>, alloc::string::String), alloc::sync::Arc<http_service::App>>>::call::{closure#0}
    http_service::login::{closure#0}
    http_service::hash_password
    <argon2::Argon2>::hash_password_into
    <&mut [argon2::block::Block] as argon2::memory::Memory>::for_each_segment::<<argon2::Argon2>::fill_blocks::{closure#0}>
    <core::slice::iter::Iter<u64> as core::iter::traits::iterator::Iterator>::for_each::<<argon2::block::Block>::compress::{closure#0}>
    <argon2::block::Block>::compress
    <core::num::wrapping::Wrapping<u64> as core::ops::arith::Mul>::mul
    <u64>::wrapping_mul
";

#[test]
fn a_request_reads_from_thread_to_the_line_of_work() {
    insta::assert_snapshot!(readable(&(poll(CONNECTION) + TO_HANDLER)), @"tokio-rt-worker;[runtime];task axum connection;[hyper];http_service::login;http_service::hash_password;argon2::Argon2::hash_password_into;argon2::memory::Memory::for_each_segment;argon2::block::Block::compress;core::num::wrapping::Wrapping::mul");
}

#[test]
fn a_spawned_future_of_the_program_is_its_own_task() {
    let stack = poll("http_service::reconcile::{closure#0}")
        + "http_service::reconcile::{closure#0}
        <core::pin::Pin<alloc::boxed::Box<http_service::inner_work::{closure#0}>> as core::future::future::Future>::poll
        http_service::inner_work::{closure#0}
        <[u64]>::sort_by::<http_service::inner_work::{closure#0}::{closure#0}>
        alloc::slice::stable_sort::<u64, <[u64]>::sort_by<http_service::inner_work::{closure#0}::{closure#0}>::{closure#0}>
        core::slice::sort::stable::driftsort_main::<u64, <[u64]>::sort_by<http_service::inner_work::{closure#0}::{closure#0}>::{closure#0}, alloc::vec::Vec<u64>>";
    insta::assert_snapshot!(readable(&stack), @"tokio-rt-worker;[runtime];task http_service::reconcile;http_service::inner_work;slice::sort_by");
}

#[test]
fn tasks_are_told_through_wrappers_and_the_runtimes_own_are_not_tasks() {
    let task = |future: &str| readable(&(poll(future) + "app::work")).split(';').skip(2).collect::<Vec<_>>().join(";");
    for (future, expected) in [
        ("app::serve::{closure#0}", "task app::serve;app::work"),
        ("tracing::instrument::Instrumented<app::serve::{closure#0}>", "task app::serve;app::work"),
        ("core::pin::Pin<alloc::boxed::Box<app::serve::{closure#0}>>", "task app::serve;app::work"),
        (
            "core::pin::Pin<alloc::boxed::Box<dyn core::future::future::Future<Output = app::Reply> + core::marker::Send>>",
            "task core::pin::Pin;app::work",
        ),
        ("tokio::runtime::blocking::task::BlockingTask<app::hash::{closure#0}>", "task blocking app::hash;app::work"),
        (
            "tokio::runtime::blocking::task::BlockingTask<tokio::fs::read::read<&str>::{closure#0}::{closure#0}>",
            "task blocking tokio::fs::read::read;app::work",
        ),
        ("<app::Server<app::Store> as app::Serve>::run::{closure#0}", "task app::Server::run;app::work"),
        ("hyper_util::server::conn::auto::Connection<app::Io, app::Service>", "task hyper connection;app::work"),
        ("app::work::{closure#2}", "task app::work"),
    ] {
        assert_eq!(task(future), expected, "{future}");
    }
    assert_eq!(readable(WORKER), "tokio-rt-worker;[runtime]");
    assert_eq!(
        readable(&format!("{WORKER}\nmio::poll::Poll::poll\nepoll_wait")),
        "tokio-rt-worker;[runtime];epoll_wait"
    );
}

#[test]
fn legacy_names_do_not_tell_the_future_so_the_first_frame_of_the_program_does() {
    let stack = "
        _ZN5tokio7runtime9scheduler12multi_thread6worker7Context8run_task17h0123456789abcdefE
        tokio::runtime::task::raw::poll::h0123456789abcdef
        tokio::runtime::task::harness::Harness<T,S>::poll::h0123456789abcdef
        <core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::function::FnOnce<()>>::call_once::h0123456789abcdef
        app::serve::{{closure}}::h0123456789abcdef
        <F as axum::handler::Handler<((),),S>>::call::{{closure}}::h0123456789abcdef
        app::orders::<impl app::Store for app::Disk<T>>::load::{{closure}}::h0123456789abcdef
        core::str::<impl str>::to_lowercase::h0123456789abcdef";
    insta::assert_snapshot!(readable(stack), @"tokio-rt-worker;[runtime];task app::serve;[hyper];app::Disk::load;core::str::to_lowercase");
}

#[test]
fn time_in_the_plumbing_stays_visible() {
    let task = |leaf: &str| {
        readable(&(poll("app::serve::{closure#0}") + leaf)).split(';').skip(2).collect::<Vec<_>>().join(";")
    };
    // Between two polls: the runtime's.
    assert_eq!(task(""), "task app::serve;[runtime]");
    // Called by the program: by the name it called.
    assert_eq!(
        task("app::f\n<alloc::vec::Vec<u64>>::push\nalloc::raw_vec::finish_grow\n__rust_realloc"),
        "task app::serve;app::f;alloc::vec::Vec::push"
    );
    assert_eq!(
        task("app::f\n<tokio::time::sleep::Sleep as core::future::future::Future>::poll"),
        "task app::serve;app::f;tokio::time::sleep::Sleep::poll"
    );
    assert_eq!(
        task("app::f\ncore::ptr::drop_in_place::<app::Big<u8>>\ncore::ptr::drop_in_place::<alloc::vec::Vec<u8>>"),
        "task app::serve;app::f;drop app::Big"
    );
    // Passing calls on: gone.
    assert_eq!(
        task(
            "app::f\n<tokio::time::timeout::Timeout<app::g::{closure#0}> as core::future::future::Future>::poll\napp::g::{closure#0}"
        ),
        "task app::serve;app::f;app::g"
    );
    // Native code, even below plumbing.
    assert_eq!(
        task("app::f\n<alloc::vec::Vec<u64>>::push\n__rust_alloc\n_rjem_malloc"),
        "task app::serve;app::f;_rjem_malloc"
    );
    // Panics by how they began.
    assert_eq!(
        task("app::f\nstd::panicking::begin_panic::<&str>\nrust_panic\n_Unwind_RaiseException"),
        "task app::serve;app::f;std::panicking::begin_panic"
    );
}

#[test]
fn the_profilers_own_frames_go() {
    let handler = "app::f
        <pprof::backtrace::backtrace_rs::Trace as pprof::backtrace::Trace>::trace::<pprof::profiler::perf_signal_handler::{closure#0}>
        backtrace::backtrace::trace_unsynchronized::<pprof::profiler::perf_signal_handler::{closure#0}>
        backtrace::backtrace::libunwind::trace";
    assert_eq!(readable(handler), "tokio-rt-worker;app::f");
    assert_eq!(
        readable("app::f\n__restore_rt\npprof::profiler::perf_signal_handler\napp::f"),
        "tokio-rt-worker;app::f"
    );
    // The same crate called by the program is no profiler.
    assert_eq!(
        readable("app::f\nbacktrace::capture::Backtrace::new\napp::resolve"),
        "tokio-rt-worker;app::f;backtrace::capture::Backtrace::new;app::resolve"
    );
}

#[test]
fn heap_profiles_end_where_the_program_allocated() {
    let stack = "app::f\n<alloc::vec::Vec<u64>>::push\nalloc::raw_vec::finish_grow\n__rust_realloc\n_rjem_je_realloc\nprof_backtrace_impl";
    assert_eq!(clean(stack, &Options::heap()), "tokio-rt-worker;app::f;alloc::vec::Vec::push");
    assert_eq!(readable(stack), "tokio-rt-worker;app::f;_rjem_je_realloc;prof_backtrace_impl");
    // What jemalloc's own profiler leaves at every leaf, and our selector's inlined helpers.
    let stack = "app::f\nalloc::alloc::alloc\n<probe::allocator::selectable::Selectable as core::alloc::global::GlobalAlloc>::alloc\nfrom\n_rjem_malloc\nimalloc_fastpath\nimalloc_body\nprof_backtrace_impl";
    assert_eq!(clean(stack, &Options::heap()), "tokio-rt-worker;app::f");
}

#[test]
fn each_step_can_be_switched_off() {
    let stack = "std::rt::lang_start::<()>
        tokio::runtime::task::raw::poll::<app::serve::{closure#0}, S>
        tokio::runtime::task::raw::poll::<app::serve::{closure#0}, S>
        app::serve::{closure#0}
        <alloc::vec::Vec<u64>>::push";
    let all = Options::default();
    let raw = Options { fold_runtime: false, ..all };
    insta::assert_snapshot!(clean(stack, &raw), @"tokio-rt-worker;std::rt::lang_start;task app::serve;tokio::runtime::task::raw::poll;app::serve;alloc::vec::Vec::push");
    insta::assert_snapshot!(clean(stack, &Options { task_root: false, ..all }), @"tokio-rt-worker;[runtime];app::serve;alloc::vec::Vec::push");
    insta::assert_snapshot!(clean(stack, &Options { thread_root: false, ..all }), @"[runtime];task app::serve;alloc::vec::Vec::push");
}

#[test]
fn names_lose_what_a_reader_does_not_need() {
    for (name, expected) in [
        ("_RNCNvCskONLRaPmLdd_12http_service5login0", "http_service::login"),
        ("_ZN12http_service5login28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE", "http_service::login"),
        ("app::serve::{closure#0}::{closure#1}", "app::serve"),
        ("app::serve::{{closure}}::h0123456789abcdef", "app::serve"),
        ("app::serve::{async_fn#0}", "app::serve"),
        ("app::serve::{async_block_env#0}<u8>", "app::serve"),
        ("app::orders::{impl#3}::load", "app::orders::load"),
        ("{closure#0}", "{closure}"),
        ("{async_fn_env#0}", "{async fn}"),
        ("poll<app::Future<u8>>", "poll"),
        ("app[1f2e3d4c5b6a7988]::main", "app::main"),
        ("app::f::<u8, fn(u8) -> alloc::vec::Vec<u8>>", "app::f"),
        ("<app::Disk<T> as app::Store>::load", "app::Disk::load"),
        ("<app::Disk>::load::<u8>", "app::Disk::load"),
        ("<&mut app::Disk as std::io::Read>::read", "app::Disk::read"),
        ("<dyn app::Store + core::marker::Send>::load", "app::Store::load"),
        ("<<app::A as app::B>::C as app::D>::f", "app::A::C::f"),
        ("<T as app::Store>::load", "app::Store::load"),
        ("<[u8]>::to_vec", "slice::to_vec"),
        ("<[u8; 16] as core::hash::Hash>::hash", "array::hash"),
        ("<(u8, u16) as app::Tuple>::sum", "app::Tuple::sum"),
        ("<u64 as serde_core::ser::Serialize>::serialize::<serde_json::Ser>", "serde_core::ser::Serialize::serialize"),
        ("<app::login as axum::handler::Handler<(), ()>>::call::{closure#0}", "app::login"),
        ("<app::Gate as tower_service::Service<u8>>::call", "app::Gate::call"),
        ("app::hot.llvm.1234567890", "app::hot"),
        ("app::cold [clone .cold]", "app::cold"),
        ("main.(*Server).handle", "main.(*Server).handle"),
        ("slices.partitionOrdered[go.shape.int]", "slices.partitionOrdered[go.shape.int]"),
        ("std::vector<int, std::allocator<int> >::push_back(int const&)", "std::vector::push_back(int const&)"),
        ("a::operator<", "a::operator<"),
        ("", "[unnamed]"),
        ("  ", "[unnamed]"),
        ("<", "<"),
    ] {
        assert_eq!(clean_name(name), expected, "{name}");
    }
}

#[test]
fn threads_of_a_pool_are_one() {
    for (name, expected) in [
        ("tokio-rt-worker", "tokio-rt-worker"),
        ("tokio-rt-worker-3", "tokio-rt-worker"),
        ("worker #12", "worker"),
        ("pool (7)", "pool"),
        ("rayon:0", "rayon"),
        ("http2", "http2"),
        ("42", "42"),
        ("-1", "-1"),
        ("", "[thread without a name]"),
    ] {
        assert_eq!(thread_name(name), expected, "{name}");
    }
}

#[test]
fn folding_keeps_every_sample_and_leaves_the_profile_alone() {
    let mut builder = Builder::new([ValueType::new("samples", "count")]);
    let frame = |function| Frame { function, ..Frame::default() };
    let inlined = builder.location(1, &[frame("app::inner"), frame("app::outer::{closure#0}")]);
    let mangled =
        Frame { function: "login", system_name: "_RNCNvCskONLRaPmLdd_12http_service5login0", ..Frame::default() };
    let login = builder.location(2, &[mangled]);
    let nowhere = builder.location(0xdead, &[]);
    builder.sample(&[inlined, login], &[5], &[Label::text("thread", "pool-1")]).unwrap();
    builder.sample(&[inlined, login], &[2], &[Label::text("thread", "pool-2")]).unwrap();
    builder.sample(&[nowhere, login], &[1], &[]).unwrap();
    builder.sample(&[], &[9], &[]).unwrap();
    let profile = builder.finish();
    let before = profile.clone();
    let folded = fold(&profile, 0, &Options::default()).unwrap();
    insta::assert_snapshot!(crate::write::folded_stacks(&folded), @r"
    [no stack] 9
    http_service::login;0xdead 1
    pool;http_service::login;app::outer;app::inner 7
    ");
    assert_eq!(profile, before);
    assert_eq!(fold(&profile, 1, &Options::default()), Err(FoldError::NoSuchType { index: 1, types: 1 }));
    insta::assert_snapshot!(crate::write::folded(&profile, 0).unwrap(), @r"
    [no stack] 9
    login;0xdead 1
    login;app::outer::{closure#0};app::inner 7
    ");
}

#[test]
fn deeply_nested_names_are_left_alone() {
    let name = "<".repeat(20_000) + "app::f" + &">::g".repeat(20_000);
    assert!(!clean_name(&name).is_empty());
    assert!(!clean_name(&"app::<impl ".repeat(20_000)).is_empty());
    let task =
        format!("tokio::runtime::task::raw::poll::<{}app{}, S>", "core::pin::Pin<".repeat(20_000), ">".repeat(20_000));
    assert!(!clean_name(&task).is_empty());
}

proptest! {
    #[test]
    fn any_name_is_cleaned_without_panic(name in "[<>{}\\[\\]():;, &'a-cT_#0-9é-]{0,40}|\\PC{0,30}") {
        prop_assert!(!clean_name(&name).is_empty());
        prop_assert!(!thread_name(&name).is_empty());
        let poll = format!("tokio::runtime::task::harness::Harness<{name}>::poll");
        prop_assert!(!clean_name(&poll).is_empty());
    }

    #[test]
    fn no_stack_has_equal_neighbours(stack in vec("app::[ab]|core::pin|alloc::vec::Vec::push|hyper::x|main|std::rt::x|tokio::runtime::task::raw::poll::<app::[ab], S>", 0..12)) {
        let clean = clean_stack(&stack, None, &Options::default());
        prop_assert!(clean.windows(2).all(|pair| pair[0] != pair[1]), "{clean:?}");
        prop_assert!(clean.is_empty() == stack.is_empty());
    }
}

#[test]
fn the_nameless_start_of_a_thread_in_libc_is_plumbing_and_nothing_else_without_a_name_is() {
    let clean = |frames: &[&str]| clean_stack(frames, Some("worker-1"), &Options::default()).join(";");
    assert_eq!(clean(&["[libc.so.6]", "[libc.so.6]", "app::work"]), "worker;[runtime];app::work");
    assert_eq!(clean(&["app::work", "[libc.so.6]", "app::compare"]), "worker;app::work;[libc.so.6];app::compare");
    assert_eq!(clean(&["[libc.so.6]"]), "worker;[libc.so.6]");
}
