/** Every request the client makes, and the only file that knows an address of the interface. */
import { asProblem, Problem } from './problem';
import type {
  Activation, Batch, Document, DocumentKind, Item, LogPage, Meeting, MeetingList, NewBatch, NewMeeting, NewResolution, NewRoll, PageWords, Passkey,
  PasskeyChallenge, Passkeys, Person, Prepared, Choice, Receipt, Resolution, Role, SearchResult, Session, SigningOffer, Vote,
} from './types';

const ANSWER_MS = 30_000;
const UPLOAD_MS = 10 * 60_000;

let onSignedOut: () => void = () => {};

/** Is told of every 401 except those of the sign-in itself. */
export function whenSignedOut(tell: () => void): void {
  onSignedOut = tell;
}

const seg = encodeURIComponent;

/** Addresses that the browser itself follows: images, downloads, the live stream. */
export const address = {
  page: (document: string, page: number, width: number) => `/api/documents/${seg(document)}/pages/${page}?width=${width}`,
  content: (document: string) => `/api/documents/${seg(document)}/content`,
  evidence: (vote: string) => `/api/votes/${seg(vote)}/evidence`,
  events: (meeting: string) => `/api/meetings/${seg(meeting)}/events`,
} as const;

export const api = {
  signIn: (username: string, password: string) => post<{ next: string }>('/api/session', { username, password }, { ofSignIn: true }),
  signInCode: (code: string) => post<{ member: Person; roles: Role[] }>('/api/session/totp', { code }, { ofSignIn: true }),
  beginPasskeySignIn: () => post<PasskeyChallenge>('/api/session/passkey/challenge', {}, { ofSignIn: true }),
  signInPasskey: (ceremony: string, credential: object) =>
    post<{ member: Person; roles: Role[] }>('/api/session/passkey', { ceremony, credential }, { ofSignIn: true }),
  session: () => call<Session>('GET', '/api/session', { ofSignIn: true }),
  signOut: () => call<null>('DELETE', '/api/session', { ofSignIn: true }),

  passkeys: () => get<Passkeys>('/api/session/passkey/keys'),
  beginAddingPasskey: () => post<PasskeyChallenge>('/api/session/passkey/keys/challenge', {}),
  addPasskey: (ceremony: string, name: string, credential: object) => post<Passkey>('/api/session/passkey/keys', { ceremony, name, credential }),
  renamePasskey: (passkey: string, name: string) => put<Passkey>(`/api/session/passkey/keys/${seg(passkey)}`, { name }),
  removePasskey: (passkey: string) => call<null>('DELETE', `/api/session/passkey/keys/${seg(passkey)}`),
  beginConfirming: () => post<PasskeyChallenge>('/api/session/passkey/unlock/challenge', {}),
  unlockByPasskey: (change: { ceremony: string; credential: object; pin: string; new_pin: string; wrap: string }) =>
    put<null>('/api/session/passkey/unlock', change),
  unlockByPin: (change: { ceremony: string; credential: object; pin: string; new_pin: string }) =>
    put<null>('/api/session/passkey/unlock/pin', change),
  unlockByPasskeyToo: (passkey: string, wrap: { ceremony: string; credential: object; pin: string; wrap: string }) =>
    put<null>(`/api/session/passkey/keys/${seg(passkey)}/wrap`, wrap),
  settleUnlock: (pin: string) => put<null>('/api/session/passkey/unlock/settlement', { pin }),

  people: () => get<{ people: (Person & { roles: Role[] })[] }>('/api/people'),

  meetings: () => get<MeetingList>('/api/meetings'),
  createMeeting: (meeting: NewMeeting) => post<Meeting>('/api/meetings', meeting),
  meeting: (meeting: string) => get<Meeting>(`/api/meetings/${seg(meeting)}`),
  addItem: (meeting: string, item: { title: string; presenter?: string }) => post<Item>(`/api/meetings/${seg(meeting)}/items`, item),
  setRoll: (meeting: string, roll: NewRoll) => put<Meeting>(`/api/meetings/${seg(meeting)}/roll`, roll),
  sendInvitations: (meeting: string) => post<Meeting>(`/api/meetings/${seg(meeting)}/invitations`, {}),
  setAttendance: (meeting: string, here: { in_room: string[]; elsewhere: string[] }) =>
    put<Meeting>(`/api/meetings/${seg(meeting)}/attendance`, here),
  openMeeting: (meeting: string) => post<Meeting>(`/api/meetings/${seg(meeting)}/open`, {}),
  endMeeting: (meeting: string) => post<Meeting>(`/api/meetings/${seg(meeting)}/end`, {}),

  document: (document: string) => get<Document>(`/api/documents/${seg(document)}`),
  words: (document: string, page: number) => get<PageWords>(`/api/documents/${seg(document)}/pages/${page}/words`),
  uploadDocument: (item: string, paper: { title: string; kind: DocumentKind; file: Blob }, progress: (share: number) => void) =>
    upload<Document>(
      `/api/items/${seg(item)}/documents?` + new URLSearchParams({ title: paper.title.normalize('NFC'), kind: paper.kind }).toString(),
      paper.file,
      progress,
    ),

  openVote: (item: string, question?: string) => post<Vote>(`/api/items/${seg(item)}/votes`, question === undefined ? {} : { question }),
  vote: (vote: string) => get<Vote>(`/api/votes/${seg(vote)}`),
  prepareBallot: (vote: string, ballot: { choice: Choice; comment?: string }) =>
    post<Prepared>(`/api/votes/${seg(vote)}/ballots/prepare`, ballot),
  castBallot: (vote: string, ballot: { choice: Choice; comment?: string; statement: string }, activation: Activation, key: string) =>
    post<Receipt>(`/api/votes/${seg(vote)}/ballots`, { ...ballot, activation }, { key }),
  closeVote: (vote: string) => post<Vote>(`/api/votes/${seg(vote)}/close`, {}),

  draftResolution: (vote: string, resolution: NewResolution) => post<Resolution>(`/api/votes/${seg(vote)}/resolution`, resolution),
  resolutions: () => get<{ resolutions: Resolution[] }>('/api/resolutions'),
  resolution: (resolution: string) => get<Resolution>(`/api/resolutions/${seg(resolution)}`),
  signResolution: (resolution: string, digest: string, activation: Activation, key: string) =>
    post<Resolution>(`/api/resolutions/${seg(resolution)}/signature`, { digest, activation }, { key }),
  sealResolution: (resolution: string, activation: Activation, key: string) =>
    post<Resolution>(`/api/resolutions/${seg(resolution)}/seal`, { activation }, { key }),

  signingOffer: () => get<SigningOffer>('/api/batches'),
  authoriseBatch: (batch: NewBatch, activation: Activation, key: string) => post<Batch>('/api/batches', { ...batch, activation }, { key }),
  signBatchDocument: (batch: string, number: number, file: Blob) => exchange(`/api/batches/${seg(batch)}/documents/${number}`, file),
  withdrawBatch: (batch: string) => call<Batch>('DELETE', `/api/batches/${seg(batch)}`),

  search: (words: string, limit = 20) =>
    get<SearchResult>('/api/search?' + new URLSearchParams({ q: words.normalize('NFC'), limit: limit.toString() }).toString()),
  entries: (after: number, limit = 100) => get<LogPage>(`/api/log/entries?after=${after}&limit=${limit}`),
} as const;

