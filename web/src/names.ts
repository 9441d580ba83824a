/** Vietnamese names: family, middle, given. People are looked up by the given name, and without minding marks. */

const order = new Intl.Collator('vi', { sensitivity: 'variant' });

export function given(name: string): string {
  return name.trim().split(/\s+/).at(-1) ?? '';
}

export function byGivenName(a: { name: string }, b: { name: string }): number {
  return order.compare(given(a.name), given(b.name)) || order.compare(a.name, b.name);
}

/** Lower case without marks, `đ` as `d`: two texts that a searcher would call the same fold alike. */
export function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().replaceAll('đ', 'd').normalize('NFC');
}
