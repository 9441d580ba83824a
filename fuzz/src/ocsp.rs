//! OCSP from both sides: requests to the responder, answers to the client.

use signing::ocsp::{self, NoAnswer, Reply, Responder, Status};
use signing::register::Register;

use super::world::{self, NOW, world};

pub(crate) fn run(bytes: &[u8]) {
    serve(bytes);
    look(bytes);
    for key in [&world().responder_key, &world().key] {
        if let Some(basic) = world::signed_anew_by(key, bytes) {
            look_at_basic(&basic);
        }
        if let Ok(basic) = ocsp::basic_of(bytes)
            && let Some(anew) = world::signed_anew_by(key, basic)
        {
            look(&ocsp::response_of(&anew));
        }
    }
}

pub(crate) fn responder() -> Responder<'static> {
    Responder { certificate: &world().responder, issuer: &world().sub, now: NOW, validity_s: 3600 }
}

/// The responder's token's part.
pub(crate) fn sign(message: &[u8]) -> Vec<u8> {
    world::sign_raw_by(&world().responder_key, message)
}

fn serve(request: &[u8]) {
    let mut register = Register::default();
    register.issued(&world().signer);
    let reply = ocsp::respond(request, &responder(), |serial| register.status(serial));
    match reply.expect("the responder is set up") {
        Reply::Ready(error) => assert!(matches!(ocsp::basic_of(&error), Err(NoAnswer::Error(_)))),
        Reply::ToSign(prepared) => {
            let answer = prepared.clone().embed(&sign(prepared.to_sign())).expect("our own answer");
            assert!(ocsp::basic_of(&answer).is_ok());
        }
    }
}

fn look(response: &[u8]) {
    let answer = ocsp::verify(response, &world().signer, &world().sub, None);
    if let Ok(basic) = ocsp::basic_of(response) {
        look_at_basic(basic);
    } else {
        assert!(answer.is_err());
    }
}

fn look_at_basic(basic: &[u8]) {
    let Ok(answer) = ocsp::verify_basic(basic, &world().signer, &world().sub, None) else { return };
    if answer.check_current(NOW).is_ok() {
        assert!(answer.this_update <= NOW.plus_seconds(300));
    }
    if let Status::Revoked { at, .. } = answer.status {
        assert!(at.as_seconds() > i64::MIN);
    }
}
