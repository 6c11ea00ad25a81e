//! Every scene in every interleaving.

macro_rules! models {
    ($($module:ident :: $scene:ident),+ $(,)?) => {
        $(#[test]
        fn $scene() {
            // Three preemptions find what these scenes of two threads hold, in seconds.
            let mut builder = loom::model::Builder::new();
            builder.preemption_bound = Some(3);
            builder.check(probe_models::$module::$scene);
        })+
    };
}

models!(
    heap::blocks_of_one_window_do_not_meet,
    heap::a_block_handed_over_is_found,
    heap::samples_of_one_stack_add_up,
    heap::a_full_table_loses_frames_only,
    heap::a_closed_gate_keeps_writers_out,
    tasks::threads_agree_on_a_sites_number,
    tasks::a_first_poll_finds_its_own_spawn_or_none,
    tasks::a_spawn_is_found_by_whoever_polls,
);
