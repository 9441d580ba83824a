/** Where each word of a page goes, in units that grow with the page; and which words a searcher meant. */
import type { PageWords, Word } from './api/types';
import { fold } from './names';

export interface Placed {
  text: string;
  style: Record<string, string>;
}

/** Share of a word's box that its letters' size takes; the rest is room for marks above and tails below. */
const LETTER_SHARE = 0.88;

/** Each word with the space or line break that follows it, so that a selection copies as text. */
export function laidOut({ width, height, words }: PageWords, measure = measured): Placed[] {
  return words.map((word, i) => {
    const next = words[i + 1];
    const size = word.h * LETTER_SHARE;
    const natural = measure(word.text) * size;
    return {
      text: word.text + (next === undefined ? '' : breaksAfter(word, next) ? '\n' : ' '),
      style: {
        left: percent(word.x / width),
        top: percent(word.y / height),
        height: percent(word.h / height),
        'font-size': `${((size / width) * 100).toFixed(4)}cqw`,
        transform: natural > 0 ? `scaleX(${(word.w / natural).toFixed(4)})` : 'none',
      },
    };
  });
}

/** The words that the query's words meet in a row; if they never stand in a row, each where it stands. */
export function hitsOf(words: readonly Word[], query: string): Set<number> {
  const sought = query.split(/\s+/).map(bare).filter((term) => term !== '');
  const found = new Set<number>();
  if (sought.length === 0) return found;
  const texts = words.map(({ text }) => bare(text));
  for (let i = 0; i + sought.length <= texts.length; i += 1) {
    if (sought.every((term, k) => texts[i + k] === term)) sought.forEach((_, k) => found.add(i + k));
  }
  if (found.size === 0) texts.forEach((text, i) => sought.includes(text) && found.add(i));
  return found;
}

function bare(text: string): string {
  return fold(text).replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
}

function breaksAfter(word: Word, next: Word): boolean {
  return next.y > word.y + word.h * 0.6 || next.x < word.x;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(4)}%`;
}

let pen: CanvasRenderingContext2D | null = null;

/** Width of a text set at size 1 in the layer's font. */
function measured(text: string): number {
  pen ??= document.createElement('canvas').getContext('2d');
  if (pen === null) return 0;
  pen.font = '100px serif';
  return pen.measureText(text).width / 100;
}
