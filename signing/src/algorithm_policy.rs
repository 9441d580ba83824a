//! Until when a hash, a scheme and a key length are accepted: a dated policy, read from data.
//!
//! A signature that was good when made is renewed by a time-stamp before its algorithms end, so the
//! policy answers two questions: is this accepted at that time, and when does it end.
//!
//! Source: `docs/sources.md`, entry `ts119312`.

use cabinet::Timestamp;
use serde::{Deserialize, Serialize};
use time::macros::format_description;

pub use suite::Suite;

mod suite;
#[cfg(test)]
mod tests;

/// The policy that is in force when no other was given.
const DEFAULT: &str = include_str!("../policies/algorithms.json");
/// Longest policy that is read, in bytes.
const MAX_POLICY_BYTES: usize = 64 << 10;
/// Most rules of one kind.
const MAX_RULES: usize = 200;

/// What an algorithm is used for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// A signature under a document or statement.
    Signature,
    /// A time-stamp token.
    TimeStamp,
    /// An authority's signature under a certificate, list or OCSP response.
    Certificate,
}

/// A hash by name. That it has one does not mean that it is accepted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say all")]
pub enum HashName {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// A signature scheme by name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemeName {
    /// RSASSA-PKCS1-v1_5; length of the modulus.
    RsaPkcs1,
    /// RSASSA-PSS; length of the modulus.
    RsaPss,
    /// ECDSA; length of the order.
    Ecdsa,
    /// Ed25519, which brings its own hash.
    Ed25519,
}

/// Which algorithms are accepted until when.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AlgorithmPolicy {
    /// Name of this edition, for reports.
    pub id: String,
    /// Title in Vietnamese.
    pub title: String,
    /// Where the dates come from.
    pub citation: String,
    /// What nobody has confirmed; shown with the policy.
    pub unconfirmed: Vec<String>,
    hashes: Vec<HashRule>,
    schemes: Vec<SchemeRule>,
}

/// `until`: the first day (UTC) on which it is not accepted any more, without it there is no end in
/// sight; `uses`: for which uses, without it for all; `source`: an entry of `docs/sources.md`, or "ours".
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct HashRule {
    hash: HashName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Day>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uses: Option<Vec<Use>>,
    source: String,
}

/// Holds for keys of `from_bits` and more, up to the next rule of the scheme; the rest as in [`HashRule`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct SchemeRule {
    scheme: SchemeName,
    from_bits: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Day>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uses: Option<Vec<Use>>,
    source: String,
}

/// Until when and for what a rule holds.
#[derive(Clone, Copy, Debug)]
struct Term<'a> {
    until: Option<Day>,
    uses: Option<&'a [Use]>,
}

/// Midnight UTC of a day, written `2029-01-01`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
struct Day(time::Date);

/// The algorithms are not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAccepted {
    /// They were once.
    #[error(
        "{what} has not been accepted since {since}: prove by a time-stamp that the signature is older, or sign again with a stronger algorithm"
    )]
    Expired {
        /// Hash, or scheme and key length.
        what: String,
        /// The end of its time.
        since: Timestamp,
    },
    /// The policy has no rule that allows them.
    #[error("{what} is not accepted: sign with SHA-256 or stronger and ECDSA P-256 or RSA of 3072 bits")]
    Forbidden {
        /// Hash, or scheme and key length.
        what: String,
    },
}

/// The text is no policy.
#[derive(Debug, thiserror::Error)]
pub enum NotAPolicy {
    /// Larger than 64 kB.
    #[error("the algorithm policy is larger than 64 kB: give the file of this version")]
    TooLarge,
    /// Not the JSON that is expected.
    #[error("the algorithm policy does not read ({0}): compare it with the one of this version")]
    Unreadable(#[from] serde_json::Error),
    /// Two rules answer one question.
    #[error("two rules of the algorithm policy speak of {0}: leave one")]
    Ambiguous(String),
    /// There are no rules, or too many.
    #[error("the algorithm policy has no rules, or more than 200: give the file of this version")]
    Rules,
}

impl AlgorithmPolicy {
    /// The policy of this version.
    ///
    /// # Errors
    ///
    /// None that a released version has; [`NotAPolicy`] if the file in it was damaged.
    pub fn default_dated() -> Result<Self, NotAPolicy> {
        Self::parse(DEFAULT)
    }

