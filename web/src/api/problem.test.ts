import { describe, expect, test } from 'vitest';
import { encode } from './client';
import { Problem } from './problem';

describe('answers that are not a success', () => {
  test('a known code keeps its details', () => {
    const problem = Problem.from(422, { code: 'pin-incorrect', tries_left: 3 }, null);
    expect([problem.code, problem.extra.tries_left, problem.undecided]).toEqual(['pin-incorrect', 3, false]);
  });

  test('a code nobody wrote a sentence for falls back on the status', () => {
    expect(Problem.from(404, { code: 'brand-new' }, null).code).toBe('not-found');
    expect(Problem.from(409, null, null).code).toBe('changed-meanwhile');
    expect(Problem.from(500, '<html>', null).code).toBe('internal');
  });

  test('how long to wait is read from the header', () => {
    expect(Problem.from(429, { code: 'too-many-tries' }, '60').extra.retry_after_s).toBe(60);
    expect(Problem.from(429, {}, 'soon').extra.retry_after_s).toBeUndefined();
  });

  test('only an answer that decides lets the next try have a new key', () => {
    expect(new Problem('no-connection', 0).undecided).toBe(true);
    expect(new Problem('token-unavailable', 503).undecided).toBe(true);
    expect(new Problem('changed-meanwhile', 409).undecided).toBe(true);
    expect(new Problem('pin-incorrect', 422).undecided).toBe(false);
    expect(new Problem('vote-closed', 409).undecided).toBe(false);
  });
});

test('what is typed leaves in NFC; statements and secrets leave untouched', () => {
  const typed = 'Định'.normalize('NFD');
  expect(JSON.parse(encode({ title: typed, statement: typed, activation: { pin: typed }, list: [typed] }))).toEqual({
    title: 'Định', statement: typed, activation: { pin: typed }, list: ['Định'],
  });
});
