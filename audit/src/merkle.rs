//! The Merkle tree over the log's entries: roots, inclusion proofs, consistency proofs and their checks.
//!
//! Hashes, proofs and checks are those of RFC 9162, section 2.1, with SHA-256 (the same as RFC 6962).
//!
//! Source: `docs/sources.md`, entry `rfc9162`.

use cabinet::Digest;
use sha2::{Digest as _, Sha256};

/// The hash of a leaf: SHA-256 over a zero byte and the entry's bytes.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// The hash of an inner node: SHA-256 over a one byte and both children.
fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let hash = Sha256::new().chain_update([1]).chain_update(left.as_bytes()).chain_update(right.as_bytes());
    Digest::from_bytes(hash.finalize().into())
}

/// A whole tree in memory, 64 bytes a leaf.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Invariant: `levels[k][i]` is the root over the 2^k leaves from `i * 2^k` on, all of them present.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// Adds a leaf at the right. Costs one hash on average.
    pub fn append(&mut self, leaf: Digest) {
        let mut hash = leaf;
        let mut level = 0_usize;
        loop {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let Some(row) = self.levels.get_mut(level) else { return };
            row.push(hash);
            // An even number in the row means that the newest two make a complete node above.
            match row.as_slice() {
                [.., left, right] if row.len().is_multiple_of(2) => hash = node_hash(left, right),
                _ => return,
            }
            level = level.saturating_add(1);
        }
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| u64::try_from(leaves.len()).unwrap_or(u64::MAX))
    }

    /// The root over all leaves.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.root_at(self.size()).unwrap_or_else(|| Digest::of(&[]))
    }

    /// The root over the first `size` leaves; `None` if there are fewer.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Digest> {
        self.over(0, usize::try_from(size).ok()?)
    }

    /// The proof that leaf `index` is in the tree of the first `size` leaves, from the leaf upwards;
    /// `None` if there is no such leaf.
    #[must_use]
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Digest>> {
        if index >= size || size > self.size() {
            return None;
        }
        let index = usize::try_from(index).ok()?;
        let (mut start, mut len) = (0_usize, usize::try_from(size).ok()?);
        let mut proof = Vec::new();
        while len > 1 {
            let left = split(len);
            let (middle, right) = (start.checked_add(left)?, len.checked_sub(left)?);
            if index < middle {
                proof.push(self.over(middle, right)?);
                len = left;
            } else {
                proof.push(self.over(start, left)?);
                (start, len) = (middle, right);
            }
        }
        proof.reverse();
        Some(proof)
    }

    /// The proof that the tree of the first `new` leaves extends that of the first `old` ones; `None` if
    /// `old` is the larger, or there are fewer leaves.
    #[must_use]
    pub fn consistency(&self, old: u64, new: u64) -> Option<Vec<Digest>> {
        if old > new || new > self.size() {
            return None;
        }
        if old == 0 {
            return Some(Vec::new());
        }
        let (mut start, mut len, mut wanted) =
            (0_usize, usize::try_from(new).ok()?, usize::try_from(old).ok()?);
        let mut proof = Vec::new();
        while wanted != len {
            let left = split(len);
            let (middle, right) = (start.checked_add(left)?, len.checked_sub(left)?);
            if wanted <= left {
                proof.push(self.over(middle, right)?);
                len = left;
            } else {
                proof.push(self.over(start, left)?);
                wanted = wanted.checked_sub(left)?;
                (start, len) = (middle, right);
            }
        }
        // The verifier knows the old root; any other subtree where both trees part he must be told.
        if start != 0 {
            proof.push(self.over(start, len)?);
        }
        proof.reverse();
        Some(proof)
    }

    /// The row of complete subtrees of 2^`level` leaves.
    pub(crate) fn row(&self, level: usize) -> &[Digest] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// The root over `len` leaves from `start` on.
    fn over(&self, start: usize, len: usize) -> Option<Digest> {
        if len == 0 {
            return Some(Digest::of(&[]));
        }
        if len.is_power_of_two() && start.is_multiple_of(len) {
            let row = self.levels.get(usize::try_from(len.trailing_zeros()).ok()?)?;
            return row.get(start.checked_div(len)?).copied();
        }
        let left = split(len);
        let right = self.over(start.checked_add(left)?, len.checked_sub(left)?)?;
        Some(node_hash(&self.over(start, left)?, &right))
    }
}

