//! The log as files that never change: tiles of 256 hashes and bundles of 256 entries.
//!
//! Paths and bytes are those of C2SP `tlog-tiles`, so that any client of such logs can follow ours.
//! Everything here is derived from the entries, bit for bit, as often as wanted.
//!
//! Source: `docs/sources.md`, entry `tlog-tiles`.

use std::fmt;
use std::str::FromStr;

use crate::merkle::Tree;

/// How many hashes a full tile holds, and how many entries a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// The same, for counting entries.
const PARTS: u64 = 256;
/// The highest level in a path.
const MAX_LEVEL: u8 = 63;
/// How many levels of the tree one level of tiles spans.
const LEVELS_PER_TILE: usize = 8;

/// What a tile holds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Content {
    /// The entries themselves.
    Entries,
    /// Hashes; level 0 are the leaves'.
    Hashes {
        /// 0 to 63; a tree that fits in memory has no tile above 7.
        level: u8,
    },
}

/// One file of the log: full with 256 parts, or partial with as many as `width` says.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tile {
    content: Content,
    index: u64,
    width: u16,
}

/// The text is no path of a tile.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a tile's path: ask for tile/<level>/<index>[.p/<width>] or tile/entries/<index>[.p/<width>]")]
pub struct NotATile;

/// An entry is longer than the format can say.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an entry of more than 65535 bytes does not fit into an entry bundle: refuse it before it is logged")]
pub struct EntryTooLong;

impl Tile {
    /// Names a tile of `width` parts, 1 to 256.
    ///
    /// # Errors
    ///
    /// [`NotATile`]: a width or level that no path can say.
    pub fn new(content: Content, index: u64, width: u16) -> Result<Self, NotATile> {
        let has_level = match content {
            Content::Entries => true,
            Content::Hashes { level } => level <= MAX_LEVEL,
        };
        if has_level && (1..=TILE_WIDTH).contains(&width) {
            Ok(Self { content, index, width })
        } else {
            Err(NotATile)
        }
    }

    /// What it holds.
    #[must_use]
    pub const fn content(&self) -> Content {
        self.content
    }

    /// Its place within its level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many parts it holds, 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// The first part's place within its level, and the place after the last.
    #[must_use]
    pub fn range(&self) -> Option<(u64, u64)> {
        let start = self.index.checked_mul(PARTS)?;
        Some((start, start.checked_add(u64::from(self.width))?))
    }

    /// Every tile that a tree of `size` leaves has, entries first, then level by level.
    #[must_use]
    pub fn all_at(size: u64) -> Vec<Self> {
        Self::new_between(0, size)
    }

    /// The tiles of a tree of `new` leaves that differ from those of `old` leaves: what a sequencer
    /// writes before it signs the new checkpoint.
    #[must_use]
    pub fn new_between(old: u64, new: u64) -> Vec<Self> {
        let mut tiles = Vec::new();
        push_row(&mut tiles, Content::Entries, old, new);
        let (mut old_row, mut new_row) = (old, new);
        for level in 0..=MAX_LEVEL {
            if new_row == 0 {
                break;
            }
            push_row(&mut tiles, Content::Hashes { level }, old_row, new_row);
            (old_row, new_row) = (old_row / PARTS, new_row / PARTS);
        }
        tiles
    }

