//! The ceremonies of `WebAuthn`: a challenge that works once and for five minutes, and the judgement of its answer.
//!
//! Open challenges are kept in memory only: a restart forgets them, and a copy of the database replays none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use cabinet::id::PersonId;
use cabinet::{Digest, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;
use webauthn_rs::prelude::{
    AuthenticationResult, Credential, DiscoverableAuthentication, Passkey, PasskeyAuthentication,
    PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Url, Webauthn, WebauthnBuilder,
    WebauthnError,
};

use super::store::Kept;
use crate::people::Person;

/// How long a challenge waits for its answer, in seconds.
const CHALLENGE_S: u32 = 300;
/// Challenges open at once; the oldest gives way to one more.
const MAX_OPEN: usize = 4_096;
/// The longest `clientDataJSON`, in bytes.
const MAX_CLIENT_DATA_BYTES: usize = 4_096;

/// Under which names browsers know the appliance.
#[derive(Clone, Debug)]
pub struct DoorNames {
    /// The host that passkeys are bound to.
    pub host: String,
    /// Exactly the origins at which they may be used: `https://host:port`.
    pub origins: Vec<String>,
}

/// What the browser is asked, to be given back with its answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Challenge {
    /// Names the ceremony; good for one answer.
    #[schema(value_type = Uuid)]
    pub ceremony: Uuid,
    /// `publicKey` of `navigator.credentials`, bytes in base64url.
    #[schema(value_type = Object)]
    pub options: Value,
}

/// Why an answer counts for nothing.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// Begin again: the challenge was answered, has expired, or is another's.
    #[error("there is no such challenge any more: begin again")]
    NoChallenge,
    /// Use another passkey, or the right page; for the log, why.
    #[error("the passkey's answer is refused: {0}")]
    Refused(String),
    /// An operator must correct the names in the configuration.
    #[error("passkeys need a host name and its https origins: {0}")]
    Names(String),
}

impl From<WebauthnError> for PasskeyError {
    fn from(err: WebauthnError) -> Self {
        Self::Refused(format!("{err:?}"))
    }
}

/// The ceremonies that are under way. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ceremonies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    webauthn: Webauthn,
    open: Mutex<HashMap<Uuid, Open>>,
}

#[derive(Debug)]
struct Open {
    until: Timestamp,
    what: What,
}

/// Whose challenge it is: of a session, or of whoever answers.
#[derive(Debug)]
enum What {
    Adding { session: String, state: PasskeyRegistration },
    SigningIn(DiscoverableAuthentication),
    Confirming { session: String, state: PasskeyAuthentication },
}

impl Ceremonies {
    /// Ceremonies at these origins and no others.
    ///
    /// # Errors
    ///
    /// * [`PasskeyError::Names`].
    pub fn new(names: &DoorNames, body: &str) -> Result<Self, PasskeyError> {
        let url = |origin: &String| {
            let url = Url::parse(origin).map_err(|err| PasskeyError::Names(format!("{origin}: {err}")))?;
            let is_ours = url.scheme() == "https" && url.domain() == Some(&names.host);
            if is_ours { Ok(url) } else { Err(PasskeyError::Names(origin.clone())) }
        };
        let origins = names.origins.iter().map(url).collect::<Result<Vec<_>, _>>()?;
        let (first, others) =
            origins.split_first().ok_or_else(|| PasskeyError::Names("there is no origin".to_owned()))?;
        let unusable = |err: WebauthnError| PasskeyError::Names(format!("{}: {err:?}", names.host));
        let mut builder = WebauthnBuilder::new(&names.host, first)
            .map_err(unusable)?
            .rp_name(body)
            .timeout(Duration::from_secs(u64::from(CHALLENGE_S)));
        for origin in others {
            builder = builder.append_allowed_origin(origin);
        }
        let webauthn = builder.build().map_err(unusable)?;
        Ok(Self(Arc::new(Inner { webauthn, open: Mutex::default() })))
    }

