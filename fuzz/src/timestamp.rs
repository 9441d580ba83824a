//! RFC 3161 from both sides: requests to the authority, answers and tokens to the client.

use signing::timestamp::{
    Accuracy, Answer, Policy, Request, Response, Settings, Token, respond, verify_response,
};
use signing::{Hash, Imprint};

use super::world::{self, NOW, world};

/// What the seeds' tokens are over.
pub(crate) const STAMPED: &[u8] = "nghị quyết (THỬ NGHIỆM)".as_bytes();

pub(crate) fn run(bytes: &[u8]) {
    serve(bytes);
    for answer in [Some(bytes.to_vec()), answer_anew(bytes)].into_iter().flatten() {
        receive(&answer);
    }
    for token in [Some(bytes.to_vec()), world::cms_signed_anew(bytes)].into_iter().flatten() {
        read(&token);
    }
}

/// The request that the seeds' answers are to.
pub(crate) fn request() -> Request {
    Request::new(Imprint::of(Hash::Sha256, STAMPED).expect("a digest"), [7; 16])
}

pub(crate) fn settings() -> Settings {
    let policy = Policy::parse("1.3.6.1.4.1.99999.1").expect("a policy");
    let chain = [world().sub.clone()];
    let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
    Settings::verify(&world().clock, &chain, policy, Accuracy::from_micros(500_000), &hashes)
        .expect("settings")
}

fn serve(bytes: &[u8]) {
    let request = Request::parse(bytes);
    match respond(bytes, &settings(), 0x8000_0001, NOW) {
        Answer::ToSign(prepared) => {
            let answer =
                prepared.clone().embed(&world::sign_raw(prepared.to_sign())).expect("our own answer");
            let request = request.expect("what was answered reads");
            assert_eq!(Request::parse(&request.to_der()).as_ref(), Ok(&request));
            let token = verify_response(&request, &answer, std::slice::from_ref(&world().clock))
                .expect("our own answer");
            let path = token.verify_path(&world().trust, NOW);
            assert!(path.is_ok() || token.others().is_empty(), "{path:?}");
        }
        Answer::Rejected(rejection) => {
            let answer = rejection.to_der();
            assert!(matches!(Response::parse(&answer), Ok(Response::Rejected(_))));
        }
    }
}

/// The answer with its token signed anew.
fn answer_anew(bytes: &[u8]) -> Option<Vec<u8>> {
    let [status, token] = *world::elements(world::element(bytes)?.0)? else { return None };
    Some(world::written(0x30, &[status, &world::cms_signed_anew(token)?]))
}

fn receive(answer: &[u8]) {
    if let Ok(token) = verify_response(&request(), answer, std::slice::from_ref(&world().clock)) {
        assert!(token.verify_imprint(STAMPED).is_ok(), "an answer to another request");
    }
}

fn read(token: &[u8]) {
    let Ok(read) = Token::verify(token, std::slice::from_ref(&world().clock)) else { return };
    assert_eq!(read.to_der(), token);
    let path = read.verify_path(&world().trust, read.info().gen_time);
    assert!(path.is_err() || path.is_ok_and(|path| path.last() == Some(&world().root)));
}
