/** A list of documents on its way: chosen, digested, authorised as exactly these, signed one by one. */
import { api } from './api/client';
import { asProblem, Problem } from './api/problem';
import type { Activation, SigningOffer } from './api/types';

/**
 * `reading` until its digest is known; `left` after what stopped the list or after the rest was taken back; `refused`
 * for this document alone.
 */
export type EntryState = 'reading' | 'ready' | 'waiting' | 'signing' | 'signed' | 'refused' | 'left';

export class Entry {
  digest = $state<string | null>(null);
  state = $state<EntryState>('reading');
  why = $state.raw<Problem | null>(null);
  /** Where the browser keeps the signed document. */
  signed = $state<string | null>(null);
  saved = $state(false);

  constructor(
    readonly id: number,
    readonly file: File,
  ) {}

  get name(): string {
    return this.file.name.normalize('NFC');
  }

  get signedName(): string {
    return this.name.replace(/\.pdf$/i, '') + '-da-ky.pdf';
  }
}

/** Why a file was not put on the list. */
export interface Turned {
  name: string;
  why: 'not-pdf' | 'too-large' | 'twice' | 'too-many';
}

type Phase = 'choosing' | 'signing' | 'stopped' | 'done';

export class SigningList {
  entries = $state<Entry[]>([]);
  turned = $state.raw<Turned[]>([]);
  phase = $state<Phase>('choosing');
  /** What stopped the list, if it did not stop by itself or on demand. */
  problem = $state.raw<Problem | null>(null);
  #batch: string | null = null;
  #stopping = $state(false);
  #next = 1;

  get stopping(): boolean {
    return this.#stopping && this.phase === 'signing';
  }

  get nSettled(): number {
    return this.entries.filter((entry) => ['signed', 'refused', 'left'].includes(entry.state)).length;
  }

  get nSigned(): number {
    return this.entries.filter((entry) => entry.state === 'signed').length;
  }

  get nUnsaved(): number {
    return this.entries.filter((entry) => entry.state === 'signed' && !entry.saved).length;
  }

  get isReady(): boolean {
    return this.entries.length > 0 && this.entries.every((entry) => entry.state === 'ready');
  }

  /** What is authorised: the appliance logs the digest of exactly this text. */
  get statement(): string {
    return JSON.stringify(this.entries.map((entry, i) => [i + 1, entry.digest]));
  }

  /** Puts files on the list; each is read once for its digest. */
  async add(files: readonly File[], offer: SigningOffer): Promise<void> {
    const turned: Turned[] = [];
    for (const file of files) {
      const name = file.name.normalize('NFC');
      if (this.entries.length >= offer.n_documents_max) turned.push({ name, why: 'too-many' });
      else if (!/\.pdf$/i.test(name) && file.type !== 'application/pdf') turned.push({ name, why: 'not-pdf' });
      else if (file.size > offer.n_bytes_max) turned.push({ name, why: 'too-large' });
      else {
        // As the list holds it: what is set on the bare object would not be seen.
        this.entries.push(new Entry(this.#next++, file));
        const entry = this.entries[this.entries.length - 1] as Entry;
        const digest = await sha256(file);
        if (this.entries.some((other) => other !== entry && other.digest === digest)) {
          turned.push({ name, why: 'twice' });
          this.remove(entry);
        } else {
          entry.digest = digest;
          entry.state = 'ready';
        }
      }
    }
    this.turned = turned;
  }

  remove(entry: Entry): void {
    this.entries = this.entries.filter((other) => other.id !== entry.id);
  }

  /** Has exactly this list authorised. */
  async authorise(key: string, level: string, activation: Activation, idempotency: string): Promise<void> {
    const documents = this.entries.map((entry) => ({ name: entry.name, digest: entry.digest ?? '' }));
    this.#batch = (await api.authoriseBatch({ key, level, documents }, activation, idempotency)).id;
    for (const entry of this.entries) entry.state = 'waiting';
  }

  /** Signs what waits, one document after the other, until it is stopped or everything has its result. */
  async run(): Promise<void> {
    if (this.#batch === null || this.phase === 'signing') return;
    this.phase = 'signing';
    this.problem = null;
    this.#stopping = false;
    for (const [i, entry] of this.entries.entries()) {
      if (this.#stopping) break;
      if (entry.state !== 'waiting') continue;
      entry.state = 'signing';
      try {
        entry.signed = URL.createObjectURL(await api.signBatchDocument(this.#batch, i + 1, entry.file));
        entry.state = 'signed';
      } catch (thrown) {
        const problem = asProblem(thrown);
        if (stopsTheList(problem)) {
          entry.state = 'waiting';
          this.problem = problem;
          break;
        }
        entry.why = problem;
        entry.state = 'refused';
      }
    }
    this.phase = this.entries.some((entry) => entry.state === 'waiting') ? 'stopped' : 'done';
  }

  /** Stops after the document in hand; the rest stays authorised for its quarter of an hour. */
  stop(): void {
    this.#stopping = true;
  }

  /** Takes the authorisation of whatever is not signed back. */
  async withdraw(): Promise<void> {
    if (this.#batch !== null) await api.withdrawBatch(this.#batch);
    for (const entry of this.entries) if (entry.state === 'waiting') entry.state = 'left';
    this.phase = 'done';
  }

  /** Begins anew; with `kept`, with the documents that were not signed. */
  restart(kept: 'nothing' | 'unsigned'): void {
    const files = kept === 'unsigned' ? this.entries.filter((entry) => entry.state !== 'signed') : [];
    const signed = this.entries.flatMap((entry) => entry.signed ?? []);
    // A download that has just begun still reads it.
    setTimeout(() => signed.forEach((one) => URL.revokeObjectURL(one)), 60_000);
    for (const entry of files) {
      entry.state = 'ready';
      entry.why = null;
    }
    this.entries = files;
    this.turned = [];
    this.problem = null;
    this.phase = 'choosing';
    this.#batch = null;
  }
}

/** A lost answer, an authorisation that ran out, a token that is away: the next document would fare no better. */
function stopsTheList(problem: Problem): boolean {
  return problem.undecided || problem.status === 401 || ['batch-expired', 'key-suspended', 'key-quota-reached', 'forbidden', 'not-permitted'].includes(problem.code);
}

export async function sha256(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** One person's list outlives the screen, so that looking elsewhere loses nothing. */
let kept: { person: string; list: SigningList } | null = null;

export function listOf(person: string): SigningList {
  if (kept?.person !== person) {
    kept?.list.restart('nothing');
    kept = { person, list: new SigningList() };
  }
  return kept.list;
}
