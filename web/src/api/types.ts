/** What the appliance says over HTTP. Times are ISO 8601, ids are UUIDs, digests 64 hex digits. */

export type Role =
  | 'prime_minister' | 'chairman_of_office' | 'member' | 'secretary' | 'assistant'
  | 'clerk' | 'security_officer' | 'auditor' | 'operator' | 'guest';

export interface Person {
  id: string;
  username: string;
  name: string;
  position: string;
  unit: string;
}

export interface Session {
  person: Person;
  roles: Role[];
  factors: string[];
  signed_in_at: string;
  expires_at: string;
}

/** What the browser is asked; bytes in base64url. */
export interface PasskeyChallenge {
  ceremony: string;
  options: Record<string, unknown>;
}

export interface Passkey {
  id: string;
  name: string;
  is_synced: boolean;
  added_at: string;
  used_at: string | null;
  credential: string;
  salt: string;
  /** The long PIN, wrapped here; none where this passkey does not unlock the key. */
  wrap: string | null;
}

/** `to-passkey` and `to-pin`: nobody knows which PIN opens. */
export type Unlock = 'pin' | 'passkey' | 'to-passkey' | 'to-pin';

export interface Passkeys {
  passkeys: Passkey[];
  unlock: Unlock;
  may_unlock: boolean;
}

/** What unlocks a person's key for one act. */
export interface Activation {
  pin: string;
  passkey?: Readonly<Record<string, unknown>>;
}

export type MeetingKind = 'regular' | 'thematic' | 'extraordinary';
export type MeetingState = 'draft' | 'invited' | 'in_session' | 'ended';
export type Capacity = 'member' | 'substitute' | 'guest';
export type Attendance = 'unknown' | 'in_room' | 'elsewhere' | 'absent';
export type DocumentKind = 'submission' | 'draft' | 'report' | 'other';
export type Choice = 'agree' | 'disagree' | 'other_opinion';

export interface MeetingSummary {
  id: string;
  title: string;
  kind: MeetingKind;
  state: MeetingState;
  starts_at: string;
  place: string;
  n_items: number;
  open_vote: string | null;
  needs_me: boolean;
}

export interface MeetingList {
  meetings: MeetingSummary[];
  actions: string[];
}

export interface RollEntry {
  person: Person;
  capacity: Capacity;
  for: string | null;
  items: string[];
  attendance: Attendance;
}

export interface Quorum {
  n_members: number;
  n_in_room: number;
  needed: number;
  reached: boolean;
}

export interface Document {
  id: string;
  title: string;
  /** One of `DocumentKind`, or a kind of paper that the appliance typesets. */
  kind: string;
  n_pages: number;
  size_bytes: number;
  digest: string;
  uploaded_at: string;
  item: string | null;
  meeting: string;
  /** The Resolution whose revision this is. */
  resolution: string | null;
  actions: string[];
}

export interface VoteSummary {
  id: string;
  state: 'open' | 'closed';
  question: string;
  adopted: boolean | null;
}

export type ResolutionState = 'draft' | 'signed' | 'sealed';

export interface ResolutionSummary {
  id: string;
  title: string;
  state: ResolutionState;
  number: string | null;
}

export interface Item {
  id: string;
  number: number;
  title: string;
  presenter: string | null;
  documents: Document[];
  votes: VoteSummary[];
  resolution: ResolutionSummary | null;
  actions: string[];
}

export interface Meeting {
  id: string;
  title: string;
  kind: MeetingKind;
  state: MeetingState;
  starts_at: string;
  place: string;
  chair: Person;
  secretary: Person;
  roll: RollEntry[];
  quorum: Quorum;
  invitations: Document[];
  items: Item[];
  actions: string[];
}

export interface NewMeeting {
  title: string;
  kind: MeetingKind;
  starts_at: string;
  place: string;
  chair: string;
  secretary?: string;
}

export interface NewRoll {
  members: string[];
  substitutes: { person: string; for: string }[];
  guests: { person: string; items: string[] }[];
}

