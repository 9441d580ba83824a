//! The bundle's tests as data, and the matrix of all answers: one fixed cast, in one fixed meeting.
//!
//! A security officer writes cases in these words without seeing code; a new bundle that fails one
//! of its own is not loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cabinet::id::PersonId;
use cabinet::{Id, Timestamp};
use serde::Deserialize;
use toml::Spanned;
use uuid::Uuid;

use crate::action;
use crate::bundle::{BundleError, Source};
use crate::permit::Forbidden;
use crate::policy::Policy;
use crate::principal::{Factor, Principal, Role};
use crate::resource::{
    AgendaItem, Document, DocumentKind, KeyPurpose, Kind, Log, Meeting, MeetingState, Office, Resolution,
    ResolutionState, Resource as _, SigningKey, Sitting, System, Vote, VoteState,
};

/// The instant at which the cast acts.
const NOW: Timestamp = Timestamp::from_micros(1_780_823_131_000_000);

// Who sits where in the meeting.
const CHAIR: u128 = 1;
const CHAIRMAN_OF_OFFICE: u128 = 2;
const MEMBER: u128 = 3;
const SECRETARY: u128 = 4;
const SUBSTITUTE: u128 = 5;
const GUEST: u128 = 6;
const OTHER_GUEST: u128 = 7;
/// Has nothing to do with the meeting.
const STRANGER: u128 = 8;

/// The callers: name, roles, seat.
const CALLERS: [(&str, &[Role], u128); 21] = [
    ("prime minister, chair", &[Role::PrimeMinister], CHAIR),
    ("prime minister, elsewhere", &[Role::PrimeMinister], STRANGER),
    ("chairman of office", &[Role::ChairmanOfOffice], CHAIRMAN_OF_OFFICE),
    ("member", &[Role::Member], MEMBER),
    ("member, chair", &[Role::Member], CHAIR),
    ("member, elsewhere", &[Role::Member], STRANGER),
    ("former member on the roll", &[], MEMBER),
    ("substitute", &[Role::Guest], SUBSTITUTE),
    ("guest", &[Role::Guest], GUEST),
    ("guest of another item", &[Role::Guest], OTHER_GUEST),
    ("guest, elsewhere", &[Role::Guest], STRANGER),
    ("secretary", &[Role::Secretary], SECRETARY),
    ("secretary, elsewhere", &[Role::Secretary], STRANGER),
    ("assistant", &[Role::Assistant], STRANGER),
    ("assistant, elsewhere", &[Role::Assistant], STRANGER),
    ("clerk", &[Role::Clerk], STRANGER),
    ("security officer", &[Role::SecurityOfficer], STRANGER),
    ("auditor", &[Role::Auditor], STRANGER),
    ("operator", &[Role::Operator], STRANGER),
    ("operator on the roll", &[Role::Operator, Role::Member], MEMBER),
    ("nobody", &[], STRANGER),
];

fn person(seat: u128) -> PersonId {
    Id::from_uuid(Uuid::from_u128(seat))
}

fn people<const N: usize>(seats: [u128; N]) -> BTreeSet<PersonId> {
    seats.map(person).into()
}

fn caller(name: &str) -> Option<Principal> {
    let (name, roles, seat) = CALLERS.into_iter().find(|(known, ..)| *known == name)?;
    Some(Principal {
        id: person(seat),
        roles: roles.iter().copied().collect(),
        factors: [Factor::Password, Factor::Totp].into(),
        authenticated_at: NOW,
        session_epoch: 1,
        unit: None,
        assists: match name {
            "assistant" => Some(person(MEMBER)),
            "assistant, elsewhere" => Some(person(STRANGER)),
            _ => None,
        },
    })
}

/// A thing of the meeting, in a state.
enum Thing {
    AgendaItem(AgendaItem),
    Document(Document),
    Log,
    Meeting(Meeting),
    Office,
    Resolution(Resolution),
    SigningKey(SigningKey),
    System,
    Vote(Vote),
}

fn sitting(state: MeetingState) -> Sitting {
    Sitting {
        chair: person(CHAIR),
        secretary: person(SECRETARY),
        members: people([CHAIR, CHAIRMAN_OF_OFFICE, MEMBER]),
        substitutes: people([SUBSTITUTE]),
        guests: people([GUEST, OTHER_GUEST]),
        state,
    }
}

fn uuid() -> Uuid {
    Uuid::from_u128(0x100)
}

fn meeting(state: MeetingState) -> Thing {
    Thing::Meeting(Meeting { id: Id::from_uuid(uuid()), version: 1, sitting: sitting(state) })
}

fn item(state: MeetingState) -> Thing {
    let invited = people([GUEST]);
    Thing::AgendaItem(AgendaItem { id: Id::from_uuid(uuid()), version: 1, sitting: sitting(state), invited })
}

