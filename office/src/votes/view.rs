//! A vote as a screen shows it to one person: nobody learns a choice but his own before the chair has closed it.

use cabinet::id::{AgendaItemId, MeetingId, VoteId};
use cabinet::statement::{BallotStatement, PaperDigest};
use cabinet::vote::{Choice, DecidedBy, Outcome};
use serde::Serialize;
use utoipa::ToSchema;

use super::cast::{self, Receipt};
use super::store::{self, Ballot, Vote};
use crate::app::{App, SignedIn};
use crate::error::Problem;
use crate::meetings::store::Meeting;
use crate::people::Person;
use crate::{cards, resolutions, text};

/// A vote.
#[derive(Debug, Serialize, ToSchema)]
pub struct VoteView {
    #[schema(value_type = uuid::Uuid)]
    id: VoteId,
    #[schema(value_type = uuid::Uuid)]
    item: AgendaItemId,
    #[schema(value_type = uuid::Uuid)]
    meeting: MeetingId,
    state: &'static str,
    question: String,
    opened_at: String,
    closed_at: Option<String>,
    documents: Vec<PaperView>,
    rules: RulesView,
    n_members: usize,
    /// How many members have cast a ballot; null for who may not know while the vote is open.
    n_cast: Option<i64>,
    prime_minister: Person,
    mine: MineView,
    outcome: Option<OutcomeView>,
    /// Who voted how, once the vote is closed.
    ballots: Option<Vec<BallotView>>,
    actions: Vec<&'static str>,
}

/// A paper that was voted on.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaperView {
    id: String,
    title: String,
    digest: String,
}

impl From<&PaperDigest> for PaperView {
    fn from(paper: &PaperDigest) -> Self {
        Self { id: paper.id.to_string(), title: paper.title.clone(), digest: paper.digest.to_string() }
    }
}

/// The rules it is counted by.
#[derive(Debug, Serialize, ToSchema)]
pub struct RulesView {
    id: String,
    title: String,
    citation: String,
    /// How many must agree.
    majority_needed: usize,
    /// What the law leaves open and these rules decide by default.
    unconfirmed: Vec<String>,
}

/// What concerns the person who asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct MineView {
    /// Whether he is on the frozen roll.
    eligible: bool,
    /// Whether his key is on the card in his own hand alone: he is to be asked for no PIN here.
    by_card_only: bool,
    ballot: Option<MyBallotView>,
}

/// His last ballot.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyBallotView {
    version: u32,
    #[schema(value_type = String)]
    choice: Choice,
    comment: Option<String>,
    at: String,
    receipt: Receipt,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutcomeView {
    adopted: bool,
    n_members: usize,
    n_agree: usize,
    n_disagree: usize,
    n_other: usize,
    n_silent: usize,
    majority_needed: usize,
    #[schema(value_type = String)]
    decided_by: DecidedBy,
    /// The arithmetic in one sentence.
    arithmetic: String,
    /// The rule set's title.
    rule: String,
    /// Where the rule stands.
    source: String,
}

/// How a member voted.
#[derive(Debug, Serialize, ToSchema)]
pub struct BallotView {
    person: Person,
    #[schema(value_type = Option<String>)]
    choice: Option<Choice>,
    comment: Option<String>,
    version: Option<u32>,
    at: Option<String>,
}

/// What a member is shown before he signs.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreparedView {
    /// The exact text that will be signed; send it back unchanged.
    statement: String,
    /// Its SHA-256.
    digest: String,
    /// The same in words.
    readable: Vec<LineView>,
}

/// A line of what is signed, in words.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineView {
    label: String,
    value: String,
}

impl LineView {
    /// A line.
    #[must_use]
    pub fn new(label: &str, value: String) -> Self {
        Self { label: label.to_owned(), value }
    }
}

impl PreparedView {
    /// Label and value of each line in words.
    #[must_use]
    pub fn lines(&self) -> Vec<(String, String)> {
        self.readable.iter().map(|line| (line.label.clone(), line.value.clone())).collect()
    }

    /// Shows a statement.
    #[must_use]
    pub fn new(statement: &BallotStatement) -> Self {
        let bytes = statement.encode();
        let line = LineView::new;
        let mut readable = vec![
            line("Người biểu quyết", statement.name.clone()),
            line("Nội dung", statement.question.clone()),
            line("Lựa chọn", statement.choice.vietnamese().to_owned()),
        ];
        readable.extend(statement.comment.clone().map(|comment| line("Ý kiến", comment)));
        readable.extend(statement.documents.iter().map(|paper| {
            let digest = paper.digest.to_string();
            line("Văn bản", format!("{} (SHA-256 {}…)", paper.title, digest.get(..16).unwrap_or_default()))
        }));
        readable.push(line("Lần biểu quyết", statement.version.to_string()));
        readable.push(line("Thời điểm", text::civil(&statement.at)));
        Self {
            digest: cabinet::Digest::of(&bytes).to_string(),
            statement: String::from_utf8_lossy(&bytes).into_owned(),
            readable,
        }
    }
}

