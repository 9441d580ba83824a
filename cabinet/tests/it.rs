//! The inputs of the fuzz target `statement`, replayed.
#![expect(clippy::expect_used, reason = "a test that cannot go on must fail")]

#[path = "../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../fuzz/src/statement.rs"]
mod statement;

#[test]
fn no_statement_of_the_corpus_breaks_a_promise() {
    replay::replay("statement", statement::run);
}
