//! Authorities that must not be: tokens that are right in everything but one thing.

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use openssl::x509::{X509, X509NameBuilder};

use super::*;
use crate::testing::{self, NOW};
use crate::timestamp::{Request, ResponseError, Token, TokenError, verify_response};

fn policy() -> Policy {
    Policy::parse("1.3.6.1.4.1.99999.1").unwrap()
}

fn certificate(key: &PKey<Private>, extended: &ExtendedKeyUsage, is_authority: bool) -> Certificate {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "TEST time").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(5).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(NOW.as_seconds()).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(NOW.as_seconds() + 1000).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    let mut basic = BasicConstraints::new();
    if is_authority {
        basic.ca();
    }
    builder.append_extension(basic.critical().build().unwrap()).unwrap();
    builder.append_extension(KeyUsage::new().critical().digital_signature().build().unwrap()).unwrap();
    builder.append_extension(extended.build().unwrap()).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    Certificate::from_x509(&builder.build()).unwrap()
}

fn request() -> Request {
    Request::new(Imprint::of(Hash::Sha256, b"paper").unwrap(), [0x9b; 16])
}

/// What an authority with this certificate answers, whether or not it may.
fn answer(key: &PKey<Private>, certificate: &Certificate, request: &Request) -> Vec<u8> {
    let settings =
        Settings::of(certificate, &[], policy(), Accuracy::from_micros(1000), &[Hash::Sha256]).unwrap();
    let Answer::ToSign(prepared) = respond(&request.to_der(), &settings, 1, NOW) else {
        panic!("rejected");
    };
    let raw = testing::sign_raw(key, prepared.algorithm(), prepared.to_sign());
    prepared.embed(&raw).unwrap()
}

#[test]
fn only_certificates_for_time_stamps_alone_are_accepted() {
    let key = testing::ec_key();
    let usage = |edit: fn(&mut ExtendedKeyUsage)| {
        let mut usage = ExtendedKeyUsage::new();
        edit(&mut usage);
        usage
    };
    for (usage, is_authority, accepted) in [
        (usage(|usage| _ = usage.critical().time_stamping()), false, true),
        (usage(|usage| _ = usage.time_stamping()), false, false),
        (usage(|usage| _ = usage.critical().time_stamping().code_signing()), false, false),
        (usage(|usage| _ = usage.critical().time_stamping().other("anyExtendedKeyUsage")), false, false),
        (usage(|usage| _ = usage.critical().email_protection()), false, false),
        (usage(|usage| _ = usage.critical().time_stamping()), true, false),
    ] {
        let certificate = certificate(&key, &usage, is_authority);
        let settings =
            Settings::verify(&certificate, &[], policy(), Accuracy::from_micros(1), &[Hash::Sha256]);
        assert_eq!(settings.is_ok(), accepted);
        let answered = answer(&key, &certificate, &request());
        match verify_response(&request(), &answered, &[]) {
            Ok(_) => assert!(accepted),
            Err(error) => {
                assert_eq!(error, ResponseError::BadToken(TokenError::Purpose));
                assert!(!accepted);
            }
        }
    }
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let key = testing::ec_key();
    let mut usage = ExtendedKeyUsage::new();
    usage.critical().time_stamping();
    let certificate = certificate(&key, &usage, false);
    let asked = request();
    let answered = answer(&key, &certificate, &asked);
    let token = verify_response(&asked, &answered, &[]).unwrap();
    token.verify_imprint(b"paper").unwrap();
    assert_eq!(token.verify_imprint(b"other").unwrap_err(), TokenError::OtherImprint);
    let other = |edit: fn(&mut Request)| {
        let mut request = request();
        edit(&mut request);
        let error = verify_response(&request, &answered, &[]).unwrap_err();
        let ResponseError::BadToken(error) = error else { panic!("{error}") };
        error
    };
    let imprint = |request: &mut Request| request.imprint = Imprint::of(Hash::Sha256, b"other").unwrap();
    assert_eq!(other(imprint), TokenError::OtherImprint);
    let imprint = |request: &mut Request| request.imprint = Imprint::of(Hash::Sha512, b"paper").unwrap();
    assert_eq!(other(imprint), TokenError::OtherImprint);
    let nonce = |request: &mut Request| request.nonce = Some(Integer::from_unsigned(&[0x9b; 15]));
    assert_eq!(other(nonce), TokenError::OtherNonce);
    assert_eq!(other(|request| request.nonce = None), TokenError::OtherNonce);
    let other_policy = |request: &mut Request| request.policy = Some(Policy::parse("1.2.3").unwrap());
    assert_eq!(other(other_policy), TokenError::OtherPolicy);
    verify_response(&Request { policy: Some(policy()), ..asked }, &answered, &[]).unwrap();
}

#[test]
fn the_certificate_is_sent_only_when_asked_for_and_must_then_be_known() {
    let key = testing::ec_key();
    let mut usage = ExtendedKeyUsage::new();
    usage.critical().time_stamping();
    let certificate = certificate(&key, &usage, false);
    let asked = Request { wants_certificate: false, ..request() };
    let answered = answer(&key, &certificate, &asked);
    let der = certificate.to_der();
    assert!(!answered.windows(der.len()).any(|window| window == der));
    let missing = ResponseError::BadToken(TokenError::NoCertificate);
    assert_eq!(verify_response(&asked, &answered, &[]).unwrap_err(), missing);
    let token = verify_response(&asked, &answered, std::slice::from_ref(&certificate)).unwrap();
    assert_eq!(*token.authority(), certificate);
    let stranger = self::certificate(&key, &usage, false);
    assert_ne!(stranger, certificate, "the same key and name, another signature");
    let substituted = ResponseError::BadToken(Invalid::WrongSigner.into());
    assert_eq!(verify_response(&asked, &answered, &[stranger]).unwrap_err(), substituted);
}