fn paper(state: MeetingState, kind: DocumentKind, released: bool) -> Thing {
    let (sitting, invited) = (sitting(state), people([GUEST]));
    Thing::Document(Document { id: Id::from_uuid(uuid()), version: 1, sitting, invited, kind, released })
}

fn vote(state: VoteState) -> Thing {
    let (sitting, roll) = (sitting(MeetingState::InSession), people([CHAIR, CHAIRMAN_OF_OFFICE, MEMBER]));
    Thing::Vote(Vote { id: Id::from_uuid(uuid()), version: 1, sitting, roll, state })
}

fn resolution(state: ResolutionState) -> Thing {
    let (sitting, signer) = (sitting(MeetingState::Ended), person(CHAIR));
    Thing::Resolution(Resolution { id: Id::from_uuid(uuid()), version: 1, sitting, signer, state })
}

fn key(purpose: KeyPurpose) -> Thing {
    Thing::SigningKey(SigningKey { label: "key".to_owned(), purpose })
}

/// Everything that acts are asked of, by name.
fn things() -> Vec<(&'static str, Thing)> {
    let dossier = DocumentKind::Dossier;
    vec![
        ("office", Thing::Office),
        ("meeting, draft", meeting(MeetingState::Draft)),
        ("meeting, invited", meeting(MeetingState::Invited)),
        ("meeting, in session", meeting(MeetingState::InSession)),
        ("meeting, ended", meeting(MeetingState::Ended)),
        ("item, draft", item(MeetingState::Draft)),
        ("item, invited", item(MeetingState::Invited)),
        ("item, in session", item(MeetingState::InSession)),
        ("item, ended", item(MeetingState::Ended)),
        ("paper of a draft", paper(MeetingState::Draft, dossier, true)),
        ("paper not released", paper(MeetingState::Invited, dossier, false)),
        ("paper released", paper(MeetingState::Invited, dossier, true)),
        ("invitation", paper(MeetingState::Invited, DocumentKind::Invitation, true)),
        ("resolution's paper", paper(MeetingState::Ended, DocumentKind::Resolution, true)),
        ("vote, open", vote(VoteState::Open)),
        ("vote, rejected", vote(VoteState::Closed { adopted: false })),
        ("vote, adopted", vote(VoteState::Closed { adopted: true })),
        ("resolution, draft", resolution(ResolutionState::Draft)),
        ("resolution, signed", resolution(ResolutionState::Signed)),
        ("resolution, sealed", resolution(ResolutionState::Sealed)),
        ("key, batch", key(KeyPurpose::Batch)),
        ("key, organisation", key(KeyPurpose::Organisation)),
        ("log", Thing::Log),
        ("system", Thing::System),
    ]
}

impl Thing {
    const fn kind(&self) -> Kind {
        match self {
            Self::AgendaItem(_) => AgendaItem::KIND,
            Self::Document(_) => Document::KIND,
            Self::Log => Log::KIND,
            Self::Meeting(_) => Meeting::KIND,
            Self::Office => Office::KIND,
            Self::Resolution(_) => Resolution::KIND,
            Self::SigningKey(_) => SigningKey::KIND,
            Self::System => System::KIND,
            Self::Vote(_) => Vote::KIND,
        }
    }

    /// The policy's answer in the words of `tests.toml`: `permitted`, `hidden`, `refused:…`, `not-now:…`.
    fn answer(&self, policy: &Policy, principal: &Principal, action: &str) -> String {
        let judged = match self {
            Self::AgendaItem(item) => policy.judge(principal, action, item, NOW),
            Self::Document(document) => policy.judge(principal, action, document, NOW),
            Self::Log => policy.judge(principal, action, &Log, NOW),
            Self::Meeting(meeting) => policy.judge(principal, action, meeting, NOW),
            Self::Office => policy.judge(principal, action, &Office, NOW),
            Self::Resolution(resolution) => policy.judge(principal, action, resolution, NOW),
            Self::SigningKey(key) => policy.judge(principal, action, key, NOW),
            Self::System => policy.judge(principal, action, &System, NOW),
            Self::Vote(vote) => policy.judge(principal, action, vote, NOW),
        };
        match judged {
            Ok(_) => "permitted".to_owned(),
            Err(Forbidden::Hidden(_)) => "hidden".to_owned(),
            Err(Forbidden::Refused { code, .. }) => format!("refused:{code}"),
            Err(Forbidden::Untimely { code, .. }) => format!("not-now:{code}"),
        }
    }
}

/// `tests.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    cases: Vec<Spanned<Case>>,
}

/// One row: who, does what, to what; and the answer that it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    who: String,
    does: String,
    to: String,
    is: String,
    by: Option<BTreeSet<Factor>>,
    signed_in_s: Option<i64>,
}

