//! Whether a certificate of a path was revoked, by the evidence that was handed in.
//!
//! Source: `docs/sources.md`, entry `rfc5280` (6.3.3).

use cabinet::Timestamp;

use super::facts::Facts;
use super::failure::Rule;
use super::search::Search;
use crate::crl::{Crl, Reason, Reasons, Revocation, coverage};
use crate::{Certificate, ocsp};

/// How deep lists may rest on lists: a list's signer, whose status a list tells, whose signer …
const MAX_NESTING: usize = 4;
/// Most certificates that are tried as the signer of one list.
const MAX_SIGNERS: usize = 8;

/// Most lists that are handed in for one search.
const MAX_LISTS: usize = 256;

/// What tells whether certificates were revoked.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Revocation lists, in any order, complete and delta.
    pub lists: Vec<Crl>,
    /// Answers of OCSP responders, each a `BasicOCSPResponse` in DER, in any order.
    pub answers: Vec<Vec<u8>>,
    /// What it means when nothing speaks about a certificate.
    pub silence: Silence,
    /// The instant by which the evidence was obtained: lists that say they are younger are not used.
    pub now: Timestamp,
}

/// What it means when no evidence of the time that is asked for speaks about a certificate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Silence {
    /// It may have been revoked: the path is refused.
    #[default]
    Refused,
    /// It was not checked: the path says so, and what is known of the other certificates counts.
    Accepted,
}

impl Evidence {
    /// Revocation lists obtained by `now`.
    #[must_use]
    pub const fn of_lists(lists: Vec<Crl>, now: Timestamp) -> Self {
        Self { lists, answers: Vec::new(), silence: Silence::Refused, now }
    }
}

/// What the evidence says about one certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RevocationStatus {
    /// Not revoked, says evidence of that time.
    Good {
        /// When the (oldest) evidence was issued.
        this_update: Timestamp,
        /// By when fresher evidence appears.
        next_update: Timestamp,
    },
    /// Revoked, at some time.
    Revoked {
        /// When.
        at: Timestamp,
        /// Why, if the evidence says.
        reason: Option<Reason>,
        /// Since when the key may have been in wrong hands, if the evidence says.
        invalidity_date: Option<Timestamp>,
    },
    /// The evidence says nothing that can be relied on.
    NotCovered(NotCovered),
}

/// Why the evidence says nothing about a certificate; the reason that came closest to an answer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum NotCovered {
    /// Neither a list nor an answer speaks about the certificate.
    #[error("no list and no answer speaks about the certificate")]
    NoList,
    /// The responder of the authority does not know the certificate.
    #[error("the authority's responder does not know the certificate")]
    Unknown,
    /// The lists speak about it for some reasons of revocation only.
    #[error("lists are there for some reasons of revocation only")]
    SomeReasons,
    /// A list is not of the time that is asked for.
    #[error("the list is not of that time")]
    NotFresh,
    /// A list is not signed by anyone who may.
    #[error("the list is not signed by anyone who may sign it")]
    Signer,
    /// A list's signer has no valid path to the same anchor, or was revoked.
    #[error("the list's signer is not trusted")]
    SignerUntrusted,
    /// Lists that rest on lists go too deep or round in a circle.
    #[error("lists that rest on each other")]
    Circle,
}

/// The status of one certificate by all evidence; `authorities` stand above it, the anchor first. Another source of evidence is asked here, and a revocation
/// that any source tells goes before every good answer. `Err` ends the whole search.
pub(super) fn status<'s, 'a>(
    search: &'s Search<'a>,
    certificate: &'s Facts<'a>,
    authorities: &[&'s Facts<'a>],
    evidence: &Evidence,
    asked: &mut Vec<&'s Facts<'a>>,
) -> Result<RevocationStatus, Rule> {
    let is_asked = asked.iter().any(|other| other.certificate == certificate.certificate);
    if is_asked || asked.len() >= MAX_NESTING {
        return Ok(RevocationStatus::NotCovered(NotCovered::Circle));
    }
    if evidence.lists.len() > MAX_LISTS {
        return Err(Rule::Limit("more than 256 revocation lists were handed in"));
    }
    asked.push(certificate);
    let question = Question { search, certificate, authorities, evidence };
    let mut said = Sayings::default();
    let by_lists = question.ask_lists(asked, &mut said);
    asked.pop();
    by_lists?;
    question.ask_responders(&mut said)?;
    Ok(said.together(search.constraints.at))
}

