//! Name constraints: which names an authority may certify.
//!
//! Source: `docs/sources.md`, entry `rfc5280` (4.2.1.10; 6.1.3 b, c; 6.1.4 g).

use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::name::GeneralName;

use super::facts::{AlternativeNames, Extensions, Facts};
use super::failure::Rule;
use super::name::{NormalName, email_addresses};

/// Most comparisons of a name with a subtree along one path.
const MAX_COMPARISONS: usize = 100_000;

/// The constraints of every authority above.
///
/// Invariant: a name must lie within one subtree of its form of each permitted set, and within no excluded one.
#[derive(Debug, Default)]
pub(crate) struct Subtrees {
    permitted: Vec<Vec<Base>>,
    excluded: Vec<Base>,
    n_comparisons: usize,
}

/// A subtree, or a name to be looked for in one.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Base {
    Directory(NormalName),
    Dns(String),
    Email(String),
    Uri(String),
    Address(Vec<u8>),
    /// A form that is not compared; the number is its tag.
    Other(u8),
}

impl Subtrees {
    /// Adds the constraints of one authority.
    pub(crate) fn add(&mut self, constraints: &NameConstraints) -> Result<(), Rule> {
        let bases = |subtrees: &[x509_cert::ext::pkix::constraints::name::GeneralSubtree]| {
            subtrees
                .iter()
                .map(|subtree| {
                    if subtree.minimum != 0 || subtree.maximum.is_some() {
                        return Err(Rule::NameConstraint("a subtree with a minimum or maximum"));
                    }
                    Base::of(&subtree.base)
                })
                .collect::<Result<Vec<_>, _>>()
        };
        if let Some(permitted) = &constraints.permitted_subtrees {
            self.permitted.push(bases(permitted)?);
        }
        if let Some(excluded) = &constraints.excluded_subtrees {
            self.excluded.extend(bases(excluded)?);
        }
        Ok(())
    }

    /// Checks every name of a certificate.
    pub(crate) fn check(&mut self, facts: &Facts<'_>, extensions: &Extensions) -> Result<(), Rule> {
        if self.permitted.is_empty() && self.excluded.is_empty() {
            return Ok(());
        }
        if !facts.subject.is_empty() {
            self.check_one(&Base::Directory(facts.subject.clone()))?;
        }
        for email in email_addresses(&facts.certificate.to_be_signed().subject) {
            self.check_one(&Base::Email(
                email.ok_or(Rule::NameConstraint("an e-mail address that is no text"))?,
            ))?;
        }
        match &extensions.alternative_names {
            AlternativeNames::Absent => Ok(()),
            AlternativeNames::Unreadable => Err(Rule::NameConstraint("unreadable alternative names")),
            AlternativeNames::Names(names) => {
                names.iter().try_for_each(|name| self.check_one(&Base::of(name)?))
            }
        }
    }

    fn check_one(&mut self, name: &Base) -> Result<(), Rule> {
        let n_bases = self.permitted.iter().map(Vec::len).fold(self.excluded.len(), usize::saturating_add);
        self.n_comparisons = self.n_comparisons.saturating_add(n_bases);
        if self.n_comparisons > MAX_COMPARISONS {
            return Err(Rule::Limit("too many names under constraints"));
        }
        for base in self.excluded.iter().filter(|base| base.is_form_of(name)) {
            if name.touches(base)? {
                return Err(Rule::NameConstraint(name.form()));
            }
        }
        for set in &self.permitted {
            let mut of_form = set.iter().filter(|base| base.is_form_of(name)).peekable();
            if of_form.peek().is_none() {
                continue;
            }
            let mut is_within = false;
            for base in of_form {
                is_within |= name.is_within(base)?;
            }
            if !is_within {
                return Err(Rule::NameConstraint(name.form()));
            }
        }
        Ok(())
    }
}