#[test]
fn what_the_token_signed_is_checked_before_it_is_sent() {
    let key = testing::ec_key();
    let mut usage = ExtendedKeyUsage::new();
    usage.critical().time_stamping();
    let certificate = certificate(&key, &usage, false);
    let settings =
        Settings::verify(&certificate, &[], policy(), Accuracy::from_micros(1), &[Hash::Sha256]).unwrap();
    let Answer::ToSign(prepared) = respond(&request().to_der(), &settings, u128::MAX, NOW) else {
        panic!("rejected");
    };
    let raw = testing::sign_raw(&testing::ec_key(), prepared.algorithm(), prepared.to_sign());
    assert_eq!(prepared.embed(&raw).unwrap_err(), Invalid::SignatureWrong);
    let late = NOW.plus_seconds(2000);
    let Answer::Rejected(rejection) = respond(&request().to_der(), &settings, 1, late) else {
        panic!("stamped by an expired authority");
    };
    assert_eq!(rejection.failure, Some(Failure::TimeNotAvailable));
}

/// What a misbehaving authority answers: `edit` changes what is stamped before it is signed.
fn answer_with(edit: impl Fn(&Certificate, &[u8]) -> Vec<u8>) -> Result<(), TokenError> {
    let key = testing::ec_key();
    let mut usage = ExtendedKeyUsage::new();
    usage.critical().time_stamping();
    let certificate = certificate(&key, &usage, false);
    let settings =
        Settings::verify(&certificate, &[], policy(), Accuracy::from_micros(1), &[Hash::Sha256]).unwrap();
    let Answer::ToSign(mut prepared) = respond(&request().to_der(), &settings, 1, NOW) else {
        panic!("rejected");
    };
    prepared.content = edit(&certificate, &prepared.content);
    let digest = Hash::Sha256.digest(&prepared.content).unwrap();
    prepared.signed_attributes =
        cms::signed_attributes(TST_INFO, &digest, &certificate, prepared.algorithm(), Vec::new());
    let raw = testing::sign_raw(&key, prepared.algorithm(), prepared.to_sign());
    match verify_response(&request(), &prepared.embed(&raw).unwrap(), &[]) {
        Ok(_) => Ok(()),
        Err(ResponseError::BadToken(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// `TSTInfo` with more fields at its end.
fn longer(info: &[u8], more: &[u8]) -> Vec<u8> {
    tlv::write(tlv::SEQUENCE, &[tlv::only(info, tlv::SEQUENCE).unwrap().rest(), more])
}

#[test]
fn a_time_stamp_may_name_only_its_own_authority() {
    // tsa [0] EXPLICIT GeneralName, here directoryName.
    let named = |name: &[u8]| tlv::write(tlv::context(0), &[&tlv::write(tlv::context(4), &[name])]);
    let own =
        |certificate: &Certificate, info: &[u8]| longer(info, &named(&certificate.subject_der().unwrap()));
    assert_eq!(answer_with(own), Ok(()));
    let other = |_: &Certificate, info: &[u8]| longer(info, &named(&[0x30, 0]));
    assert_eq!(answer_with(other), Err(TokenError::OtherAuthority));
}

#[test]
fn a_time_outside_the_certificate_is_refused_though_signed() {
    let at = |seconds: i64| {
        answer_with(|_, info| {
            let info = Info { gen_time: NOW.plus_seconds(seconds), ..Info::parse(info).unwrap() };
            info.to_der(imprint_as_sent(&request().to_der()).unwrap()).unwrap()
        })
    };
    assert_eq!(at(0), Ok(()));
    assert_eq!(at(1000), Ok(()));
    assert_eq!(at(-1), Err(TokenError::OutOfValidity));
    assert_eq!(at(1001), Err(TokenError::OutOfValidity));
}

#[test]
fn what_is_not_understood_in_a_time_stamp_is_refused() {
    let extension = |critical: &[u8]| {
        let extension = tlv::write(tlv::SEQUENCE, &[&[6, 3, 0x2a, 3, 4], critical, &[4, 0]]);
        tlv::write(tlv::context(1), &[&extension])
    };
    assert_eq!(answer_with(|_, info| longer(info, &extension(&[]))), Ok(()));
    assert!(answer_with(|_, info| longer(info, &extension(&[1, 1, 0xff]))).is_err(), "critical");
    assert!(answer_with(|_, info| longer(info, &[5, 0])).is_err(), "an unknown field");
    assert!(answer_with(|_, info| info[..info.len() - 1].to_vec()).is_err(), "cut");
}

#[test]
fn nothing_is_hung_onto_a_time_stamp() {
    let key = testing::ec_key();
    let mut usage = ExtendedKeyUsage::new();
    usage.critical().time_stamping();
    let certificate = certificate(&key, &usage, false);
    let answered = answer(&key, &certificate, &request());
    let token = verify_response(&request(), &answered, &[]).unwrap();
    let longer = cms::parse(token.to_der()).unwrap().with_unsigned(cms::SIGNATURE_TIME_STAMP, &[5, 0]);
    let refused = Invalid::Structure("unsigned attributes in a time-stamp");
    assert_eq!(Token::verify(&longer, &[]).unwrap_err(), TokenError::Invalid(refused));
}
