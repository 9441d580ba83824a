//! A writer of XML 1.0 that keeps foreign text harmless.
//!
//! The report needs elements, attributes and text, and its bytes must not depend on a library's version; what a library
//! leaves to its caller, the characters that XML 1.0 does not allow at all, is the part that matters here.

/// Text of one document, with its elements opened and closed in pairs.
#[derive(Debug, Default)]
pub(super) struct Writer {
    text: String,
    depth: usize,
}

/// Attributes of one element, in the order in which they are written.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Writer {
    /// An element that holds elements.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        content: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        self.text.push('\n');
        self.depth = self.depth.saturating_add(1);
        content(self);
        self.depth = self.depth.saturating_sub(1);
        self.indent();
        self.close(name);
    }

    /// An element that holds text.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.open(name, attributes);
        push_escaped(&mut self.text, text);
        self.close(name);
    }

    /// An element that holds nothing.
    pub(super) fn empty(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.leaf(name, attributes, "");
    }

    /// The document.
    pub(super) fn finish(self) -> String {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", self.text)
    }

    fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.indent();
        self.text.push('<');
        self.text.push_str(name);
        for (key, value) in attributes {
            self.text.push(' ');
            self.text.push_str(key);
            self.text.push_str("=\"");
            push_escaped(&mut self.text, value);
            self.text.push('"');
        }
        self.text.push('>');
    }

    fn close(&mut self, name: &'static str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push_str(">\n");
    }

    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
    }
}

/// Source: `docs/sources.md`, entry `xml` (2.2, 2.4, 2.11, 3.3.3).
fn push_escaped(text: &mut String, foreign: &str) {
    for c in foreign.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            // A reader would turn these into other white space.
            '\t' => text.push_str("&#9;"),
            '\n' => text.push_str("&#10;"),
            '\r' => text.push_str("&#13;"),
            c if is_allowed(c) => text.push(c),
            _ => text.push(char::REPLACEMENT_CHARACTER),
        }
    }
}

/// Whether the character may stand in a document of XML 1.0 at all.
const fn is_allowed(c: char) -> bool {
    matches!(c, '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_neither_ends_its_element_nor_breaks_the_document() {
        let mut writer = Writer::default();
        writer.leaf("a", &[("b", "\"<&>\n")], "</a>]]>\0\u{8}\u{fffe}\r");
        let text = "<a b=\"&quot;&lt;&amp;&gt;&#10;\">&lt;/a&gt;]]&gt;\u{fffd}\u{fffd}\u{fffd}&#13;</a>\n";
        assert_eq!(writer.finish(), format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}"));
    }
}
