//! Replays a target's corpus: what `make test` does with every seed and with all that was ever found.

use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest that one input may take, in an unoptimised build on a busy machine.
const MAX_TIME: Duration = Duration::from_secs(5);

pub(crate) fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut n_inputs = 0;
    for entry in std::fs::read_dir(folder).expect("every target has a corpus") {
        let path = entry.expect("a file").path();
        let bytes = std::fs::read(&path).expect("a file");
        let begun = Instant::now();
        assert!(catch_unwind(|| run(&bytes)).is_ok(), "{} is a find", path.display());
        assert!(begun.elapsed() < MAX_TIME, "{} took {:?}", path.display(), begun.elapsed());
        n_inputs += 1;
    }
    assert!(n_inputs > 0, "no input for {target}");
}