interface Options {
  body?: unknown;
  /** Idempotency-Key of a signing act. */
  key?: string;
  /** A 401 here is an answer to a sign-in, not the end of a session. */
  ofSignIn?: boolean;
}

const get = <T>(at: string) => call<T>('GET', at);
const put = <T>(at: string, body: unknown) => call<T>('PUT', at, { body });
const post = <T>(at: string, body: unknown, options: Options = {}) => call<T>('POST', at, { ...options, body });

async function call<T>(method: string, at: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json, application/problem+json' };
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (options.key !== undefined) headers['Idempotency-Key'] = options.key;
  const body = options.body === undefined ? null : encode(options.body);
  const read = async (response: Response) => (response.status === 204 ? (null as T) : ((await response.json()) as T));
  return request(at, { method, headers, body }, read, ANSWER_MS, options.ofSignIn === true);
}

/** Sends a PDF and is answered with a PDF. */
async function exchange(at: string, file: Blob): Promise<Blob> {
  const headers = { Accept: 'application/pdf, application/problem+json', 'Content-Type': 'application/pdf' };
  return request(at, { method: 'PUT', headers, body: file }, (response) => response.blob(), UPLOAD_MS);
}

async function request<T>(at: string, what: RequestInit, read: (response: Response) => Promise<T>, within_ms: number, ofSignIn = false): Promise<T> {
  let response: Response;
  try {
    response = await fetch(at, { ...what, credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(within_ms) });
    if (response.ok) return await read(response);
  } catch {
    throw new Problem('no-connection', 0);
  }
  const problem = await Problem.of(response);
  if (problem.status === 401 && !ofSignIn) onSignedOut();
  throw problem;
}

/** `fetch` cannot report how much was sent; this can. */
function upload<T>(at: string, file: Blob, progress: (share: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', at);
    request.timeout = UPLOAD_MS;
    request.setRequestHeader('Content-Type', 'application/pdf');
    request.setRequestHeader('Accept', 'application/json, application/problem+json');
    request.upload.onprogress = (event) => progress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onload = () => {
      const body = parse(request.responseText);
      if (request.status >= 200 && request.status < 300 && body !== null) return resolve(body as T);
      if (request.status === 401) onSignedOut();
      reject(Problem.from(request.status, body, request.getResponseHeader('Retry-After'), request.getResponseHeader('X-Request-Id')));
    };
    request.onerror = request.ontimeout = request.onabort = () => reject(asProblem(new Problem('no-connection', 0)));
    request.send(file);
  });
}

/** What people typed goes out in NFC; a statement and a secret go out exactly as they are. */
export function encode(body: unknown): string {
  const exact = new Set(['statement', 'password', 'pin', 'new_pin']);
  return JSON.stringify(body, (name, value: unknown) => (typeof value === 'string' && !exact.has(name) ? value.normalize('NFC') : value));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