export interface Word {
  text: string;
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface PageWords {
  width: number;
  height: number;
  words: Word[];
}

export interface Receipt {
  ballot: string;
  version: number;
  entry: string;
  leaf_hash: string;
  statement_digest: string;
  at: string;
  code: string;
}

export interface MyBallot {
  version: number;
  choice: Choice;
  comment: string | null;
  at: string;
  receipt: Receipt;
}

export interface Outcome {
  adopted: boolean;
  n_members: number;
  n_agree: number;
  n_disagree: number;
  n_other: number;
  n_silent: number;
  majority_needed: number;
  decided_by: 'majority' | 'prime_minister' | 'none';
  arithmetic: string;
  rule: string;
  source: string;
}

export interface NamedBallot {
  person: Person;
  choice: Choice | null;
  comment: string | null;
  version: number | null;
  at: string | null;
}

export interface Vote {
  id: string;
  item: string;
  meeting: string;
  state: 'open' | 'closed';
  question: string;
  opened_at: string;
  closed_at: string | null;
  documents: { id: string; title: string; digest: string }[];
  rules: { id: string; title: string; citation: string; majority_needed: number };
  n_members: number;
  /** Null where this person may not know it. */
  n_cast: number | null;
  prime_minister: Person;
  /** `by_card_only`: his key is on the card in his own hand; he is asked for no PIN here. */
  mine: { eligible: boolean; by_card_only: boolean; ballot: MyBallot | null };
  outcome: Outcome | null;
  ballots: NamedBallot[] | null;
  actions: string[];
}

/** The statement that will be signed: its bytes, its digest, and its lines for people. */
export interface Prepared {
  statement: string;
  digest: string;
  readable: { label: string; value: string }[];
}

export interface NewResolution {
  title?: string;
  bases?: string[];
  articles?: { heading: string; text: string }[];
  recipients?: string[];
}

export interface Resolution {
  id: string;
  vote: string;
  meeting: string;
  item: string;
  state: ResolutionState;
  title: string;
  number: string | null;
  issued_on: string | null;
  document: string;
  digest: string;
  n_pages: number;
  /** Whose signature it needs. */
  signer: Person;
  signed_by: Person | null;
  signed_at: string | null;
  sealed_at: string | null;
  /** My key is on the card in my own hand; I am asked for no PIN here. */
  by_card_only: boolean;
  actions: string[];
}

export interface Hit {
  document: string;
  meeting: string;
  item: string | null;
  resolution: string | null;
  title: string;
  kind: string;
  page: number;
  snippet: { text: string; hit: boolean }[];
}

export interface SearchResult {
  total: number;
  hits: Hit[];
}

export interface LogEntry {
  index: number;
  id: string;
  kind: string;
  at: string;
  /** Id of who acted; null for the appliance itself. */
  actor: string | null;
  leaf_hash: string;
  /** The exact canonical text that is hashed. */
  body: string;
}

export interface LogPage {
  entries: LogEntry[];
  checkpoint: string | null;
}

export const LIVE_KINDS = [
  'meeting-changed', 'agenda-changed', 'document-added', 'vote-opened', 'ballot-cast',
  'vote-closed', 'resolution-drafted', 'resolution-signed', 'resolution-sealed',
] as const;

export interface LiveEvent {
  kind: (typeof LIVE_KINDS)[number];
  meeting: string;
  item?: string;
  vote?: string;
  resolution?: string;
  document?: string;
  n_cast?: number;
  n_members?: number;
}

/** What the caller may put on a list: keys, levels, limits. */
export interface SigningOffer {
  keys: { label: string; holder: string; purpose: 'batch' | 'organisation' }[];
  levels: string[];
  n_documents_max: number;
  n_bytes_max: number;
}

export interface NewBatch {
  key: string;
  level: string;
  documents: { name: string; digest: string }[];
}

export interface Batch {
  id: string;
  expires_at: string;
}
