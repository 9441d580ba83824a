//! Mutations that keep an input readable: after a change the lengths in DER, or the offsets in a PDF, are set right.

use crate::world::{element, elements, written};

/// Deepest element that is changed, counted in levels.
const MAX_DEPTH: usize = 24;
/// Octets in one of so many mutations are left as libFuzzer made them.
const RAW_IN: u32 = 4;

/// Mutates one element of a DER structure, or its octets; the lengths around it stay right.
pub fn der(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut dice = Dice(seed);
    if dice.below(RAW_IN) == 0 {
        return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    }
    match mutated(&data[..size], &mut dice, 0, max_size) {
        Some(new) if new.len() <= max_size && !new.is_empty() => {
            data[..new.len()].copy_from_slice(&new);
            new.len()
        }
        Some(_) | None => libfuzzer_sys::fuzzer_mutate(data, size, max_size),
    }
}

/// The elements with one of them, here or below, changed; `None` if these are no elements.
fn mutated(der: &[u8], dice: &mut Dice, depth: usize, max_size: usize) -> Option<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = elements(der)?.into_iter().map(<[u8]>::to_vec).collect();
    let at = dice.below(u32::try_from(parts.len()).ok()?);
    let at = usize::try_from(at).ok().filter(|at| *at < parts.len())?;
    let (tag, content) = (*parts[at].first()?, element(&parts[at])?.0.to_vec());
    if depth < MAX_DEPTH && dice.below(8) != 0 {
        // Bit strings have an octet before what may be an element in them.
        let skipped = usize::from(tag == 0x03 && content.len() > 2);
        if content.len() > 2 && elements(&content[skipped..]).is_some() {
            let inner = mutated(&content[skipped..], dice, depth + 1, max_size)?;
            parts[at] = written(tag, &[&content[..skipped], &inner]);
            return Some(parts.concat());
        }
    }
    match dice.below(8) {
        0 => drop(parts.remove(at)),
        1 => parts.insert(at, parts[at].clone()),
        2 => parts.swap(at, usize::try_from(dice.next()).ok()? % at.max(1)),
        3 => parts[at][0] = tag.wrapping_add(u8::try_from(dice.below(256)).ok()?),
        4 => parts[at] = written(0x30, &[&parts[at]]),
        _ => {
            let mut room = content.clone();
            room.resize(max_size.min(content.len() + 64), 0);
            let len =
                libfuzzer_sys::fuzzer_mutate(&mut room, content.len(), max_size.min(content.len() + 64));
            parts[at] = written(tag, &[&room[..len]]);
        }
    }
    Some(parts.concat())
}

/// Mutates a PDF anyhow, then mostly sets the offsets in its tables and its `startxref` right.
pub fn pdf(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let size = libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    if Dice(seed).below(RAW_IN) != 0 {
        set_offsets(&mut data[..size]);
    }
    size
}

/// Overwrites each offset in place, so that the length stays: `N G obj` is looked for before its table.
fn set_offsets(pdf: &mut [u8]) {
    let mut last_table = None;
    let mut from = 0;
    while let Some(at) = find(pdf, b"xref", from) {
        from = at + 4;
        if at >= 5 && &pdf[at - 5..at] == b"start" {
            if let Some(table) = last_table {
                set_number(pdf, at + 4, table);
            }
        } else {
            last_table = Some(at);
            set_rows(pdf, at);
        }
    }
}

fn set_rows(pdf: &mut [u8], table: usize) {
    let mut at = table + 4;
    while let Some((mut number, after)) = number(pdf, at) {
        let Some((n_rows, after)) = self::number(pdf, after) else { return };
        at = after;
        for _ in 0..n_rows.min(512) {
            let Some(start) = (at..pdf.len()).find(|at| pdf[*at].is_ascii_digit()) else { return };
            let Some(row) = pdf.get(start..start + 18) else { return };
            if row[17] == b'n' {
                let name = format!("\n{number} ");
                let place = rfind(&pdf[..table], name.as_bytes()).map_or(0, |at| at + 1);
                pdf[start..start + 10].copy_from_slice(format!("{place:010}").as_bytes());
            }
            at = start + 18;
            number = number.saturating_add(1);
        }
    }
}

/// Overwrites the number after `at`, if the new one has room in it.
fn set_number(pdf: &mut [u8], at: usize, value: usize) {
    let Some(start) = (at..pdf.len().min(at + 4)).find(|at| pdf[*at].is_ascii_digit()) else { return };
    let len = pdf[start..].iter().take_while(|byte| byte.is_ascii_digit()).count().min(20);
    let text = format!("{value:0len$}");
    if text.len() == len {
        pdf[start..start + len].copy_from_slice(text.as_bytes());
    }
}

fn number(pdf: &[u8], at: usize) -> Option<(usize, usize)> {
    let start = (at..pdf.len()).find(|at| !pdf[*at].is_ascii_whitespace())?;
    let len = pdf[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = std::str::from_utf8(&pdf[start..start + len]).ok()?.parse().ok()?;
    Some((value, start + len))
}

fn find(pdf: &[u8], what: &[u8], from: usize) -> Option<usize> {
    pdf.get(from..)?.windows(what.len()).position(|window| window == what).map(|at| at + from)
}

fn rfind(pdf: &[u8], what: &[u8]) -> Option<usize> {
    pdf.windows(what.len()).rposition(|window| window == what)
}

/// Pseudo-random numbers from libFuzzer's seed, so that a run can be repeated.
struct Dice(u32);

impl Dice {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }

    fn below(&mut self, end: u32) -> u32 {
        self.next().checked_rem(end).unwrap_or_default()
    }
}