/// Runs the cases; also every act must be seen permitted once and not permitted once.
pub(crate) fn check(policy: &Policy, tests: &Source) -> Result<(), BundleError> {
    let cases: Cases = toml::from_str(&tests.text)
        .map_err(|err| tests.invalid(err.span().map_or(0, |span| span.start), err.message()))?;
    let things: BTreeMap<_, _> = things().into_iter().collect();
    let mut seen = BTreeSet::new();
    for case in &cases.cases {
        let fail = |says: String| tests.invalid(case.span().start, says);
        let Case { who, does, to, is, by, signed_in_s } = case.get_ref();
        let mut principal = caller(who).ok_or_else(|| fail(format!("there is no caller `{who}`")))?;
        let thing = things.get(to.as_str()).ok_or_else(|| fail(format!("there is no thing `{to}`")))?;
        if !action::ALL.contains(&(does.as_str(), thing.kind())) {
            return Err(fail(format!("`{does}` is no act on `{to}`")));
        }
        if let Some(factors) = by {
            principal.factors.clone_from(factors);
        }
        principal.authenticated_at = NOW.plus_seconds(signed_in_s.map_or(0, i64::saturating_neg));
        let answer = thing.answer(policy, &principal, does);
        if answer != *is {
            return Err(fail(format!("{who} · {does} · {to}: expected {is}, the policies say {answer}")));
        }
        seen.insert((does.as_str(), answer == "permitted"));
    }
    for (name, _) in action::ALL {
        if !seen.contains(&(*name, true)) || !seen.contains(&(*name, false)) {
            return Err(tests.invalid(0, format!("{name} needs a case that permits and one that does not")));
        }
    }
    Ok(())
}

/// Every caller × every act × every state as text, for people to review: `matrix.txt`.
#[must_use]
pub fn matrix(policy: &Policy) -> String {
    let mut text = String::from(
        "Who may do what, when. Generated from the policies; review every changed cell.\n\
         yes = permitted   - = refused (403)   . = hidden (404)   now = right person, wrong moment (409)\n",
    );
    for (name, thing) in things() {
        let acts: Vec<_> =
            action::ALL.iter().filter(|(_, kind)| *kind == thing.kind()).map(|(act, _)| *act).collect();
        // Writing to a String does not fail.
        _ = write!(text, "\n{name:<27}");
        for act in &acts {
            _ = write!(text, " {act}");
        }
        text.push('\n');
        for (who, ..) in CALLERS {
            let Some(principal) = caller(who) else { continue };
            _ = write!(text, "  {who:<25}");
            for act in &acts {
                let answer = thing.answer(policy, &principal, act);
                let cell = match answer.split(':').next() {
                    Some("permitted") => "yes",
                    Some("hidden") => ".",
                    Some("not-now") => "now",
                    _ => "-",
                };
                _ = write!(text, " {cell:<width$}", width = act.len());
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;

    #[test]
    fn the_matrix_in_the_repository_is_what_the_policies_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/matrix.txt");
        let now = matrix(&Policy::embedded().unwrap());
        if env::var_os("UPDATE").is_some() {
            fs::write(path, &now).unwrap();
        }
        let reviewed = fs::read_to_string(path).unwrap_or_default();
        let changed: Vec<_> = now.lines().filter(|line| !reviewed.lines().any(|old| old == *line)).collect();
        assert!(reviewed == now, "review, then run again with UPDATE=1:\n{}", changed.join("\n"));
    }

    #[test]
    fn one_factor_is_never_enough() {
        let policy = Policy::embedded().unwrap();
        for factor in [Factor::Password, Factor::Totp, Factor::Local, Factor::Pin] {
            for (name, thing) in things() {
                for (who, ..) in CALLERS {
                    let mut principal = caller(who).unwrap();
                    principal.factors = [factor].into();
                    for (act, kind) in action::ALL {
                        if *kind == thing.kind() {
                            assert_ne!(
                                thing.answer(&policy, &principal, act),
                                "permitted",
                                "{who} {act} {name}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn who_may_act_on_a_thing_may_know_of_it() {
        // But for the auditor, who checks evidence without seeing votes.
        let policy = Policy::embedded().unwrap();
        for (name, thing) in things() {
            let Some(reading) = thing.kind().seen_by() else { continue };
            for (who, ..) in CALLERS {
                let principal = caller(who).unwrap();
                for (act, kind) in action::ALL {
                    let acts = *kind == thing.kind() && thing.answer(&policy, &principal, act) == "permitted";
                    let knows = thing.answer(&policy, &principal, reading) == "permitted";
                    assert!(!acts || knows || who == "auditor", "{who} {act} {name}");
                }
            }
        }
    }
}
