//! Another time for the appliance: libfaketime before its clock.

use anyhow::Context as _;

/// The variables that move the wall clock by `offset_s` seconds and leave the steady clock alone.
pub(crate) fn moved(offset_s: i64) -> anyhow::Result<[(&'static str, String); 3]> {
    let library = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    ]
    .into_iter()
    .find(|path| std::path::Path::new(path).exists())
    .context("apt-get install faketime")?;
    Ok([
        ("LD_PRELOAD", library.to_owned()),
        ("FAKETIME", format!("{offset_s:+}s")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ])
}
