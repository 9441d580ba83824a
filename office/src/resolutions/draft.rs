//! Drafting: the Resolution's text typeset in the decree's form, with its blanks reserved as form fields.

use std::collections::BTreeMap;
use std::sync::Arc;

use audit::acts::ResolutionDrafted;
use cabinet::Id;
use cabinet::id::ResolutionId;
use cabinet::resolution::ResolutionState;
use papers::write::{Anchor, Article, Letterhead, SignatureBlock, Typeset};
use policies::Permit;
use policies::action::DraftResolution;
use signing::pades::{self, Field, FieldKind, Rect};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::http::NewResolution;
use super::store::{self, Anchors, BlankSize, Resolution};
use crate::app::{App, SignedIn};
use crate::dossiers::intake::{self, NewDocument};
use crate::entries::Draft;
use crate::error::Problem;
use crate::live::{Change, Live};
use crate::meetings::http::prime_minister;
use crate::meetings::{self, store::Meeting};
use crate::text::{Line, lower_first, upper_first};
use crate::votes::store::Vote;

/// The field for the number.
pub(super) const NUMBER: &str = "number";
/// The field for the date.
pub(super) const DATE: &str = "date";
/// The authorised person's signature field.
pub(super) const SIGNATURE: &str = "signature";
/// The organisation's signature field.
pub(super) const SEAL: &str = "seal";

/// Typesets and records the draft.
pub(super) async fn draft(
    app: &App,
    who: &SignedIn,
    permit: &Permit<DraftResolution>,
    meeting: &Meeting,
    vote: &Vote,
    new: NewResolution,
) -> Result<ResolutionId, Problem> {
    let outcome = vote.outcome.as_ref().ok_or(cabinet::Refusal::NotAdopted)?;
    let state = ResolutionState::draft(outcome)?;
    let item = meetings::store::item(&app.db, &app.keys, vote.frozen.item).await?;
    let signer = prime_minister(app)?;
    let content = content(app, meeting, &item.title, &new, signer);
    let title = content.subject.clone();
    let (typesetter, now) = (Arc::clone(&app.typesetter), app.now());
    let (pdf, anchors) = tokio::task::spawn_blocking(move || typeset(&typesetter, &content, now))
        .await
        .map_err(|err| Problem::internal(&err))??;
    let id: ResolutionId = Id::from_uuid(Uuid::now_v7());
    let new = NewDocument {
        meeting: meeting.id,
        item: Some(item.id),
        resolution: Some(id),
        kind: "resolution",
        title: format!("Nghị quyết {title}"),
    };
    let taken = intake::take_in(app, who, new, Zeroizing::new(pdf)).await?;
    let document = taken.document.clone();
    let resolution = Resolution {
        id,
        version: 1,
        vote: vote.id,
        meeting: meeting.id,
        item: item.id,
        state,
        title,
        document: document.id,
        signed_document: None,
        anchors,
        signer,
        signed_at: None,
        number: None,
        symbol: app.body.resolution_symbol.clone(),
        sealed_at: None,
    };
    let mut tx = app.begin(permit).await?;
    let indexed = taken.record(&mut tx, app).await?;
    store::insert(&mut tx, &app.keys, &resolution).await?;
    let change = Change {
        kind: "resolution-drafted",
        item: Some(item.id.to_string()),
        vote: Some(vote.id.to_string()),
        resolution: Some(id.to_string()),
        ..Change::default()
    };
    let event = Live::store(&mut tx, meeting.id, &change).await?;
    let fact = ResolutionDrafted { digest: document.digest, resolution: id, vote: vote.id };
    tx.commit(now, Draft::fact(who.id, fact)).await?;
    app.searching.add(indexed);
    app.live.send(event);
    Ok(id)
}

