//! What a validation takes for granted: anchors, the instant, the algorithms, and evidence handed in.

use std::sync::LazyLock;

use cabinet::Timestamp;

use crate::algorithm_policy::AlgorithmPolicy;
use crate::{Certificate, TrustStore};

/// The policy that is compiled in; its own tests hold it readable.
static EMBEDDED: LazyLock<Option<AlgorithmPolicy>> = LazyLock::new(|| AlgorithmPolicy::default_dated().ok());

/// What a validation takes for granted.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The anchors; without them no path is built, and an intact signature stays
    /// [`super::Indication::Indeterminate`].
    pub trust: Option<&'a TrustStore>,
    /// The time of validation. Signatures are judged at an earlier, proven time where this one is too late.
    pub at: Timestamp,
    /// Which algorithms are accepted until when; `None`: none is, for no policy could be read.
    pub algorithms: Option<&'a AlgorithmPolicy>,
    /// What must be known of revocation.
    pub revocation: RevocationRule,
    /// Evidence beside what the document holds.
    pub evidence: &'a Material,
}

/// What must be known of the revocation of every certificate below the anchor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RevocationRule {
    /// Evidence must say that it was not revoked.
    Required,
    /// Evidence of that time must say so where there is any, and no evidence, however old, may say otherwise; else the
    /// report says that it was not checked.
    WhereKnown,
}

/// Evidence, each value in DER. What does not parse proves nothing and is passed over.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// Certificates between signers and anchors.
    pub certificates: Vec<Certificate>,
    /// Revocation lists.
    pub crls: Vec<Vec<u8>>,
    /// OCSP responses.
    pub ocsps: Vec<Vec<u8>>,
}

static NOTHING: Material = Material { certificates: Vec::new(), crls: Vec::new(), ocsps: Vec::new() };

impl<'a> Context<'a> {
    /// Validation at `at` by the algorithms of the policy that is compiled in, with revocation where it is known and
    /// no evidence but the document's own.
    #[must_use]
    pub fn at(trust: Option<&'a TrustStore>, at: Timestamp) -> Self {
        Self {
            trust,
            at,
            algorithms: EMBEDDED.as_ref(),
            revocation: RevocationRule::WhereKnown,
            evidence: &NOTHING,
        }
    }
}
