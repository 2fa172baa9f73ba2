//! The ready server over MongoDB: its users and clients are records like all others. Without a `mongod` a stand-in serves,
//! which has no users of its own and forgets everything when it is killed, so what is asked of the others is not asked of it.

use grantor_testkit::engine;

use crate::{Kind, both, down};

const MONGODB: Kind = Kind {
    name: "MongoDB",
    start: || engine::mongodb().unwrap(),
    url: |port| format!("mongodb://127.0.0.1:{port}/grantor?deadline_ms=60000&serverSelectionTimeoutMS=2000"),
    has_schema: true,
};

#[expect(clippy::print_stderr, reason = "whoever runs the tests should know what they ran on")]
fn say_what_it_was() {
    if engine::mongodb_is_stand_in() {
        eprintln!("\nnot checked: the ready server over MongoDB itself: it ran on a stand-in");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_goes_on_at_whichever_process_is_next() {
    say_what_it_was();
    both::a_flow_goes_on_at_whichever_process_is_next(&MONGODB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_known_to_both_processes() {
    both::commands_are_known_to_both_processes(&MONGODB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_client_is_known_within_the_bound() {
    both::a_change_of_a_client_is_known_within_the_bound(&MONGODB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn down_at_the_start_is_one_clear_message() {
    down::down_at_the_start_is_one_clear_message(&MONGODB).await;
}
