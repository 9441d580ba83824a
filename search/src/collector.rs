//! Gathers pages into documents: how many documents match, and the best page of the best ones.

use std::collections::HashMap;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

/// A document's best page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Best {
    pub(crate) score: Score,
    pub(crate) page: u64,
    pub(crate) address: DocAddress,
}

impl Best {
    /// True if this page goes before that one: higher score, then earlier page.
    fn is_before(&self, other: &Self) -> bool {
        self.score.total_cmp(&other.score).then(other.page.cmp(&self.page)).is_gt()
    }
}

/// The documents that match, all counted, the first `limit` of them in order.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) total: usize,
    pub(crate) best: Vec<Best>,
}

/// Collects by the fast fields `key` (one value a document) and `page`.
#[derive(Debug)]
pub(crate) struct ByDocument {
    pub(crate) limit: usize,
}

pub(crate) struct OfSegment {
    segment: SegmentOrdinal,
    keys: Column<u64>,
    pages: Column<u64>,
    best: HashMap<u64, Best>,
}

fn keep(best: &mut HashMap<u64, Best>, key: u64, found: Best) {
    best.entry(key)
        .and_modify(|kept| {
            if found.is_before(kept) {
                *kept = found;
            }
        })
        .or_insert(found);
}

impl SegmentCollector for OfSegment {
    type Fruit = HashMap<u64, Best>;

    fn collect(&mut self, doc: DocId, score: Score) {
        let (Some(key), Some(page)) = (self.keys.first(doc), self.pages.first(doc)) else { return };
        let address = DocAddress::new(self.segment, doc);
        keep(&mut self.best, key, Best { score, page, address });
    }

    fn harvest(self) -> Self::Fruit {
        self.best
    }
}

impl Collector for ByDocument {
    type Fruit = Gathered;
    type Child = OfSegment;

    fn for_segment(&self, segment: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<OfSegment> {
        let fast = reader.fast_fields();
        Ok(OfSegment { segment, keys: fast.u64("key")?, pages: fast.u64("page")?, best: HashMap::new() })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, fruits: Vec<HashMap<u64, Best>>) -> tantivy::Result<Gathered> {
        let mut all = HashMap::new();
        for (key, best) in fruits.into_iter().flatten() {
            keep(&mut all, key, best);
        }
        let total = all.len();
        let mut best: Vec<_> = all.into_iter().collect();
        // Equal scores in the order of the keys: the same query gives the same list.
        best.sort_unstable_by(|(a_key, a), (b_key, b)| b.score.total_cmp(&a.score).then(a_key.cmp(b_key)));
        best.truncate(self.limit);
        Ok(Gathered { total, best: best.into_iter().map(|(_, best)| best).collect() })
    }
}