    /// Begins to add a passkey: one that the device keeps itself, that verifies its user, and that is not there yet.
    ///
    /// # Errors
    ///
    /// * [`PasskeyError::Refused`].
    pub fn begin_adding(
        &self,
        person: &Person,
        session: &str,
        there: &[Kept],
        now: Timestamp,
    ) -> Result<Challenge, PasskeyError> {
        let exclude = there.iter().map(|kept| kept.credential.cred_id().clone()).collect();
        let (options, state) = self.0.webauthn.start_passkey_registration(
            person.id.uuid(),
            &person.username,
            &person.name,
            Some(exclude),
        )?;
        let mut options = to_json(&options.public_key)?;
        if let Some(selection) = options.get_mut("authenticatorSelection") {
            // Whoever signs in types no account name, so the device must find the passkey by itself.
            selection["residentKey"] = json!("required");
            selection["requireResidentKey"] = json!(true);
        }
        let session = session.to_owned();
        Ok(self.keep(options, What::Adding { session, state }, now))
    }

    /// Judges the answer to [`Ceremonies::begin_adding`].
    ///
    /// # Errors
    ///
    /// * [`PasskeyError`].
    pub fn finish_adding(
        &self,
        ceremony: Uuid,
        session: &str,
        answer: Value,
        now: Timestamp,
    ) -> Result<Passkey, PasskeyError> {
        let Some(What::Adding { session: of, state }) = self.take(ceremony, now) else {
            return Err(PasskeyError::NoChallenge);
        };
        if of != session {
            return Err(PasskeyError::NoChallenge);
        }
        let answer: RegisterPublicKeyCredential = parse(answer)?;
        same_origin(&answer.response.client_data_json)?;
        Ok(self.0.webauthn.finish_passkey_registration(&answer, &state)?)
    }

    /// Begins a sign-in by whichever passkey the device has for us. Says nothing of accounts.
    ///
    /// # Errors
    ///
    /// * [`PasskeyError::Refused`].
    pub fn begin_sign_in(&self, now: Timestamp) -> Result<Challenge, PasskeyError> {
        let (options, state) = self.0.webauthn.start_discoverable_authentication()?;
        Ok(self.keep(to_json(&options.public_key)?, What::SigningIn(state), now))
    }

    /// Reads an answer to [`Ceremonies::begin_sign_in`] and uses its challenge up, right or wrong.
    ///
    /// # Errors
    ///
    /// * [`PasskeyError`].
    pub fn take_sign_in(
        &self,
        ceremony: Uuid,
        answer: Value,
        now: Timestamp,
    ) -> Result<Answer, PasskeyError> {
        let Some(What::SigningIn(state)) = self.take(ceremony, now) else {
            return Err(PasskeyError::NoChallenge);
        };
        let answer: PublicKeyCredential = parse(answer)?;
        same_origin(&answer.response.client_data_json)?;
        let (person, credential) = self.0.webauthn.identify_discoverable_authentication(&answer)?;
        let credential = credential.to_vec();
        Ok(Answer { person: cabinet::Id::from_uuid(person), credential, answer, state })
    }

    /// Judges a sign-in with the passkey that its answer names.
    ///
    /// # Errors
    ///
    /// * [`PasskeyError::Refused`]: also if the passkey is another person's than the answer says.
    pub fn finish_sign_in(&self, answer: Answer, kept: &Kept) -> Result<AuthenticationResult, PasskeyError> {
        if kept.person != answer.person {
            return Err(PasskeyError::Refused("anothers passkey".to_owned()));
        }
        let Answer { answer, state, .. } = answer;
        Ok(self.0.webauthn.finish_discoverable_authentication_v2(&answer, state, &kept.credential)?)
    }

    /// Begins a confirmation by one of a signed-in person's own passkeys.
    ///
    /// # Errors
    ///
    /// * [`PasskeyError::Refused`].
    pub fn begin_confirming(
        &self,
        session: &str,
        own: &[Kept],
        now: Timestamp,
    ) -> Result<Challenge, PasskeyError> {
        let (options, state) = self.0.webauthn.start_passkey_authentication(&credentials(own))?;
        let session = session.to_owned();
        Ok(self.keep(to_json(&options.public_key)?, What::Confirming { session, state }, now))
    }

