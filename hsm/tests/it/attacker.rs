//! Sole control, played by an attacker: what a short PIN is worth, and against whom.
//!
//! The attacker holds a copy of the token's files, or a member's PIN, or both. What holds is a claim of `SECURITY.md`;
//! what falls is named there as falling.

use cabinet::Digest;
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::UserType;
use hsm::{KeyKind, PersonalConfig, Scheme, ToSign, TokenError};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::PKey;

use crate::store::{behind_the_back, key, module, openssl_accepts, pin, token, with_store};

/// A PIN that is found early. The whole space is seven thousand times as large: half an hour at two milliseconds a try.
const SIX_DIGITS: &str = "000137";
/// PINs of six digits.
const N_PINS: u32 = 1_000_000;

#[test]
fn six_digits_fall_to_whoever_holds_the_files_of_a_software_token() {
    with_store("attacker::six_digits_fall_to_whoever_holds_the_files_of_a_software_token", || {
        let module = module();
        let tokens = module.personal(PersonalConfig { n_workers: 1, ..PersonalConfig::default() }).unwrap();
        let (label, secret) = (token("TEST member"), pin(SIX_DIGITS));
        module.provision(&label, &pin("so-12345"), &secret).unwrap();
        tokens.generate_key_pair(&label, &secret, &key("sign"), KeyKind::EcP256).unwrap();

        let found = (0..N_PINS).find_map(|guess| {
            let guess = format!("{guess:06}");
            match tokens.check_pin(&label, &pin(&guess)) {
                Ok(()) => Some(guess),
                Err(TokenError::PinIncorrect { .. }) => None,
                Err(error) => panic!("{error}"),
            }
        });
        let found = found.unwrap();
        assert_eq!(found, SIX_DIGITS, "no lock stops the search: the software token counts nothing");
        let forged =
            tokens.sign(&label, &pin(&found), &key("sign"), ToSign::Message(b"forged"), Scheme::EcdsaSha256);
        assert!(forged.is_ok(), "and then the key signs: a short PIN is policy, not proof");
    });
}

/// The same attacker, against a PIN of 128 bits or more. Here he tries what takes him the first seconds; the whole
/// space of short PINs is `every_pin_of_six_digits_fails_against_a_long_one`.
#[test]
fn a_long_pin_takes_the_place_of_a_short_one_and_no_short_one_opens_any_more() {
    with_store("attacker::a_long_pin_takes_the_place_of_a_short_one_and_no_short_one_opens_any_more", || {
        assert_eq!(first_that_opens(1_000), None);
    });
}

/// Half an hour of searching, or two on a busy machine: run it with `--run-ignored all`.
#[test]
#[ignore = "half an hour or more"]
fn every_pin_of_six_digits_fails_against_a_long_one() {
    with_store("attacker::every_pin_of_six_digits_fails_against_a_long_one", || {
        assert_eq!(first_that_opens(N_PINS), None);
    });
}

/// Makes a token whose six digits were replaced by 43 letters, and tries the first `n` PINs of six digits.
fn first_that_opens(n: u32) -> Option<String> {
    let module = module();
    let tokens = module.personal(PersonalConfig { n_workers: 1, ..PersonalConfig::default() }).unwrap();
    let (label, long) = (token("TEST member"), pin("TEST-u5Yq0Zr9n1tKcW3eXb7mLs2vGhJ8dPfAoRiQw4y"));
    module.provision(&label, &pin("so-12345"), &pin(SIX_DIGITS)).unwrap();
    tokens.generate_key_pair(&label, &pin(SIX_DIGITS), &key("sign"), KeyKind::EcP256).unwrap();
    tokens.change_pin(&label, &pin(SIX_DIGITS), &long).unwrap();

    let found =
        (0..n).map(|guess| format!("{guess:06}")).find(|guess| match tokens.check_pin(&label, &pin(guess)) {
            Ok(()) => true,
            Err(TokenError::PinIncorrect { .. }) => false,
            Err(error) => panic!("{error}"),
        });
    let signed = tokens.sign(&label, &long, &key("sign"), ToSign::Message(b"TEST"), Scheme::EcdsaSha256);
    assert!(signed.is_ok(), "the key is still there, under the long PIN");
    found
}

