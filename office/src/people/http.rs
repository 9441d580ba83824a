//! The directory over HTTP.

use audit::Act;
use axum::extract::State;
use axum::http::StatusCode;
use cabinet::id::PersonId;
use policies::action::{ListPeople, UnlockSigning};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Person;
use crate::app::{App, SignedIn};
use crate::entries::Draft;
use crate::error::Problem;
use crate::json::{Json, Path};

/// Everybody who can be put on a roll.
#[derive(Debug, Serialize, ToSchema)]
pub struct People {
    people: Vec<PersonWithRoles>,
}

/// A person with his roles.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonWithRoles {
    #[serde(flatten)]
    person: Person,
    roles: Vec<&'static str>,
}

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_people)).routes(routes!(unlock_signing))
}

/// Lists people for setting a roll, in order of precedence.
#[utoipa::path(get, path = "/api/people", operation_id = "listPeople", tag = "people",
    responses((status = 200, body = People), (status = "4XX", body = Problem)))]
async fn list_people(State(app): State<App>, who: SignedIn) -> Result<Json<People>, Problem> {
    app.permit(&who, ListPeople, &app.office()).await?;
    let people = app
        .directory
        .everybody()
        .into_iter()
        .map(|account| PersonWithRoles {
            person: account.person.clone(),
            roles: account.roles.iter().map(|role| role.name()).collect(),
        })
        .collect();
    Ok(Json(People { people }))
}

/// Lets a person try his own PIN again after too many wrong ones. Nobody's PIN is changed or shown.
#[utoipa::path(delete, path = "/api/people/{person}/wrong-pins", operation_id = "unlockSigning", tag = "people",
    params(("person" = uuid::Uuid, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
async fn unlock_signing(
    State(app): State<App>,
    who: SignedIn,
    Path(person): Path<PersonId>,
) -> Result<StatusCode, Problem> {
    let permit = app.permit(&who, UnlockSigning, &policies::resource::System).await?;
    let mut tx = app.begin(&permit).await?;
    super::store::forget_wrong_pins(&mut tx, person).await?;
    let body = [("person", person.to_string())];
    tx.commit(app.now(), Draft::act(Act::PinUnlocked, Some(who.id), body)).await?;
    Ok(StatusCode::NO_CONTENT)
}
