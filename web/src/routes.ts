/** Every address of the client: how it is built, and which screen it opens. */

export type Route =
  | { screen: 'meetings' }
  | { screen: 'new-meeting' }
  | { screen: 'meeting'; meeting: string }
  | { screen: 'document'; document: string; page: number | null; words: string }
  | { screen: 'vote'; vote: string }
  | { screen: 'resolution'; resolution: string }
  | { screen: 'search'; query: string }
  | { screen: 'lists' }
  | { screen: 'audit' }
  | { screen: 'passkeys' }
  | { screen: 'unknown' };

export const path = {
  meetings: () => '/',
  newMeeting: () => '/meetings/new',
  meeting: (meeting: string) => `/meetings/${encodeURIComponent(meeting)}`,
  document: (document: string, at: { page?: number; words?: string } = {}) =>
    `/documents/${encodeURIComponent(document)}` + query({ page: at.page?.toString(), q: at.words }),
  vote: (vote: string) => `/votes/${encodeURIComponent(vote)}`,
  resolution: (resolution: string) => `/resolutions/${encodeURIComponent(resolution)}`,
  search: (words = '') => '/search' + query({ q: words }),
  lists: () => '/lists',
  audit: () => '/audit',
  passkeys: () => '/passkeys',
} as const;

/** The screen of an address; an address that is nobody's is `unknown`, never an error. */
export function match(pathname: string, search: string): Route {
  const [head, id, ...rest] = pathname.split('/').filter((part) => part !== '').map(decode);
  const asked = new URLSearchParams(search);
  if (rest.length > 0) return { screen: 'unknown' };
  if (head === undefined) return { screen: 'meetings' };
  if (id === undefined) {
    if (head === 'search') return { screen: 'search', query: (asked.get('q') ?? '').normalize('NFC') };
    if (head === 'lists') return { screen: 'lists' };
    if (head === 'audit') return { screen: 'audit' };
    if (head === 'passkeys') return { screen: 'passkeys' };
    return { screen: 'unknown' };
  }
  switch (head) {
    case 'meetings':
      return id === 'new' ? { screen: 'new-meeting' } : { screen: 'meeting', meeting: id };
    case 'documents':
      return { screen: 'document', document: id, page: pageNumber(asked.get('page')), words: (asked.get('q') ?? '').normalize('NFC') };
    case 'votes':
      return { screen: 'vote', vote: id };
    case 'resolutions':
      return { screen: 'resolution', resolution: id };
    default:
      return { screen: 'unknown' };
  }
}

/** Same screen with the same thing on it: then the screen stays and only its details change. */
export function sameScreen(a: Route, b: Route): boolean {
  return key(a) === key(b);
}

export function key(route: Route): string {
  switch (route.screen) {
    case 'meeting':
      return `meeting ${route.meeting}`;
    case 'document':
      return `document ${route.document} ${route.page ?? ''} ${route.words}`;
    case 'vote':
      return `vote ${route.vote}`;
    case 'resolution':
      return `resolution ${route.resolution}`;
    default:
      return route.screen;
  }
}

function query(pairs: Record<string, string | undefined>): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(pairs)) if (value !== undefined && value !== '') asked.set(name, value);
  const text = asked.toString();
  return text === '' ? '' : `?${text}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function pageNumber(text: string | null): number | null {
  return text !== null && /^[1-9]\d{0,4}$/.test(text) ? Number(text) : null;
}