impl Base {
    fn of(name: &GeneralName) -> Result<Self, Rule> {
        Ok(match name {
            GeneralName::DirectoryName(name) => {
                Self::Directory(NormalName::new(name).ok_or(Rule::Malformed("a name that is no text"))?)
            }
            GeneralName::DnsName(host) => Self::Dns(host.as_str().to_ascii_lowercase()),
            GeneralName::Rfc822Name(mail) => Self::Email(mail.as_str().to_owned()),
            GeneralName::UniformResourceIdentifier(uri) => Self::Uri(uri.as_str().to_ascii_lowercase()),
            GeneralName::IpAddress(octets) => Self::Address(octets.as_bytes().to_vec()),
            GeneralName::OtherName(_) => Self::Other(0),
            GeneralName::EdiPartyName(_) => Self::Other(5),
            GeneralName::RegisteredId(_) => Self::Other(8),
        })
    }

    const fn form(&self) -> &'static str {
        match self {
            Self::Directory(_) => "the distinguished name",
            Self::Dns(_) => "a host name",
            Self::Email(_) => "an e-mail address",
            Self::Uri(_) => "a URI",
            Self::Address(_) => "an IP address",
            Self::Other(_) => "a form of name that is not compared",
        }
    }

    fn is_form_of(&self, name: &Self) -> bool {
        match (self, name) {
            (Self::Other(own), Self::Other(other)) => own == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(name),
        }
    }

    /// Whether this name lies in `base`, of the same form.
    fn is_within(&self, base: &Self) -> Result<bool, Rule> {
        match (self, base) {
            (Self::Directory(name), Self::Directory(base)) => Ok(name.is_within(base)),
            (Self::Dns(name), Self::Dns(base)) => Ok(host_within(plain_host(name)?, base)),
            (Self::Email(name), Self::Email(base)) => email_within(name, base),
            (Self::Uri(name), Self::Uri(base)) => Ok(exact_host_within(uri_host(name)?, base)),
            (Self::Address(name), Self::Address(base)) => address_within(name, base),
            _ => Err(Rule::NameConstraint(self.form())),
        }
    }

    /// Whether this name, or one that it stands for, lies in the excluded `base`.
    fn touches(&self, base: &Self) -> Result<bool, Rule> {
        match (self, base) {
            (Self::Dns(name), Self::Dns(base)) => {
                // *.gov.vn stands for a.gov.vn too, so it touches an excluded a.gov.vn.
                let reach = name.strip_prefix("*.").filter(|parent| host_within(base, parent));
                Ok(reach.is_some() || self.is_within(&Self::Dns(base.clone()))?)
            }
            (Self::Email(name), Self::Email(base)) => {
                email_within(&name.to_ascii_lowercase(), &base.to_ascii_lowercase())
            }
            _ => self.is_within(base),
        }
    }
}

/// A host name with letters, digits, hyphens and dots; a first label may be a star.
fn plain_host(host: &str) -> Result<&str, Rule> {
    let labels = host.strip_prefix("*.").unwrap_or(host);
    let is_plain = !labels.is_empty()
        && labels.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
    if is_plain { Ok(host) } else { Err(Rule::NameConstraint("a malformed host name")) }
}

/// Whether `host` is `base` or below it; a base with a leading dot means below only.
fn host_within(host: &str, base: &str) -> bool {
    if base.is_empty() {
        return true;
    }
    let below =
        |parent: &str| host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1);
    match base.strip_prefix('.') {
        Some(parent) => below(parent),
        None => host == base || below(base),
    }
}

/// Whether `host` is `base`; a base with a leading dot means every host below. For e-mail and URI.
fn exact_host_within(host: &str, base: &str) -> bool {
    if base.starts_with('.') { host_within(host, base) } else { host == base }
}

