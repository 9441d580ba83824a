//! The properties of an XMP packet.
//!
//! A reader for one purpose, not an XML parser: it takes what is well formed and steps over the rest. Every step consumes
//! input, nothing is expanded.

use super::metadata::{MAX_PROPERTIES, tidy};

/// XML nested deeper is not ours to understand.
const MAX_DEPTH: usize = 64;

/// Element text by the name of its property (`dc:title`), and attributes by their own.
pub(super) fn properties(packet: &str) -> Vec<(String, String)> {
    let mut reader = Reader::default();
    let mut rest = packet;
    while !rest.is_empty() && reader.properties.len() < MAX_PROPERTIES {
        rest = if let Some(raw) = rest.strip_prefix("<![CDATA[") {
            let (text, after) = cut(raw, "]]>");
            reader.text(text);
            after
        } else if let Some(comment) = rest.strip_prefix("<!--") {
            cut(comment, "-->").1
        } else if let Some(raw) = rest.strip_prefix('<') {
            let (tag, after) = cut(raw, ">");
            reader.tag(tag);
            after
        } else {
            let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            reader.text(&unescape(text));
            after
        };
    }
    reader.properties
}

#[derive(Default)]
struct Reader<'a> {
    open: Vec<&'a str>,
    properties: Vec<(String, String)>,
}

impl<'a> Reader<'a> {
    fn text(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        // `rdf:Alt`, `rdf:li` and the like only wrap a property's value.
        let name = self.open.iter().rev().find(|name| !name.starts_with("rdf:")).copied().unwrap_or_default();
        self.properties.push((name.to_owned(), tidy(text)));
    }

    fn tag(&mut self, tag: &'a str) {
        if let Some(name) = tag.strip_prefix('/') {
            if self.open.last().is_some_and(|last| *last == name.trim()) {
                self.open.pop();
            }
        } else if !tag.starts_with(['?', '!']) {
            let (name, mut rest) =
                tag.split_once(char::is_whitespace).unwrap_or((tag.trim_end_matches('/'), ""));
            while let Some((key, after)) = rest.split_once('=') {
                let after = after.trim_start();
                let Some(quote) = after.chars().next().filter(|c| matches!(c, '"' | '\'')) else { break };
                let (value, after) = cut(after.trim_start_matches(quote), quote.encode_utf8(&mut [0; 4]));
                self.properties.push((key.trim().to_owned(), tidy(&unescape(value))));
                rest = after;
            }
            if !tag.ends_with('/') && self.open.len() < MAX_DEPTH {
                self.open.push(name);
            }
        }
    }
}

/// What stands before and after `mark`; everything and nothing if there is none.
fn cut<'a>(text: &'a str, mark: &str) -> (&'a str, &'a str) {
    text.split_once(mark).unwrap_or((text, ""))
}

/// Undoes the five named and the numeric character references; others stay as they are.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (reference, tail) = cut(after, ";");
        match character(reference) {
            Some(letter) if tail.len() < after.len() => {
                plain.push(letter);
                rest = tail;
            }
            _ => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn character(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "apos" => Some('\''),
        "gt" => Some('>'),
        "lt" => Some('<'),
        "quot" => Some('"'),
        _ => {
            let number = reference.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_named_by_their_property() {
        let packet = r#"<?xpacket?><!-- <dc:no>x</dc:no> --><x:xmpmeta><rdf:RDF><rdf:Description pdf:Keywords="a &amp; b" xmp:X='1'>
            <dc:title><rdf:Alt><rdf:li xml:lang="vi">T&#x1ED0;I <![CDATA[MẬT]]></rdf:li></rdf:Alt></dc:title></rdf:Description>"#;
        let found = properties(packet);
        let has = |name: &str, value: &str| found.contains(&(name.to_owned(), value.to_owned()));
        assert!(has("pdf:Keywords", "a & b") && has("xmp:X", "1"), "{found:?}");
        assert!(has("dc:title", "TỐI") && has("dc:title", "MẬT"), "{found:?}");
        assert!(!found.iter().any(|(name, _)| name == "dc:no"));
    }

    #[test]
    fn broken_markup_ends() {
        for packet in ["<", "<a b=", "<a b='", "&", "&&#;", "</", "<![CDATA[", "<!--", "a<b<c>d", "<a =>"] {
            let _ignored = properties(packet);
        }
    }
}