    /// Judges the answer to [`Ceremonies::begin_confirming`].
    ///
    /// # Errors
    ///
    /// * [`PasskeyError`].
    pub fn finish_confirming(
        &self,
        ceremony: Uuid,
        session: &str,
        person: PersonId,
        answer: Value,
        now: Timestamp,
    ) -> Result<AuthenticationResult, PasskeyError> {
        let Some(What::Confirming { session: of, state }) = self.take(ceremony, now) else {
            return Err(PasskeyError::NoChallenge);
        };
        if of != session {
            return Err(PasskeyError::NoChallenge);
        }
        let answer = parse(answer)?;
        self.judge(person, &answer, &state)
    }

    /// Judges an answer whose challenge is the digest of what is to be signed: it says that this person, verified by
    /// his device, meant exactly these bytes.
    ///
    /// The digest is no random challenge. What makes it work once is that what is signed is never the same twice:
    /// a statement bears a nonce and a version, a revision is signed once.
    ///
    /// # Errors
    ///
    /// * [`PasskeyError::Refused`].
    pub fn confirm(
        &self,
        person: PersonId,
        own: &[Kept],
        answer: Value,
        digest: &Digest,
    ) -> Result<AuthenticationResult, PasskeyError> {
        let answer: PublicKeyCredential = parse(answer)?;
        let (_, state) = self.0.webauthn.start_passkey_authentication(&credentials(own))?;
        self.judge(person, &answer, &bound(&state, digest)?)
    }

    fn judge(
        &self,
        person: PersonId,
        answer: &PublicKeyCredential,
        state: &PasskeyAuthentication,
    ) -> Result<AuthenticationResult, PasskeyError> {
        same_origin(&answer.response.client_data_json)?;
        let is_his = answer.get_user_unique_id().is_none_or(|handle| handle == person.uuid().as_bytes());
        if !is_his {
            return Err(PasskeyError::Refused("anothers user handle".to_owned()));
        }
        Ok(self.0.webauthn.finish_passkey_authentication(answer, state)?)
    }

    fn keep(&self, options: Value, what: What, now: Timestamp) -> Challenge {
        let ceremony = Uuid::new_v4();
        let mut open = self.open();
        open.retain(|_, open| now < open.until);
        if open.len() >= MAX_OPEN {
            let oldest = open.iter().min_by_key(|(_, open)| open.until).map(|(id, _)| *id);
            oldest.and_then(|id| open.remove(&id));
        }
        open.insert(ceremony, Open { until: now.plus_seconds(i64::from(CHALLENGE_S)), what });
        Challenge { ceremony, options }
    }

