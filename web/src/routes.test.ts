import { describe, expect, test } from 'vitest';
import { key, match, path, sameScreen } from './routes';

const id = '6f1c0b0e-8a55-4d0e-9d0e-5d3f3f6c1a11';

const every: Record<keyof typeof path, string> = {
  meetings: path.meetings(),
  newMeeting: path.newMeeting(),
  meeting: path.meeting(id),
  document: path.document(id, { page: 3, words: 'định danh' }),
  vote: path.vote(id),
  resolution: path.resolution(id),
  search: path.search('định danh'),
  lists: path.lists(),
  audit: path.audit(),
  passkeys: path.passkeys(),
};

function open(address: string) {
  const url = new URL(address, 'https://appliance.test');
  return match(url.pathname, url.search);
}

describe('routes', () => {
  test('every address and the screen it opens', () => {
    expect(Object.entries(every).map(([name, address]) => [name, address, open(address)])).toMatchSnapshot();
  });

  test('an address of nobody is unknown', () => {
    for (const address of ['/nothing', '/meetings', '/votes', '/votes/a/b', '/audit/x', '/documents/%E0%A4%A/b']) {
      expect(open(address)).toEqual({ screen: 'unknown' });
    }
  });

  test('a page number that is none is ignored', () => {
    for (const page of ['0', '-1', '1.5', 'x', '']) expect(open(`/documents/a?page=${page}`)).toMatchObject({ page: null });
  });

  test('an identifier cannot leave its place in the address', () => {
    expect(path.vote('../a b')).toBe('/votes/..%2Fa%20b');
    expect(open(path.vote('a/b'))).toEqual({ screen: 'vote', vote: 'a/b' });
  });

  test('a query changes the search, not the screen', () => {
    expect(sameScreen(open('/search?q=a'), open('/search?q=b'))).toBe(true);
    expect(key(open('/votes/a'))).not.toBe(key(open('/votes/b')));
  });
});