impl OutcomeView {
    fn new(outcome: &Outcome, vote: &Vote) -> Self {
        Self {
            adopted: outcome.adopted,
            n_members: outcome.n_members,
            n_agree: outcome.n_agree,
            n_disagree: outcome.n_disagree,
            n_other: outcome.n_other,
            n_silent: outcome.n_silent,
            majority_needed: outcome.majority_needed,
            decided_by: outcome.decided_by,
            arithmetic: outcome.arithmetic(),
            rule: vote.frozen.rules.title.clone(),
            source: vote.frozen.rules.citation.clone(),
        }
    }
}

/// The vote as `who` sees it.
///
/// # Errors
///
/// 503.
pub async fn vote(app: &App, who: &SignedIn, meeting: &Meeting, vote: &Vote) -> Result<VoteView, Problem> {
    let resource = vote.resource(meeting);
    let eligible = vote.frozen.roll.member(who.id).is_some();
    let mine = match store::last_ballot_of(&app.db, &app.keys, vote.id, who.id).await? {
        Some(ballot) => Some(my_ballot(app, &ballot).await?),
        None => None,
    };
    let sees_turnout = !vote.is_open() || app.allows(who, policies::action::ReadTurnout, &resource);
    let n_cast = if sees_turnout { Some(store::n_cast(&app.db, vote.id).await?) } else { None };
    let ballots = if vote.is_open() {
        None
    } else {
        Some(by_name(app, vote, &store::ballots(&app.db, &app.keys, vote.id).await?))
    };
    let may_draft = app.allows(who, policies::action::DraftResolution, &resource)
        && resolutions::store::of_vote(&app.db, &app.keys, vote.id).await?.is_none();
    let actions = [
        ("cast-ballot", app.allows(who, policies::action::CastBallot, &resource)),
        ("close-vote", app.allows(who, policies::action::CloseVote, &resource)),
        ("evidence", app.allows(who, policies::action::ReadEvidence, &resource)),
        ("draft-resolution", may_draft),
    ];
    Ok(VoteView {
        id: vote.id,
        item: vote.frozen.item,
        meeting: vote.frozen.meeting,
        state: vote.state_name(),
        question: vote.frozen.question.clone(),
        opened_at: vote.opened_at.iso_vietnam(),
        closed_at: vote.closed_at.map(cabinet::Timestamp::iso_vietnam),
        documents: vote.frozen.documents.iter().map(PaperView::from).collect(),
        rules: RulesView {
            id: vote.frozen.rules.id.clone(),
            title: vote.frozen.rules.title.clone(),
            citation: vote.frozen.rules.citation.clone(),
            majority_needed: vote.frozen.rules.majority(vote.frozen.roll.members.len()),
            unconfirmed: vote.frozen.rules.unconfirmed.clone(),
        },
        n_members: vote.frozen.roll.members.len(),
        n_cast,
        prime_minister: app.directory.person(vote.frozen.roll.prime_minister),
        mine: MineView { eligible, by_card_only: cards::is_only_way(app, who), ballot: mine },
        outcome: vote.outcome.as_ref().map(|outcome| OutcomeView::new(outcome, vote)),
        ballots,
        actions: actions.into_iter().filter_map(|(action, may)| may.then_some(action)).collect(),
    })
}

async fn my_ballot(app: &App, ballot: &Ballot) -> Result<MyBallotView, Problem> {
    Ok(MyBallotView {
        version: ballot.statement.version,
        choice: ballot.statement.choice,
        comment: ballot.statement.comment.clone(),
        at: ballot.cast_at.iso_vietnam(),
        receipt: cast::receipt(app, ballot).await?,
    })
}

/// Every member on the roll with his last ballot, in order of precedence.
fn by_name(app: &App, vote: &Vote, ballots: &[Ballot]) -> Vec<BallotView> {
    let last = |member| {
        ballots
            .iter()
            .filter(|ballot| ballot.statement.member == member)
            .max_by_key(|ballot| ballot.statement.version)
    };
    let row = |member: &cabinet::roll::RollMember| {
        let ballot = last(member.id);
        // Name and position as they were when the vote opened.
        let person = Person {
            name: member.name.clone(),
            position: member.position.clone(),
            ..app.directory.person(member.id)
        };
        BallotView {
            person,
            choice: ballot.map(|one| one.statement.choice),
            comment: ballot.and_then(|one| one.statement.comment.clone()),
            version: ballot.map(|one| one.statement.version),
            at: ballot.map(|one| one.cast_at.iso_vietnam()),
        }
    };
    vote.frozen.roll.members.iter().map(row).collect()
}