    /// A challenge is taken away by its first answer.
    fn take(&self, ceremony: Uuid, now: Timestamp) -> Option<What> {
        self.open().remove(&ceremony).filter(|open| now < open.until).map(|open| open.what)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Uuid, Open>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer to a sign-in challenge, read and not yet judged.
#[derive(Debug)]
pub struct Answer {
    /// Who it says to be.
    pub person: PersonId,
    /// Id of the credential that it names.
    pub credential: Vec<u8>,
    answer: PublicKeyCredential,
    state: DiscoverableAuthentication,
}

/// Whether a credential may be copied to other devices, and is.
#[must_use]
pub fn backup_flags(passkey: &Passkey) -> (bool, bool) {
    let credential = Credential::from(passkey.clone());
    (credential.backup_eligible, credential.backup_state)
}

/// How often a credential says that it was used; 0 if it does not count.
#[must_use]
pub fn counter(passkey: &Passkey) -> u32 {
    Credential::from(passkey.clone()).counter
}

fn credentials(own: &[Kept]) -> Vec<Passkey> {
    own.iter().map(|kept| kept.credential.clone()).collect()
}

/// The crate draws every challenge itself; this puts the digest in its place, by the field's name in its stored form.
fn bound(state: &PasskeyAuthentication, digest: &Digest) -> Result<PasskeyAuthentication, PasskeyError> {
    let mut stored = to_json(state)?;
    let place = stored.pointer_mut("/ast/challenge");
    let place = place.ok_or_else(|| PasskeyError::Refused("the state has no challenge".to_owned()))?;
    *place = Value::String(Base64UrlUnpadded::encode_string(digest.as_bytes()));
    parse(stored)
}

/// The crate asks this of registrations only.
fn same_origin(client_data: &[u8]) -> Result<(), PasskeyError> {
    if client_data.len() > MAX_CLIENT_DATA_BYTES {
        return Err(PasskeyError::Refused("client data too long".to_owned()));
    }
    let data: Value =
        serde_json::from_slice(client_data).map_err(|err| PasskeyError::Refused(err.to_string()))?;
    match data.get("crossOrigin") {
        None | Some(Value::Bool(false)) => Ok(()),
        Some(_) => Err(PasskeyError::Refused("cross-origin".to_owned())),
    }
}

fn to_json<T: Serialize>(value: &T) -> Result<Value, PasskeyError> {
    serde_json::to_value(value).map_err(|err| PasskeyError::Refused(err.to_string()))
}

fn parse<T: DeserializeOwned>(value: Value) -> Result<T, PasskeyError> {
    serde_json::from_value(value).map_err(|err| PasskeyError::Refused(err.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ceremonies() -> Ceremonies {
        let names =
            DoorNames { host: "localhost".to_owned(), origins: vec!["https://localhost:8443".to_owned()] };
        Ceremonies::new(&names, "THỬ NGHIỆM").unwrap()
    }

    fn answer(ceremonies: &Ceremonies, challenge: Uuid, now: Timestamp) -> String {
        ceremonies.take_sign_in(challenge, json!({}), now).unwrap_err().to_string()
    }

    #[test]
    fn a_challenge_waits_five_minutes_for_one_answer() {
        let (ceremonies, now) = (ceremonies(), Timestamp::from_micros(1_780_823_131_000_000));
        let begin = || ceremonies.begin_sign_in(now).unwrap().ceremony;
        let gone = PasskeyError::NoChallenge.to_string();
        let first = begin();
        assert_ne!(answer(&ceremonies, first, now.plus_seconds(299)), gone, "looked at");
        assert_eq!(answer(&ceremonies, first, now.plus_seconds(299)), gone, "used up, though it was wrong");
        assert_eq!(answer(&ceremonies, begin(), now.plus_seconds(300)), gone, "expired");
        assert_eq!(answer(&ceremonies, Uuid::new_v4(), now), gone);
    }

    #[test]
    fn open_challenges_are_bounded_and_the_oldest_gives_way() {
        let (ceremonies, now) = (ceremonies(), Timestamp::from_micros(1_780_823_131_000_000));
        let first = ceremonies.begin_sign_in(now).unwrap().ceremony;
        for _ in 0..MAX_OPEN {
            ceremonies.begin_sign_in(now.plus_seconds(1)).unwrap();
        }
        assert_eq!(ceremonies.open().len(), MAX_OPEN);
        assert_eq!(answer(&ceremonies, first, now), PasskeyError::NoChallenge.to_string());
    }

    #[test]
    fn passkeys_are_bound_to_https_origins_of_the_one_host() {
        let new = |host: &str, origins: &[&str]| {
            let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
            Ceremonies::new(&DoorNames { host: host.to_owned(), origins }, "THỬ NGHIỆM").is_ok()
        };
        assert!(new("ecabinet.example", &["https://ecabinet.example", "https://ecabinet.example:8444"]));
        assert!(!new("ecabinet.example", &[]));
        for origin in
            ["http://ecabinet.example", "https://www.ecabinet.example", "https://badecabinet.example", "x"]
        {
            assert!(!new("ecabinet.example", &["https://ecabinet.example", origin]), "{origin}");
        }
        assert!(!new("127.0.0.1", &["https://127.0.0.1:8443"]), "an address is no name");
    }
}