impl Extend<Digest> for Tree {
    fn extend<T: IntoIterator<Item = Digest>>(&mut self, leaves: T) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

impl FromIterator<Digest> for Tree {
    fn from_iter<T: IntoIterator<Item = Digest>>(leaves: T) -> Self {
        let mut tree = Self::default();
        tree.extend(leaves);
        tree
    }
}

/// The largest power of two below `len`, which is at least 2.
const fn split(len: usize) -> usize {
    len.div_ceil(2).next_power_of_two()
}

/// Whether `proof` shows `leaf` at `index` in the tree of `size` leaves with this `root`.
///
/// Source: RFC 9162, section 2.1.3.2.
#[must_use]
pub fn is_included(leaf: Digest, index: u64, size: u64, root: Digest, proof: &[Digest]) -> bool {
    let (mut node, mut last) = match size.checked_sub(1) {
        Some(last) if index <= last => (index, last),
        Some(_) | None => return false,
    };
    let mut hash = leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if is_odd(node) || node == last {
            hash = node_hash(sibling, &hash);
            while !is_odd(node) && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && hash == root
}

/// Whether `proof` shows that the tree `(new size, new root)` extends the tree `(old size, old root)`.
///
/// Source: RFC 9162, section 2.1.4.2.
#[must_use]
pub fn is_consistent(old: (u64, Digest), new: (u64, Digest), proof: &[Digest]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    let (Some(mut node), Some(mut last)) = (old_size.checked_sub(1), new_size.checked_sub(1)) else {
        return old_size == 0
            && old_root == Digest::of(&[])
            && proof.is_empty()
            && (new_size != 0 || new_root == old_root);
    };
    if old_size >= new_size {
        return old == new && proof.is_empty();
    }
    while is_odd(node) {
        (node, last) = (node >> 1, last >> 1);
    }
    let (first, rest) = match proof.split_first() {
        // The old tree is one complete subtree: its own root begins the proof, unsaid.
        Some(_) if old_size.is_power_of_two() => (old_root, proof),
        Some((first, rest)) => (*first, rest),
        None => return false,
    };
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if is_odd(node) || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while !is_odd(node) && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && old_hash == old_root && new_hash == new_root
}

const fn is_odd(n: u64) -> bool {
    n & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The eight leaves and roots by which Certificate Transparency's implementations are compared.
    const CT_LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const CT_ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    const N: u64 = 200;

    fn leaves(n: u64) -> Vec<Digest> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    /// MTH as RFC 9162 writes it, without any store.
    fn mth(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(&[]),
            [leaf] => *leaf,
            [..] => {
                let mut k = 1;
                while k * 2 < leaves.len() {
                    k *= 2;
                }
                node_hash(&mth(&leaves[..k]), &mth(&leaves[k..]))
            }
        }
    }

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let tree: Tree = CT_LEAVES.iter().map(|leaf| leaf_hash(&hex::decode(leaf).unwrap())).collect();
        for (size, root) in (0..).zip(CT_ROOTS) {
            assert_eq!(tree.root_at(size).unwrap().to_string(), root, "{size} leaves");
        }
        assert_eq!(tree.root_at(9), None);
    }

    #[test]
    fn every_root_is_the_one_of_the_definition() {
        let leaves = leaves(N);
        let tree: Tree = leaves.iter().copied().collect();
        for size in 0..=N {
            assert_eq!(
                tree.root_at(size),
                Some(mth(&leaves[..usize::try_from(size).unwrap()])),
                "{size} leaves"
            );
        }
    }

    #[test]
    fn every_leaf_is_proved_in_every_tree_and_nowhere_else() {
        let leaves = leaves(N);
        let tree: Tree = leaves.iter().copied().collect();
        for size in 1..=N {
            let root = tree.root_at(size).unwrap();
            for index in 0..size {
                let leaf = leaves[usize::try_from(index).unwrap()];
                let proof = tree.inclusion(index, size).unwrap();
                assert!(is_included(leaf, index, size, root, &proof), "leaf {index} of {size}");
                assert!(
                    !is_included(leaf, index ^ 1, size, root, &proof),
                    "leaf {index} of {size}, neighbour's place"
                );
                assert!(
                    !is_included(leaf, index, size, leaf_hash(b"x"), &proof),
                    "leaf {index} of {size}, other root"
                );
            }
            assert_eq!(tree.inclusion(size, size), None);
        }
        assert_eq!(tree.inclusion(0, N + 1), None);
    }

    #[test]
    fn every_tree_is_proved_to_extend_every_smaller_one() {
        let tree: Tree = leaves(N).into_iter().collect();
        for new in 0..=N {
            let new_root = tree.root_at(new).unwrap();
            for old in 0..=new {
                let old_root = tree.root_at(old).unwrap();
                let proof = tree.consistency(old, new).unwrap();
                assert!(is_consistent((old, old_root), (new, new_root), &proof), "{old} in {new}");
                if old != 0 {
                    assert!(
                        !is_consistent((old, leaf_hash(b"x")), (new, new_root), &proof),
                        "{old} in {new}"
                    );
                    if old != new {
                        assert!(
                            !is_consistent((old, old_root), (new, leaf_hash(b"x")), &proof),
                            "{old} in {new}"
                        );
                        assert!(!is_consistent((new, new_root), (old, old_root), &proof), "{new} in {old}");
                    }
                }
            }
        }
        assert_eq!(tree.consistency(2, 1), None);
        assert_eq!(tree.consistency(1, N + 1), None);
    }

    #[test]
    fn a_proof_with_one_bit_flipped_a_hash_more_or_a_hash_less_is_refused() {
        let leaves = leaves(61);
        let tree: Tree = leaves.iter().copied().collect();
        let root = tree.root();
        for index in 0..61 {
            let leaf = leaves[usize::try_from(index).unwrap()];
            let proof = tree.inclusion(index, 61).unwrap();
            for broken in broken(&proof) {
                assert!(!is_included(leaf, index, 61, root, &broken), "leaf {index}");
            }
        }
        for old in 1..61 {
            let old_root = tree.root_at(old).unwrap();
            let proof = tree.consistency(old, 61).unwrap();
            for broken in broken(&proof) {
                assert!(!is_consistent((old, old_root), (61, root), &broken), "{old} in 61");
            }
        }
    }

    fn broken(proof: &[Digest]) -> Vec<Vec<Digest>> {
        let mut all = Vec::new();
        for i in 0..proof.len() {
            let mut bytes = *proof[i].as_bytes();
            bytes[i % 32] ^= 1 << (i % 8);
            let mut flipped = proof.to_vec();
            flipped[i] = Digest::from_bytes(bytes);
            all.push(flipped);
            let mut shorter = proof.to_vec();
            shorter.remove(i);
            all.push(shorter);
        }
        all.push([proof, &[leaf_hash(b"more")]].concat());
        all
    }
}