#[test]
fn a_members_pin_opens_neither_anothers_key_nor_lets_the_own_one_out() {
    with_store("attacker::a_members_pin_opens_neither_anothers_key_nor_lets_the_own_one_out", || {
        let module = module();
        let tokens = module.personal(PersonalConfig { n_workers: 1, ..PersonalConfig::default() }).unwrap();
        let (known, victim) = (token("TEST known"), token("TEST victim"));
        let stolen = pin("stolen-pin");
        for (label, own) in [(&known, &stolen), (&victim, &pin("another-pin"))] {
            module.provision(label, &pin("so-12345"), own).unwrap();
            tokens.generate_key_pair(label, own, &key("sign"), KeyKind::EcP256).unwrap();
        }
        let forged =
            tokens.sign(&victim, &stolen, &key("sign"), ToSign::Message(b"forged"), Scheme::EcdsaSha256);
        assert!(matches!(forged, Err(TokenError::PinIncorrect { .. })), "{forged:?}");

        // Past our own code, with the PIN: the key signs, but its value does not leave the token.
        let pkcs11 = behind_the_back();
        let slot = pkcs11
            .get_slots_with_initialized_token()
            .unwrap()
            .into_iter()
            .find(|slot| pkcs11.get_token_info(*slot).unwrap().label() == "TEST known")
            .unwrap();
        let session = pkcs11.open_rw_session(slot).unwrap();
        session.login(UserType::User, Some(&"stolen-pin".into())).unwrap();
        let private = session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)]).unwrap();
        let value = session.get_attributes(private[0], &[AttributeType::Value]);
        let is_shown = value.is_ok_and(|value| !value.is_empty());
        assert!(!is_shown, "a private key's value was given out");
        let loosened = session.update_attributes(private[0], &[Attribute::Extractable(true)]);
        assert!(loosened.is_err(), "a key was made extractable afterwards");
    });
}

#[test]
fn every_token_and_every_pin_of_a_store_signs_for_nobody_whose_key_is_elsewhere() {
    with_store(
        "attacker::every_token_and_every_pin_of_a_store_signs_for_nobody_whose_key_is_elsewhere",
        || {
            let module = module();
            let tokens =
                module.personal(PersonalConfig { n_workers: 1, ..PersonalConfig::default() }).unwrap();
            // The card: all that a store without it can hold of it is its public key.
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
            let card =
                PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap().public_key_to_der().unwrap();
            let by_card = |message: &[u8], raw: &[u8]| {
                let halves = |half: &[u8]| BigNum::from_slice(half).unwrap();
                let (r, s) = raw.split_at(raw.len() / 2);
                let signature = EcdsaSig::from_private_components(halves(r), halves(s)).unwrap();
                let key = PKey::public_key_from_der(&card).unwrap().ec_key().unwrap();
                signature.verify(Digest::of(message).as_bytes(), &key).unwrap()
            };
            for (name, six_digits) in
                [("TEST one", "000007"), ("TEST two", "000041"), ("TEST three", "000029")]
            {
                let (label, secret) = (token(name), pin(six_digits));
                module.provision(&label, &pin("so-12345"), &secret).unwrap();
                let public =
                    tokens.generate_key_pair(&label, &secret, &key("sign"), KeyKind::EcP256).unwrap();
                let found = (0..N_PINS)
                    .map(|guess| format!("{guess:06}"))
                    .find(|guess| tokens.check_pin(&label, &pin(guess)).is_ok())
                    .unwrap();
                let (message, scheme) = (b"forged".as_slice(), Scheme::EcdsaSha256);
                let raw = tokens
                    .sign(&label, &pin(&found), &key("sign"), ToSign::Message(message), scheme)
                    .unwrap();
                assert!(
                    openssl_accepts(&public, scheme, message, raw.as_bytes()),
                    "{name} falls with its PIN"
                );
                assert!(!by_card(message, raw.as_bytes()), "{name} signed for the card");
            }
            let nowhere = tokens.sign(
                &token("TEST card"),
                &pin("000007"),
                &key("sign"),
                ToSign::Message(b"x"),
                Scheme::EcdsaSha256,
            );
            assert!(matches!(nowhere, Err(TokenError::TokenNotFound { .. })), "{nowhere:?}");
        },
    );
}
