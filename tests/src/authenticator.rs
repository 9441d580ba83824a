//! An authenticator in software, which also lies when told to: the client's half of `WebAuthn`, for attacks that no
//! browser would make. Real browsers are driven in `tests/browser`.

use anyhow::Context as _;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sha::sha256;
use openssl::sign::Signer;
use serde_json::{Value, json};

/// The user is present.
pub const PRESENT: u8 = 0x01;
/// The device has verified its user.
pub const VERIFIED: u8 = 0x04;
/// The credential may be copied to other devices.
pub const BACKUP_ELIGIBLE: u8 = 0x08;
/// The credential is on other devices.
pub const BACKED_UP: u8 = 0x10;
/// A new credential is attached.
const ATTACHED: u8 = 0x40;

/// A device with one passkey.
#[derive(Clone)]
pub struct Authenticator {
    key: PKey<Private>,
    /// Id of the credential.
    pub credential: Vec<u8>,
    /// The user's handle, as it was when the passkey was made.
    pub user: Vec<u8>,
    /// How often it was used.
    pub counter: u32,
    /// The origin at which its browser thinks to be.
    pub origin: String,
    /// Flags that it gives, beside what the ceremony asks for.
    pub flags: u8,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// What a device says before it signs: everything may be a lie.
#[derive(Clone, Debug)]
pub struct Claim {
    /// `webauthn.get`.
    pub type_: String,
    /// The challenge, base64url.
    pub challenge: String,
    /// The page's origin.
    pub origin: String,
    /// Whether the page sits in another origin's frame.
    pub cross_origin: bool,
    /// The name that the credential is bound to.
    pub rp: String,
    /// Flags.
    pub flags: u8,
    /// Counter.
    pub counter: u32,
    /// Id of the credential.
    pub credential: Vec<u8>,
    /// The user's handle.
    pub user: Option<Vec<u8>>,
}

impl Authenticator {
    /// A device whose browser is at `origin`, with a fresh key and no passkey on file anywhere.
    ///
    /// # Errors
    ///
    /// OpenSSL makes no key.
    pub fn new(origin: &str) -> anyhow::Result<Self> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let mut credential = vec![0; 32];
        openssl::rand::rand_bytes(&mut credential)?;
        Ok(Self {
            key: PKey::from_ec_key(EcKey::generate(&group)?)?,
            credential,
            user: Vec::new(),
            counter: 1,
            origin: origin.to_owned(),
            flags: PRESENT | VERIFIED,
        })
    }

    /// Answers a challenge to make a passkey.
    ///
    /// # Errors
    ///
    /// The options cannot be read.
    pub fn create(&mut self, options: &Value) -> anyhow::Result<Value> {
        let text = |pointer: &str| options.pointer(pointer).and_then(Value::as_str).context("option");
        self.user =
            Base64UrlUnpadded::decode_vec(text("/user/id")?).map_err(|err| anyhow::anyhow!("{err}"))?;
        let client_data = json!({
            "type": "webauthn.create", "challenge": text("/challenge")?, "origin": self.origin, "crossOrigin": false,
        });
        let mut data = self.data(text("/rp/id")?, self.flags | ATTACHED, self.counter);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.credential.len())?.to_be_bytes());
        data.extend(&self.credential);
        data.extend(self.public_key()?);
        // CBOR: {"fmt": "none", "attStmt": {}, "authData": data}
        let mut attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        attestation.push(u8::try_from(data.len())?);
        attestation.extend(data);
        Ok(json!({
            "id": encode(&self.credential), "rawId": encode(&self.credential), "type": "public-key",
            "response": {
                "clientDataJSON": encode(client_data.to_string().as_bytes()),
                "attestationObject": encode(&attestation),
            },
            "clientExtensionResults": {},
        }))
    }

    /// Answers a challenge to prove itself; `lie` may change anything before it is signed.
    ///
    /// # Errors
    ///
    /// The options cannot be read.
    pub fn prove(&mut self, options: &Value, lie: impl FnOnce(&mut Claim)) -> anyhow::Result<Value> {
        let text = |name: &str| options[name].as_str().map(str::to_owned).context("option");
        self.counter += 1;
        let mut claim = Claim {
            type_: "webauthn.get".to_owned(),
            challenge: text("challenge")?,
            origin: self.origin.clone(),
            cross_origin: false,
            rp: text("rpId")?,
            flags: self.flags,
            counter: self.counter,
            credential: self.credential.clone(),
            user: Some(self.user.clone()),
        };
        lie(&mut claim);
        let client_data = json!({
            "type": claim.type_, "challenge": claim.challenge, "origin": claim.origin,
            "crossOrigin": claim.cross_origin,
        });
        let client_data = client_data.to_string();
        let data = self.data(&claim.rp, claim.flags, claim.counter);
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key)?;
        signer.update(&data)?;
        signer.update(&sha256(client_data.as_bytes()))?;
        Ok(json!({
            "id": encode(&claim.credential), "rawId": encode(&claim.credential), "type": "public-key",
            "response": {
                "clientDataJSON": encode(client_data.as_bytes()),
                "authenticatorData": encode(&data),
                "signature": encode(&signer.sign_to_vec()?),
                "userHandle": claim.user.as_deref().map(encode),
            },
            "clientExtensionResults": {},
        }))
    }

    /// Proves itself for exactly the bytes with this digest, hexadecimal.
    ///
    /// # Errors
    ///
    /// The digest cannot be read.
    pub fn confirm(&mut self, digest: &str, lie: impl FnOnce(&mut Claim)) -> anyhow::Result<Value> {
        let digest: cabinet::Digest = digest.parse()?;
        self.prove(&json!({"challenge": encode(digest.as_bytes()), "rpId": "localhost"}), lie)
    }

    fn data(&self, rp: &str, flags: u8, counter: u32) -> Vec<u8> {
        let mut data = sha256(rp.as_bytes()).to_vec();
        data.push(flags);
        data.extend(counter.to_be_bytes());
        data
    }

    /// CBOR of the COSE key: {1: 2, 3: -7, -1: 1, -2: x, -3: y}
    fn public_key(&self) -> anyhow::Result<Vec<u8>> {
        let key = self.key.ec_key()?;
        let (mut x, mut y, mut context) = (BigNum::new()?, BigNum::new()?, BigNumContext::new()?);
        key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
        let mut cose = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".to_vec();
        cose.extend(x.to_vec_padded(32)?);
        cose.extend(b"\x22\x58\x20");
        cose.extend(y.to_vec_padded(32)?);
        Ok(cose)
    }
}

/// Bytes in base64url.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
