//! Statements that are signed: what reads is written with the very same bytes.

use cabinet::canonical;
use cabinet::statement::{BallotStatement, VoteStatement};

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(statement) = canonical::from_bytes::<BallotStatement>(bytes) {
        assert_eq!(statement.encode(), bytes);
    }
    if let Ok(statement) = canonical::from_bytes::<VoteStatement>(bytes) {
        assert_eq!(statement.encode(), bytes);
        assert_eq!(statement.rules_digest(), statement.rules_digest());
    }
}