fn email_within(mail: &str, base: &str) -> Result<bool, Rule> {
    let malformed = || Rule::NameConstraint("a malformed e-mail address");
    let (local, host) = mail.split_once('@').ok_or_else(malformed)?;
    let host = host.to_ascii_lowercase();
    plain_host(&host).ok().ok_or_else(malformed)?;
    if local.is_empty() || local.contains('"') {
        return Err(malformed());
    }
    Ok(match base.split_once('@') {
        Some((base_local, base_host)) => local == base_local && host == base_host.to_ascii_lowercase(),
        None => base.is_empty() || exact_host_within(&host, &base.to_ascii_lowercase()),
    })
}

/// The host of a URI; one without a host name cannot be judged (RFC 5280 wants it refused).
fn uri_host(uri: &str) -> Result<&str, Rule> {
    let refused = || Rule::NameConstraint("a URI without a host name");
    let (_, rest) = uri.split_once("://").ok_or_else(refused)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    // An address in place of a name, v4 or v6, is no host name.
    let last = host.rsplit('.').next().unwrap_or_default();
    if host.starts_with('*') || last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refused());
    }
    plain_host(host).ok().ok_or_else(refused)
}

/// Whether an address lies in `base`: an address and a mask of the same length.
fn address_within(address: &[u8], base: &[u8]) -> Result<bool, Rule> {
    let malformed = Rule::NameConstraint("a malformed IP address");
    if !matches!(base.len(), 8 | 32) || !matches!(address.len(), 4 | 16) {
        return Err(malformed);
    }
    let Some((network, mask)) = base.split_at_checked(address.len()) else { return Ok(false) };
    if mask.len() != network.len() {
        return Ok(false);
    }
    Ok(address.iter().zip(network).zip(mask).all(|((own, net), mask)| own & mask == net & mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lie_where_rfc_5280_says() {
        for (host, base, is_within) in [
            ("a.gov.vn", "gov.vn", true),
            ("gov.vn", "gov.vn", true),
            ("notgov.vn", "gov.vn", false),
            ("gov.vn", ".gov.vn", false),
            ("a.gov.vn", ".gov.vn", true),
            ("*.gov.vn", "gov.vn", true),
        ] {
            assert_eq!(
                Base::Dns(host.into()).is_within(&Base::Dns(base.into())).unwrap(),
                is_within,
                "{host} {base}"
            );
        }
        for (mail, base, is_within) in [
            ("a@gov.vn", "gov.vn", true),
            ("a@b.gov.vn", "gov.vn", false),
            ("a@b.gov.vn", ".gov.vn", true),
            ("a@GOV.vn", "a@gov.VN", true),
            ("A@gov.vn", "a@gov.vn", false),
        ] {
            assert_eq!(email_within(mail, base).unwrap(), is_within, "{mail} {base}");
        }
        assert!(email_within("\"a@gov.vn\"@evil.test", "gov.vn").is_err());
        for (uri, base, is_within) in [
            ("ldap://gov.vn:389/x", "gov.vn", true),
            ("http://evil.test/gov.vn", "gov.vn", false),
            ("http://gov.vn@evil.test/", "gov.vn", false),
            ("http://a.gov.vn#@x", ".gov.vn", true),
        ] {
            assert_eq!(exact_host_within(uri_host(uri).unwrap(), base), is_within, "{uri} {base}");
        }
        for uri in ["urn:a", "http://10.0.0.1/", "http://[::1]/", "http:///x"] {
            assert!(uri_host(uri).is_err(), "{uri}");
        }
        assert!(address_within(&[10, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0]).unwrap());
        assert!(!address_within(&[11, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0]).unwrap());
    }

    #[test]
    fn an_excluded_subtree_catches_stars_and_other_case() {
        let excluded = Base::Dns("a.gov.vn".into());
        assert!(Base::Dns("*.gov.vn".into()).touches(&excluded).unwrap());
        assert!(!Base::Dns("*.b.gov.vn".into()).touches(&excluded).unwrap());
        assert!(Base::Email("A@gov.vn".into()).touches(&Base::Email("a@gov.vn".into())).unwrap());
    }
}
