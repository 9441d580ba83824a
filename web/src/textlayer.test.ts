import { expect, test } from 'vitest';
import { hitsOf, laidOut } from './textlayer';

const words = ['Luật', 'định', 'danh,', 'điện', 'tử', 'quy', 'định', 'rõ'].map((text, i) => ({ text, x: (i % 4) * 100, y: i < 4 ? 50 : 80, w: 80, h: 20 }));

test('words are placed in shares of the page and stretched to their box', () => {
  const placed = laidOut({ width: 400, height: 800, words }, () => 2);
  expect(placed[1]).toEqual({
    text: 'định ',
    style: { left: '25.0000%', top: '6.2500%', height: '2.5000%', 'font-size': '4.4000cqw', transform: 'scaleX(2.2727)' },
  });
});

test('a selection copies with spaces and line breaks', () => {
  expect(laidOut({ width: 400, height: 800, words }, () => 2).map(({ text }) => text).join('')).toBe('Luật định danh, điện\ntử quy định rõ');
});

test('a phrase is marked where it stands in a row, with or without marks', () => {
  expect([...hitsOf(words, 'dinh danh')]).toEqual([1, 2]);
  expect([...hitsOf(words, 'Định Danh')]).toEqual([1, 2]);
});

test('words that never stand in a row are marked each', () => {
  expect([...hitsOf(words, 'rõ luật')]).toEqual([0, 7]);
  expect(hitsOf(words, ' ').size).toBe(0);
});