/// What all sources say of one certificate, each with the time since when that is known.
#[derive(Debug, Default)]
struct Sayings {
    revoked: Vec<(Timestamp, Revocation)>,
    good: Vec<(Timestamp, Timestamp)>,
    why: Option<NotCovered>,
}

impl Sayings {
    fn silence(&mut self, why: NotCovered) {
        self.why = self.why.max(Some(why));
    }

    /// A revocation goes before every good answer, whatever is older; but a hold ends with a good answer that is
    /// younger than the hold's evidence and not younger than the time `at` that is asked for. A good answer goes
    /// before silence.
    fn together(self, at: Timestamp) -> RevocationStatus {
        let is_released = |told: Timestamp| self.good.iter().any(|(good, _)| *good > told && *good <= at);
        let stands = |(told, revocation): &&(Timestamp, Revocation)| {
            revocation.reason != Some(Reason::CertificateHold) || !is_released(*told)
        };
        let since = |(_, revocation): &&(Timestamp, Revocation)| {
            revocation.invalidity_date.map_or(revocation.at, |date| date.min(revocation.at))
        };
        let revoked = self.revoked.iter().filter(stands).min_by_key(since);
        if let Some((_, Revocation { at, reason, invalidity_date })) = revoked {
            let (at, reason, invalidity_date) = (*at, *reason, *invalidity_date);
            return RevocationStatus::Revoked { at, reason, invalidity_date };
        }
        match self.good.iter().max() {
            Some(&(this_update, next_update)) => RevocationStatus::Good { this_update, next_update },
            None => RevocationStatus::NotCovered(self.why.unwrap_or(NotCovered::NoList)),
        }
    }
}

/// One certificate and who answers for it.
struct Question<'q, 's, 'a> {
    search: &'s Search<'a>,
    certificate: &'s Facts<'a>,
    authorities: &'q [&'s Facts<'a>],
    evidence: &'q Evidence,
}

