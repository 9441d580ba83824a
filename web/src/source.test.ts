// What the content security policy would refuse at the reader's desk is refused here first.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const BANNED: [RegExp, string][] = [
  [/\{@html/, 'markup from a string'],
  [/\sstyle="|\sstyle=\{|<[^>]*\sstyle:/, 'a style attribute'],
  [/\beval\(|new Function\(|\.innerHTML\b|\.outerHTML\b|insertAdjacentHTML/, 'text run or parsed as code'],
  [/\bhttps?:\/\//, 'an address outside the appliance'],
  [/\son[a-z]+="/, 'an inline handler'],
];

/** Names of XML vocabularies are no addresses: nothing is fetched from them. */
const NAMESPACE = /https?:\/\/www\.w3\.org\/2000\/svg/g;

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

test('nothing in the client needs a weaker content security policy', () => {
  const found = [...files('src'), ...files('public'), 'index.html']
    .filter((file) => /\.(svelte|ts|css|html|svg)$/.test(file) && !file.endsWith('.test.ts'))
    .flatMap((file) => {
      const text = readFileSync(file, 'utf8').replaceAll(NAMESPACE, '');
      return BANNED.filter(([pattern]) => pattern.test(text)).map(([, what]) => `${file}: ${what}`);
    });
  expect(found).toEqual([]);
});

test('only one file knows the addresses of the interface', () => {
  const others = files('src').filter((file) => /\.(svelte|ts)$/.test(file) && !/api[\\/]client\.ts$|\.test\.ts$/.test(file));
  expect(others.filter((file) => /['"`]\/api\//.test(readFileSync(file, 'utf8')))).toEqual([]);
});