fn content(
    app: &App,
    meeting: &Meeting,
    item_title: &str,
    new: &NewResolution,
    signer: cabinet::id::PersonId,
) -> papers::write::Resolution {
    let body = &app.body;
    let lines = |given: &Option<Vec<_>>, default: &[String]| {
        given.as_ref().map_or_else(
            || default.to_vec(),
            |lines: &Vec<Line>| lines.iter().cloned().map(Line::into_string).collect(),
        )
    };
    let articles = new.articles.as_ref().map_or_else(
        || default_articles(&body.name, item_title),
        |articles| {
            articles
                .iter()
                .map(|article| Article {
                    heading: article.heading.clone().map(Line::into_string),
                    paragraphs: article.text.clone().into_string().lines().map(str::to_owned).collect(),
                })
                .collect()
        },
    );
    let mut bases = lines(&new.bases, &body.resolution_bases);
    bases.push(format!(
        "Trên cơ sở thảo luận và biểu quyết của các thành viên {} tại {}",
        body.name,
        lower_first(&meeting.title)
    ));
    papers::write::Resolution {
        head: Letterhead {
            parent: None,
            agency: body.letterhead.clone(),
            symbol: body.resolution_symbol.clone(),
            place: body.place.clone(),
            issue: None,
            stamps: Vec::new(),
        },
        kind: "Nghị quyết".to_owned(),
        subject: new.title.clone().map_or_else(|| subject_of(item_title), Line::into_string),
        issuer: body.letterhead.clone(),
        bases,
        preamble: None,
        enacting: "Quyết nghị:".to_owned(),
        articles,
        signature: SignatureBlock {
            authority: Some(body.signature_authority.clone()),
            positions: vec![body.signature_position.clone()],
            name: app.directory.person(signer).name,
        },
        recipients: lines(&new.recipients, &body.resolution_recipients),
        filing: "VT, TH".to_owned(),
        seal_mm: body.seal_diameter_mm,
    }
}

fn default_articles(body: &str, item_title: &str) -> Vec<Article> {
    let article = |text: String| Article { heading: None, paragraphs: vec![text] };
    vec![
        article(format!("Thông qua {}.", lower_first(item_title))),
        article(format!(
            "Giao Văn phòng {body} chủ trì, phối hợp với cơ quan trình hoàn thiện hồ sơ theo ý kiến của các thành viên."
        )),
        article("Nghị quyết này có hiệu lực kể từ ngày ký ban hành.".to_owned()),
    ]
}

/// What a Resolution on an item is about: `Dự thảo Nghị quyết về …` becomes `Về …`.
fn subject_of(item_title: &str) -> String {
    const DRAFT: &str = "Dự thảo Nghị quyết ";
    match item_title.strip_prefix(DRAFT) {
        Some(rest) => upper_first(rest),
        None => format!("Về {}", lower_first(item_title)),
    }
}

/// The PDF with its four reserved fields, and the size of each blank.
fn typeset(
    typesetter: &papers::write::Typesetter,
    content: &papers::write::Resolution,
    now: cabinet::Timestamp,
) -> Result<(Vec<u8>, Anchors), Problem> {
    let Typeset { pdf, anchors, .. } = typesetter
        .resolution(content, now)
        .map_err(|err| Problem::unusable("not-typeset", err.to_string()))?;
    let mut fields = Vec::new();
    let mut sizes = BTreeMap::new();
    for (name, kind) in [
        (NUMBER, FieldKind::Text { font_points: 13 }),
        (DATE, FieldKind::Text { font_points: 14 }),
        (SIGNATURE, FieldKind::Signature),
        (SEAL, FieldKind::Signature),
    ] {
        let anchor = anchors.get(name).ok_or_else(|| Problem::internal(&format!("no blank `{name}`")))?;
        let [x, y, w, h] = thousandths(anchor);
        let rect = Rect::from_thousandths(x, y, x.saturating_add(w), y.saturating_add(h));
        fields.push(Field { name: name.to_owned(), page: anchor.page, rect, kind });
        sizes.insert(name.to_owned(), BlankSize { w, h });
    }
    let pdf = pades::add_fields(&pdf, &fields).map_err(|err| Problem::internal(&err))?;
    Ok((pdf, sizes))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a page is far below 2^53 thousandths of a point, and `as` saturates"
)]
#[expect(clippy::float_arithmetic, reason = "typesetting measures in fractions of points")]
fn thousandths(anchor: &Anchor) -> [i64; 4] {
    [anchor.x, anchor.y, anchor.w, anchor.h].map(|points| (points * 1_000.0).round() as i64)
}
