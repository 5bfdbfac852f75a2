//! A job that forks: its child may ask for the siblings of that job, and runs none of them.
#![cfg(unix)]

mod util;

use util::fork::{alone, assert_cancelled, forked_with};
use util::single_thread_group;

#[test]
fn a_child_forked_inside_a_job_runs_no_sibling_of_it() {
    alone("a_child_forked_inside_a_job_runs_no_sibling_of_it", || {
        let group = single_thread_group();
        let siblings_group = group.clone();
        // In the child this thread still looks like one of the group's.
        let ran_in = group.offload(move || {
            let sibling = siblings_group.offload(std::process::id);
            let sibling = forked_with(sibling, |sibling| assert_cancelled(sibling.catch().wait()));
            sibling.wait()
        });
        assert_eq!(ran_in.wait(), std::process::id());
    });
}