    /// Reads a policy from JSON, as in `signing/policies/algorithms.json`.
    ///
    /// # Errors
    ///
    /// [`NotAPolicy`]: refuse to start; nothing of it is in force.
    pub fn parse(text: &str) -> Result<Self, NotAPolicy> {
        if text.len() > MAX_POLICY_BYTES {
            return Err(NotAPolicy::TooLarge);
        }
        let policy: Self = serde_json::from_str(text)?;
        let counts = [policy.hashes.len(), policy.schemes.len()];
        if counts.iter().any(|count| *count == 0 || *count > MAX_RULES) {
            return Err(NotAPolicy::Rules);
        }
        for (at, rule) in policy.hashes.iter().enumerate() {
            let same = |other: &HashRule| other.hash == rule.hash && other.term().overlaps(rule.term());
            if policy.hashes.iter().take(at).any(same) {
                return Err(NotAPolicy::Ambiguous(format!("{:?}", rule.hash)));
            }
        }
        for (at, rule) in policy.schemes.iter().enumerate() {
            let same = |other: &SchemeRule| {
                (other.scheme, other.from_bits) == (rule.scheme, rule.from_bits)
                    && other.term().overlaps(rule.term())
            };
            if policy.schemes.iter().take(at).any(same) {
                return Err(NotAPolicy::Ambiguous(format!("{:?} {}", rule.scheme, rule.from_bits)));
            }
        }
        Ok(policy)
    }

    /// Whether `suite` is accepted for `usage` in a signature that is proved to have existed at `at`.
    ///
    /// # Errors
    ///
    /// [`NotAccepted`].
    pub fn accepts(&self, usage: Use, suite: &Suite, at: Timestamp) -> Result<(), NotAccepted> {
        for (what, end) in self.ends(usage, suite)? {
            if let Some(since) = end.filter(|end| *end <= at) {
                return Err(NotAccepted::Expired { what, since });
            }
        }
        Ok(())
    }

    /// When `suite` ends for `usage`: renew before. `None` if no end is in sight.
    ///
    /// # Errors
    ///
    /// [`NotAccepted::Forbidden`]: it never was accepted, so there is nothing to renew.
    pub fn expiry(&self, usage: Use, suite: &Suite) -> Result<Option<Timestamp>, NotAccepted> {
        Ok(self.ends(usage, suite)?.into_iter().filter_map(|(_, end)| end).min())
    }

    /// The end of the scheme with its key length and, unless the scheme brings its own, of the hash.
    fn ends(&self, usage: Use, suite: &Suite) -> Result<Vec<(String, Option<Timestamp>)>, NotAccepted> {
        let what = format!("{:?} of {} bits", suite.scheme, suite.bits);
        let rules = self.schemes.iter().filter(|rule| {
            rule.scheme == suite.scheme && rule.from_bits <= suite.bits && rule.term().is_for(usage)
        });
        let Some(rule) = rules.max_by_key(|rule| rule.from_bits) else {
            return Err(NotAccepted::Forbidden { what });
        };
        let mut ends = vec![(what, rule.term().end())];
        if let Some(hash) = suite.hash {
            let what = format!("{hash:?}");
            let rule = self.hashes.iter().find(|rule| rule.hash == hash && rule.term().is_for(usage));
            let Some(rule) = rule else { return Err(NotAccepted::Forbidden { what }) };
            ends.push((what, rule.term().end()));
        }
        Ok(ends)
    }
}

impl HashRule {
    fn term(&self) -> Term<'_> {
        Term { until: self.until, uses: self.uses.as_deref() }
    }
}

impl SchemeRule {
    fn term(&self) -> Term<'_> {
        Term { until: self.until, uses: self.uses.as_deref() }
    }
}

impl Term<'_> {
    fn is_for(self, usage: Use) -> bool {
        self.uses.is_none_or(|uses| uses.contains(&usage))
    }

    fn overlaps(self, other: Self) -> bool {
        [Use::Signature, Use::TimeStamp, Use::Certificate]
            .into_iter()
            .any(|usage| self.is_for(usage) && other.is_for(usage))
    }

    fn end(self) -> Option<Timestamp> {
        let seconds = self.until?.0.midnight().assume_utc().unix_timestamp();
        Some(Timestamp::from_micros(0).plus_seconds(seconds))
    }
}

impl TryFrom<String> for Day {
    type Error = time::error::Parse;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        time::Date::parse(&text, format_description!("[year]-[month]-[day]")).map(Self)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.0.to_string()
    }
}
