//! The directory over HTTP.

use axum::extract::State;
use policies::action::ListPeople;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Person;
use crate::app::{App, SignedIn};
use crate::error::Problem;
use crate::json::Json;

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
    OpenApiRouter::new().routes(routes!(list_people))
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