    /// The bytes of a tile of hashes, 32 each; `None` if the tree is not that large, or for entries.
    #[must_use]
    pub fn hashes(&self, tree: &Tree) -> Option<Vec<u8>> {
        let Content::Hashes { level } = self.content else { return None };
        let row = tree.row(usize::from(level).checked_mul(LEVELS_PER_TILE)?);
        let (start, end) = self.range()?;
        let hashes = row.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?;
        Some(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
    }
}

/// The bytes of an entry bundle: each entry after its length in two bytes, big-endian.
///
/// # Errors
///
/// [`EntryTooLong`].
pub fn entry_bundle(entries: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Vec<u8>, EntryTooLong> {
    let mut bytes = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        let len = u16::try_from(entry.len()).ok().ok_or(EntryTooLong)?;
        bytes.extend(len.to_be_bytes());
        bytes.extend(entry);
    }
    Ok(bytes)
}

fn push_row(tiles: &mut Vec<Tile>, content: Content, old: u64, new: u64) {
    if old >= new {
        return;
    }
    let (first, n_full) = (old / PARTS, new / PARTS);
    tiles.extend((first..n_full).map(|index| Tile { content, index, width: TILE_WIDTH }));
    if let Ok(rest @ 1..) = u16::try_from(new % PARTS) {
        tiles.push(Tile { content, index: n_full, width: rest });
    }
}

impl fmt::Display for Tile {
    /// The path in the form of C2SP, without a leading slash: `tile/0/x001/234.p/7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Entries => f.write_str("tile/entries")?,
            Content::Hashes { level } => write!(f, "tile/{level}")?,
        }
        let mut groups = vec![format!("{:03}", self.index % 1_000)];
        let mut rest = self.index / 1_000;
        while rest != 0 {
            groups.push(format!("x{:03}", rest % 1_000));
            rest /= 1_000;
        }
        for group in groups.iter().rev() {
            write!(f, "/{group}")?;
        }
        if self.width == TILE_WIDTH { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for Tile {
    type Err = NotATile;

    fn from_str(path: &str) -> Result<Self, NotATile> {
        let rest = path.strip_prefix("tile/").ok_or(NotATile)?;
        let (content, rest) = rest.split_once('/').ok_or(NotATile)?;
        let content = match content {
            "entries" => Content::Entries,
            level => Content::Hashes { level: level.parse().ok().ok_or(NotATile)? },
        };
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((index, width)) => (index, width.parse().ok().ok_or(NotATile)?),
        };
        let digits = index.replace("/x", "").replace(['x', '/'], "");
        let tile = Self::new(content, digits.parse().ok().ok_or(NotATile)?, width)?;
        // One spelling only: what would be written otherwise is not ours.
        if tile.to_string() == path { Ok(tile) } else { Err(NotATile) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::leaf_hash;

    fn tree(n: u64) -> Tree {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn path(content: Content, index: u64, width: u16) -> String {
        Tile::new(content, index, width).unwrap().to_string()
    }

    #[test]
    fn paths_are_those_of_c2sp_both_ways() {
        let level = |level| Content::Hashes { level };
        for (content, index, width, expected) in [
            (level(0), 0, 256, "tile/0/000"),
            (level(0), 1_234_067, 256, "tile/0/x001/x234/067"),
            (level(2), 999, 17, "tile/2/999.p/17"),
            (level(63), 1_000, 255, "tile/63/x001/000.p/255"),
            (Content::Entries, 273, 112, "tile/entries/273.p/112"),
        ] {
            assert_eq!(path(content, index, width), expected);
            assert_eq!(expected.parse(), Tile::new(content, index, width));
        }
        for wrong in [
            "tile/0/0",
            "tile/00/000",
            "tile/64/000",
            "tile/0/x000/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/001/x234/067",
            "tile/0/x1234/067",
            "tile/8/0/000",
            "/tile/0/000",
            "tile/data/000",
            "tile/0/000/",
            "tile/0/-01",
            "tile/0/+01",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
        ] {
            assert_eq!(wrong.parse::<Tile>(), Err(NotATile), "{wrong}");
        }
    }

    #[test]
    fn a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() {
        let tiles = Tile::all_at(70_000);
        let n = |content, is_full| {
            tiles
                .iter()
                .filter(|tile| tile.content == content && (tile.width == TILE_WIDTH) == is_full)
                .count()
        };
        assert_eq!(n(Content::Hashes { level: 0 }, true), 273);
        assert_eq!(n(Content::Hashes { level: 1 }, true), 1);
        assert_eq!(n(Content::Entries, true), 273);
        let partial: Vec<_> =
            tiles.iter().filter(|tile| tile.width != TILE_WIDTH).map(ToString::to_string).collect();
        assert_eq!(
            partial,
            ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
        );
        let of_256: Vec<_> = Tile::all_at(256).iter().map(ToString::to_string).collect();
        assert_eq!(of_256, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    }

    #[test]
    fn only_tiles_that_changed_are_new_and_nothing_is_missing() {
        for (old, new) in
            [(0, 0), (0, 5), (5, 5), (5, 300), (255, 257), (256, 512), (511, 513), (600, 70_000)]
        {
            let before = Tile::all_at(old);
            let mut expected = Tile::all_at(new);
            expected.retain(|tile| !before.contains(tile));
            assert_eq!(Tile::new_between(old, new), expected, "{old} to {new}");
        }
    }

    #[test]
    fn a_tile_above_holds_the_roots_of_the_full_tiles_below() {
        let tree = tree(70_000);
        let level_1 = Tile::new(Content::Hashes { level: 1 }, 0, 256).unwrap().hashes(&tree).unwrap();
        assert_eq!(level_1.len(), 8_192);
        for (i, hash) in (0..).zip(level_1.chunks(32)) {
            let below = Tile::new(Content::Hashes { level: 0 }, i, 256).unwrap().hashes(&tree).unwrap();
            let below: Tree = below
                .chunks(32)
                .map(|bytes| cabinet::Digest::from_bytes(bytes.try_into().unwrap()))
                .collect();
            assert_eq!(below.root().as_bytes().as_slice(), hash);
        }
        let level_2 = Tile::new(Content::Hashes { level: 2 }, 0, 1).unwrap().hashes(&tree).unwrap();
        assert_eq!(level_2, tree.root_at(65_536).unwrap().as_bytes());
        assert_eq!(Tile::new(Content::Hashes { level: 0 }, 273, 113).unwrap().hashes(&tree), None);
        assert_eq!(Tile::new(Content::Hashes { level: 40 }, 0, 1).unwrap().hashes(&tree), None);
    }

    #[test]
    fn an_entry_bundle_tells_lengths_and_hashes_to_its_tile() {
        let bytes = entry_bundle([b"ab".as_slice(), b"", b"c"]).unwrap();
        assert_eq!(bytes, b"\0\x02ab\0\0\0\x01c");
        assert_eq!(entry_bundle([vec![0; 65_536].as_slice()]), Err(EntryTooLong));
    }
}
