//! The inputs of the fuzz target `bundle`, replayed.

#[path = "../../../fuzz/src/bundle.rs"]
mod bundle;
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

#[test]
fn no_evidence_of_the_corpus_breaks_a_promise() {
    replay::replay("bundle", bundle::run);
}
