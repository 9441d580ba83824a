//! Sending the invitations: one giấy mời for the roll, typeset, sealed and recorded with the act.

use audit::Act;
use cabinet::meeting::MeetingState;
use papers::write::{Invitation, Issue, Letterhead, SignatureBlock};
use policies::Permit;
use policies::action::SendInvitations;
use zeroize::Zeroizing;

use super::store::{self, Item, Meeting};
use crate::app::{App, SignedIn};
use crate::dossiers::intake::{self, NewDocument};
use crate::entries::Draft;
use crate::error::Problem;
use crate::live::{Change, Live};

/// Typesets the invitation and moves the meeting on.
pub(super) async fn send(
    app: &App,
    who: &SignedIn,
    permit: &Permit<SendInvitations>,
    meeting: &Meeting,
    items: &[Item],
    state: MeetingState,
) -> Result<(), Problem> {
    let invitation = content(app, meeting, items);
    let (typesetter, now) = (std::sync::Arc::clone(&app.typesetter), app.now());
    let typeset = tokio::task::spawn_blocking(move || typesetter.invitation(&invitation, now))
        .await
        .map_err(|err| Problem::internal(&err))?
        .map_err(|err| Problem::internal(&err))?;
    let new = NewDocument {
        meeting: meeting.id,
        item: None,
        resolution: None,
        kind: "invitation",
        title: format!("Giấy mời: {}", meeting.title),
    };
    let taken = intake::take_in(app, who, new, Zeroizing::new(typeset.pdf)).await?;
    let digest = taken.document.digest;
    let mut tx = app.begin(permit).await?;
    let indexed = taken.record(&mut tx, app).await?;
    store::set_state(&mut tx, meeting.id, state).await?;
    let event =
        Live::store(&mut tx, meeting.id, &Change { kind: "meeting-changed", ..Change::default() }).await?;
    let body = [
        ("meeting", meeting.id.to_string()),
        ("digest", digest.to_string()),
        ("n_invited", meeting.participants.len().to_string()),
    ];
    tx.commit(now, Draft::act(Act::InvitationsSent, Some(who.id), body)).await?;
    app.searching.add(indexed);
    app.live.send(event);
    Ok(())
}

fn content(app: &App, meeting: &Meeting, items: &[Item]) -> Invitation {
    let chair = app.directory.person(meeting.chair);
    let secretary = app.directory.person(meeting.secretary);
    let start = meeting.starts_at.in_vietnam();
    let agenda = items.iter().map(|item| format!("{}. {}", item.number, item.title));
    Invitation {
        head: Letterhead {
            parent: None,
            agency: app.body.office_letterhead.clone(),
            symbol: app.body.invitation_symbol.clone(),
            place: app.body.place.clone(),
            issue: Some(Issue { number: "     ".to_owned(), date: app.now().in_vietnam().date() }),
            stamps: Vec::new(),
        },
        kind: "Giấy mời".to_owned(),
        subject: meeting.title.clone(),
        inviter: app.body.office_letterhead.clone(),
        invitee: format!(
            "Các đồng chí thành viên {} và đại biểu theo danh sách của phiên họp",
            app.body.name
        ),
        event: format!("Phiên họp {} ({})", meeting.kind.vietnamese(), meeting.title),
        chair: format!("{}, {}", chair.name, chair.position),
        time: format!(
            "{:02} giờ {:02} phút, ngày {:02} tháng {:02} năm {}",
            start.hour(),
            start.minute(),
            start.day(),
            u8::from(start.month()),
            start.year()
        ),
        venue: meeting.place.clone(),
        notes: std::iter::once("Nội dung chương trình:".to_owned()).chain(agenda).collect(),
        signature: SignatureBlock {
            authority: None,
            positions: vec![secretary.position.clone()],
            name: secretary.name,
        },
        recipients: vec!["Như trên".to_owned()],
        filing: "VT, TH".to_owned(),
        seal_mm: app.body.seal_diameter_mm,
    }
}
