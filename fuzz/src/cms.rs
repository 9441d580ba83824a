//! CAdES signatures: detached, with their content inside, with time-stamps; as found and signed anew.

use cabinet::Digest;
use signing::cades;

use super::world::{self, NOW, world};

/// What the seeds are signatures over.
pub(crate) const CONTENT: &[u8] = "Nội dung của một phiếu (THỬ NGHIỆM)".as_bytes();

pub(crate) fn run(bytes: &[u8]) {
    look(bytes);
    if let Some(anew) = world::cms_signed_anew(bytes) {
        look(&anew);
    }
}

fn look(cms: &[u8]) {
    let world = world();
    let by_digest = cades::verify(cms, &Digest::of(CONTENT), &world.trust, NOW);
    let by_content = cades::verify_content(cms, CONTENT, &world.trust, NOW);
    let attached = cades::verify_attached(cms, &world.trust, NOW);
    let value = cades::signature_value(cms);
    let stamps = cades::time_stamps(cms);
    if let Ok(verified) = &by_digest {
        assert!(by_content.is_ok(), "the digest and its content disagree: {by_content:?}");
        assert_eq!(verified.path.last(), Some(&world.root));
        assert_eq!(Some(verified.time_stamps.len()), stamps.as_ref().ok().map(Vec::len));
    }
    if let Ok((_, content)) = attached {
        assert!(by_digest.is_err(), "attached, and yet detached");
        assert!(content.len() <= cms.len());
    }
    if let (Ok(value), Ok(stamps)) = (value, stamps)
        && let Some(stamp) = stamps.first()
    {
        assert!(stamp.verify_imprint(value).is_ok());
        let more = cades::add_timestamp(cms, stamp);
        assert!(more.is_ok_and(|more| cades::time_stamps(&more).is_ok()) || stamps.len() >= 4);
    }
}
