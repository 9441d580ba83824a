//! Plain facts put into Cedar's entities.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cabinet::id::PersonId;
use cedar_policy::{Context, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use crate::principal::{Principal, Role};
use crate::resource::sealed::Sealed;
use crate::resource::{
    AgendaItem, Document, DocumentKind, KeyPurpose, Log, Meeting, MeetingState, Office, Resolution,
    ResolutionState, Resource, SigningKey, Sitting, System, Vote, VoteState,
};

/// A fact could not be said in Cedar's words. The request is denied.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a fact does not fit the policies' schema: {0}")]
#[expect(unnameable_types, reason = "in the signature of a sealed trait only")]
pub struct Malformed(pub String);

/// The attributes of an entity.
pub(crate) type Attributes = HashMap<String, RestrictedExpression>;

/// The names of the schema's entity types, parsed once.
#[derive(Debug)]
#[expect(unnameable_types, reason = "in the signature of a sealed trait only")]
pub struct Words(BTreeMap<&'static str, EntityTypeName>);

const TYPES: [&str; 18] = [
    "Action",
    "AgendaItem",
    "Document",
    "DocumentKind",
    "Factor",
    "KeyPurpose",
    "Log",
    "Meeting",
    "MeetingState",
    "Office",
    "Person",
    "Resolution",
    "ResolutionState",
    "Role",
    "SigningKey",
    "System",
    "Vote",
    "VoteState",
];

impl Words {
    pub(crate) fn new() -> Result<Self, Malformed> {
        TYPES
            .into_iter()
            .map(|name| Ok((name, name.parse().map_err(|err| Malformed(format!("{name}: {err}")))?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn uid(&self, type_name: &str, id: &str) -> Result<EntityUid, Malformed> {
        let name = self.0.get(type_name).ok_or_else(|| Malformed(type_name.to_owned()))?;
        Ok(EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id)))
    }

    fn word(&self, type_name: &str, id: &str) -> Result<RestrictedExpression, Malformed> {
        Ok(RestrictedExpression::new_entity_uid(self.uid(type_name, id)?))
    }

    fn person(&self, id: PersonId) -> Result<RestrictedExpression, Malformed> {
        self.word("Person", &id.to_string())
    }

    fn people(&self, ids: &BTreeSet<PersonId>) -> Result<RestrictedExpression, Malformed> {
        let people = ids.iter().map(|id| self.person(*id)).collect::<Result<Vec<_>, _>>()?;
        Ok(RestrictedExpression::new_set(people))
    }

    /// The asking person as an entity, with his roles as parents.
    pub(crate) fn principal(&self, principal: &Principal) -> Result<Entity, Malformed> {
        let mut roles = principal.roles.clone();
        if roles.iter().any(|role| role.is_member()) {
            roles.insert(Role::Member);
        }
        let parents =
            roles.into_iter().map(|role| self.uid("Role", role.name())).collect::<Result<HashSet<_>, _>>()?;
        let mut attributes = Attributes::new();
        if let Some(member) = principal.assists {
            attributes.insert("assists".into(), self.person(member)?);
        }
        if let Some(unit) = &principal.unit {
            attributes.insert("unit".into(), RestrictedExpression::new_string(unit.clone()));
        }
        Entity::new(self.uid("Person", &principal.id.to_string())?, attributes, parents)
            .map_err(|err| Malformed(err.to_string()))
    }

    /// The thing as an entity.
    pub(crate) fn resource<R: Resource>(&self, resource: &R) -> Result<Entity, Malformed> {
        let uid = self.uid(R::KIND.as_str(), &resource.id())?;
        // An entity of an enumerated type has neither attributes nor parents.
        Entity::new(uid, resource.attributes(self)?, HashSet::new()).map_err(|err| Malformed(err.to_string()))
    }

    /// The circumstances: by which `factors`, and how many seconds ago, the person signed in.
    pub(crate) fn context(
        &self,
        factors: impl IntoIterator<Item = &'static str>,
        signed_in_s: i64,
    ) -> Result<Context, Malformed> {
        let factors =
            factors.into_iter().map(|factor| self.word("Factor", factor)).collect::<Result<Vec<_>, _>>()?;
        Context::from_pairs([
            ("factors".into(), RestrictedExpression::new_set(factors)),
            ("signed_in_s".into(), RestrictedExpression::new_long(signed_in_s)),
        ])
        .map_err(|err| Malformed(err.to_string()))
    }

    fn sitting(&self, sitting: &Sitting) -> Result<RestrictedExpression, Malformed> {
        let state = match sitting.state {
            MeetingState::Draft => "draft",
            MeetingState::Invited => "invited",
            MeetingState::InSession => "in_session",
            MeetingState::Ended => "ended",
        };
        RestrictedExpression::new_record([
            ("chair".into(), self.person(sitting.chair)?),
            ("secretary".into(), self.person(sitting.secretary)?),
            ("members".into(), self.people(&sitting.members)?),
            ("substitutes".into(), self.people(&sitting.substitutes)?),
            ("guests".into(), self.people(&sitting.guests)?),
            ("state".into(), self.word("MeetingState", state)?),
        ])
        .map_err(|err| Malformed(err.to_string()))
    }
}

impl Sealed for Meeting {
    fn attributes(&self, words: &Words) -> Result<Attributes, Malformed> {
        Ok(Attributes::from([("sitting".into(), words.sitting(&self.sitting)?)]))
    }
}

impl Sealed for AgendaItem {
    fn attributes(&self, words: &Words) -> Result<Attributes, Malformed> {
        Ok(Attributes::from([
            ("sitting".into(), words.sitting(&self.sitting)?),
            ("invited".into(), words.people(&self.invited)?),
        ]))
    }
}

impl Sealed for Document {
    fn attributes(&self, words: &Words) -> Result<Attributes, Malformed> {
        let kind = match self.kind {
            DocumentKind::Dossier => "dossier",
            DocumentKind::Invitation => "invitation",
            DocumentKind::Resolution => "resolution",
        };
        Ok(Attributes::from([
            ("sitting".into(), words.sitting(&self.sitting)?),
            ("invited".into(), words.people(&self.invited)?),
            ("kind".into(), words.word("DocumentKind", kind)?),
            ("released".into(), RestrictedExpression::new_bool(self.released)),
        ]))
    }
}

impl Sealed for Vote {
    fn attributes(&self, words: &Words) -> Result<Attributes, Malformed> {
        let (state, adopted) = match self.state {
            VoteState::Open => ("open", false),
            VoteState::Closed { adopted } => ("closed", adopted),
        };
        Ok(Attributes::from([
            ("sitting".into(), words.sitting(&self.sitting)?),
            ("roll".into(), words.people(&self.roll)?),
            ("state".into(), words.word("VoteState", state)?),
            ("adopted".into(), RestrictedExpression::new_bool(adopted)),
        ]))
    }
}

impl Sealed for Resolution {
    fn attributes(&self, words: &Words) -> Result<Attributes, Malformed> {
        let state = match self.state {
            ResolutionState::Draft => "draft",
            ResolutionState::Signed => "signed",
            ResolutionState::Sealed => "sealed",
        };
        Ok(Attributes::from([
            ("sitting".into(), words.sitting(&self.sitting)?),
            ("signer".into(), words.person(self.signer)?),
            ("state".into(), words.word("ResolutionState", state)?),
        ]))
    }
}

impl Sealed for SigningKey {
    fn attributes(&self, words: &Words) -> Result<Attributes, Malformed> {
        let purpose = match self.purpose {
            KeyPurpose::Batch => "batch",
            KeyPurpose::Organisation => "organisation",
        };
        Ok(Attributes::from([("purpose".into(), words.word("KeyPurpose", purpose)?)]))
    }
}

impl Sealed for Office {
    fn attributes(&self, _words: &Words) -> Result<Attributes, Malformed> {
        Ok(Attributes::new())
    }
}

impl Sealed for Log {
    fn attributes(&self, _words: &Words) -> Result<Attributes, Malformed> {
        Ok(Attributes::new())
    }
}

impl Sealed for System {
    fn attributes(&self, _words: &Words) -> Result<Attributes, Malformed> {
        Ok(Attributes::new())
    }
}
