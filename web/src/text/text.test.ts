import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CODES, Problem } from '../api/problem';
import { en } from './en';
import { vi } from './vi';

describe('the catalogue', () => {
  test('every code has a sentence in both languages that ends like one', () => {
    for (const messages of [vi, en]) {
      for (const code of CODES) {
        const said = messages.problems[code](new Problem(code, 422));
        expect(said.length).toBeGreaterThan(20);
        expect(said).toMatch(/\.$/);
      }
      expect(Object.keys(messages.problems).sort()).toEqual([...CODES].sort());
    }
  });

  test('a wrong PIN says how many tries are left', () => {
    expect(vi.problems['pin-incorrect'](new Problem('pin-incorrect', 422, { tries_left: 4 }))).toContain('Còn 4 lần thử');
    expect(vi.problems['pin-incorrect'](new Problem('pin-incorrect', 422, { tries_left: 1 }))).toContain('Chỉ còn 1 lần thử');
  });

  test('Vietnamese is written in NFC with the official placing of marks', () => {
    const text = JSON.stringify(vi, (_, value: unknown) => (typeof value === 'function' ? String(value) : value));
    expect(text).toBe(text.normalize('NFC'));
    expect(text).not.toMatch(/\b(toạ|hoá|uỷ|thuý)\b/);
  });

  test('no developer words, no double spaces, on screen', () => {
    const text = strings(vi).join('\n');
    expect(text).not.toMatch(/\b(API|JSON|error|server|token|null|undefined|ID|UUID|HTTP|session|upload|click)\b/i);
    expect(text).not.toMatch(/ {2}|\.{3}/);
  });
});

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(strings);
  return [];
}

test('every act of the log has a name in both languages', () => {
  const acts = [...readFileSync('../audit/src/act.rs', 'utf8').matchAll(/^ {4}\w+ = "([a-z-]+)",$/gm)].map(([, act]) => act);
  expect(acts.length).toBeGreaterThan(30);
  for (const language of [vi, en]) expect(Object.keys(language.entryKind).sort()).toEqual(acts.toSorted());
});
