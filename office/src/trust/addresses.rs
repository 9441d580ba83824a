//! Where a certificate says that its status is asked.

use signing::Certificate;

use super::TrustConfig;

/// Addresses in a certificate that may be asked: of its responders, of its lists.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) responders: Vec<String>,
    pub(super) lists: Vec<String>,
}

impl Addresses {
    pub(super) fn of(certificate: &Certificate, config: &TrustConfig) -> Self {
        let is_allowed = |address: &String| {
            let host = address.strip_prefix("http://").and_then(|rest| rest.split('/').next());
            host.is_some_and(|host| config.hosts.contains_key(host))
        };
        Self {
            responders: certificate.responder_addresses().into_iter().filter(is_allowed).collect(),
            lists: certificate.list_addresses().into_iter().filter(is_allowed).collect(),
        }
    }
}