impl<'s, 'a> Question<'_, 's, 'a> {
    fn ask_lists(&self, asked: &mut Vec<&'s Facts<'a>>, said: &mut Sayings) -> Result<(), Rule> {
        let mut covered = Reasons::NONE;
        let mut window: Option<(Timestamp, Timestamp)> = None;
        for list in self.evidence.lists.iter().filter(|list| !list.is_delta()) {
            let reasons = coverage(list, self.certificate);
            if reasons.is_none() {
                continue;
            }
            let answer = match self.answer(list, asked)? {
                Ok(answer) => answer,
                Err(not_covered) => {
                    said.silence(not_covered);
                    continue;
                }
            };
            if let Some(revocation) = answer.revocation {
                said.revoked.push((answer.this_update, revocation));
                continue;
            }
            covered = covered.or(reasons);
            if reasons == Reasons::ALL {
                said.good.push((answer.this_update, answer.next_update));
            }
            let (this, next) = window.unwrap_or((answer.this_update, answer.next_update));
            window = Some((this.min(answer.this_update), next.min(answer.next_update)));
        }
        match window {
            Some(window) if covered == Reasons::ALL => said.good.push(window),
            Some(_) => said.silence(NotCovered::SomeReasons),
            None => {}
        }
        Ok(())
    }

    /// What responders say: the issuer itself, or one that it appointed and whose own status need not be asked.
    ///
    /// Source: `docs/sources.md`, entry `rfc6960` (4.2.2.2).
    fn ask_responders(&self, said: &mut Sayings) -> Result<(), Rule> {
        let Some(issuer) = self.authorities.last() else { return Ok(()) };
        let (certificate, issuer) = (self.certificate.certificate, issuer.certificate);
        for basic in &self.evidence.answers {
            self.search.spend()?;
            let Ok(answer) = ocsp::verify_basic(basic, certificate, issuer, None) else { continue };
            self.judge_answer(&answer, issuer, said);
        }
        Ok(())
    }

    fn judge_answer(&self, answer: &ocsp::Answer, issuer: &Certificate, said: &mut Sayings) {
        if answer.responder != *issuer && !answer.nocheck {
            return said.silence(NotCovered::SignerUntrusted);
        }
        let is_known = answer.this_update.max(answer.produced_at) <= self.evidence.now;
        match answer.status {
            // A revocation stays, however old the answer is.
            ocsp::Status::Revoked { at, reason } if is_known => {
                said.revoked.push((answer.this_update, Revocation { at, reason, invalidity_date: None }));
            }
            ocsp::Status::Good if is_known && self.covers(answer, self.search.constraints.at) => {
                said.good.push((answer.this_update, answer.open_until()));
            }
            ocsp::Status::Good | ocsp::Status::Revoked { .. } => said.silence(NotCovered::NotFresh),
            ocsp::Status::Unknown => said.silence(NotCovered::Unknown),
        }
    }

    /// Whether an answer tells about the time that is asked for, by the same measure as a list.
    fn covers(&self, answer: &ocsp::Answer, at: Timestamp) -> bool {
        at <= answer.open_until()
            && (answer.this_update <= at || answer.this_update <= self.certificate.certificate.not_after())
    }

    /// What a complete list says, brought up to date by the newest delta list that fits.
    fn answer(&self, list: &Crl, asked: &mut Vec<&'s Facts<'a>>) -> Result<Result<Answer, NotCovered>, Rule> {
        if let Err(why) = self.signer(list, asked)? {
            return Ok(Err(why));
        }
        let mut newest: Option<&Crl> = None;
        for delta in self.evidence.lists.iter().filter(|delta| delta.updates(list)) {
            let is_newer = newest.is_none_or(|newest| newest.this_update() < delta.this_update());
            if is_newer && self.is_fresh(delta) && self.signer(delta, asked)?.is_ok() {
                newest = Some(delta);
            }
        }
        let find = |list: &Crl| list.find(&self.certificate.issuer, self.certificate.serial);
        let current = newest.unwrap_or(list);
        let revocation = match newest.and_then(find) {
            Some(Revocation { reason: Some(Reason::RemoveFromCrl), .. }) => None,
            Some(revocation) => Some(revocation),
            None => find(list),
        };
        // A revocation stays, however old the list is.
        let is_known = current.this_update() <= self.evidence.now;
        if !(self.is_fresh(current) || (revocation.is_some() && is_known)) {
            return Ok(Err(NotCovered::NotFresh));
        }
        let (this_update, next_update) = (current.this_update(), current.next_update());
        Ok(Ok(Answer { revocation, this_update, next_update }))
    }

    /// Whether a list tells about the time that is asked for: it is of that time, or younger. One that is younger
    /// than the certificate's end may have dropped it.
    fn is_fresh(&self, list: &Crl) -> bool {
        let at = self.search.constraints.at;
        list.this_update() <= self.evidence.now
            && at <= list.next_update()
            && (list.this_update() <= at || list.this_update() <= self.certificate.certificate.not_after())
    }

    /// Looks for the certificate that signed the list and may do so: an authority of the path, or one that such
    /// an authority certified. RFC 5280, 6.3.3 (f) asks for the same anchor only; then every authority under it
    /// could sign lists in another's name.
    fn signer(&self, list: &Crl, asked: &mut Vec<&'s Facts<'a>>) -> Result<Result<(), NotCovered>, Rule> {
        let Some(name) = list.issuer() else { return Ok(Err(NotCovered::Signer)) };
        let signs = |facts: &Facts<'a>| -> Result<bool, Rule> {
            if facts.subject != *name || !facts.may_sign_lists() {
                return Ok(false);
            }
            self.search.spend()?;
            Ok(list.verify(facts.certificate).is_ok())
        };
        // The authorities stand on the path, which is judged as a whole.
        for authority in self.authorities {
            if signs(authority)? {
                return Ok(Ok(()));
            }
        }
        let mut why = NotCovered::Signer;
        for candidate in self.search.named(name, list.authority_key_id()).take(MAX_SIGNERS) {
            if signs(candidate)? {
                why = NotCovered::SignerUntrusted;
                if self.is_trusted(candidate, asked)? {
                    return Ok(Ok(()));
                }
            }
        }
        Ok(Err(why))
    }

    /// Whether an authority of the path certified the list's signer, validly and unrevoked.
    fn is_trusted(&self, signer: &'s Facts<'a>, asked: &mut Vec<&'s Facts<'a>>) -> Result<bool, Rule> {
        let Some((anchor, below)) = self.authorities.split_first() else { return Ok(false) };
        for (n_below, authority) in self.authorities.iter().enumerate() {
            if authority.subject != signer.issuer {
                continue;
            }
            self.search.spend()?;
            if self.search.is_signed_by(signer, authority).is_err() {
                continue;
            }
            let above = below.iter().take(n_below).rev().copied();
            let chain: Vec<&Facts<'a>> = std::iter::once(signer).chain(above).collect();
            if self.search.judge(&chain, anchor, asked)?.is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

struct Answer {
    revocation: Option<Revocation>,
    this_update: Timestamp,
    next_update: Timestamp,
}
