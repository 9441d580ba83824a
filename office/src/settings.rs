//! What differs between a Government, a ministry and a province: names, places, series, forms.

use serde::{Deserialize, Serialize};

/// The `[body]` part of the configuration.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BodyConfig {
    /// Name in capitals as on the letterhead: `CHÍNH PHỦ`.
    pub letterhead: String,
    /// Name in a sentence: `Chính phủ`.
    pub name: String,
    /// Where papers are dated: `Hà Nội`.
    pub place: String,
    /// Type and issuer in numbers of Resolutions: `NQ-CP`.
    pub resolution_symbol: String,
    /// On whose behalf Resolutions are signed: `TM. CHÍNH PHỦ`.
    pub signature_authority: String,
    /// The signer's position: `THỦ TƯỚNG`.
    pub signature_position: String,
    /// Legal bases that a draft Resolution begins with.
    pub resolution_bases: Vec<String>,
    /// Who receives Resolutions, unless the draft says otherwise.
    pub resolution_recipients: Vec<String>,
    /// Type and issuer in numbers of invitations: `GM-VPCP`.
    pub invitation_symbol: String,
    /// The office that invites: `VĂN PHÒNG CHÍNH PHỦ`.
    pub office_letterhead: String,
    /// PNG of the organisation's seal, drawn at its real size.
    pub seal_image: std::path::PathBuf,
    /// Folder of PNG signature images, one per account: `USERNAME.png`.
    pub signature_images: std::path::PathBuf,
    /// Diameter of the seal, in millimetres.
    pub seal_diameter_mm: f64,
}
