/** The only shared state: who is signed in, and until when. */
import { api, whenSignedOut } from './api/client';
import { asProblem } from './api/problem';
import type { Person, Role, Session } from './api/types';
import { pending } from './pending';

/** `expired` keeps the person: if he signs in again, his screen is still there. */
type Phase = 'asking' | 'out' | 'in' | 'expired' | 'unreachable';

class CurrentSession {
  phase = $state<Phase>('asking');
  person = $state.raw<Person | null>(null);
  roles = $state.raw<Role[]>([]);
  /** Said once above the sign-in form after leaving on purpose. */
  left = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    whenSignedOut(() => this.#ended());
  }

  is(...roles: Role[]): boolean {
    return roles.some((role) => this.roles.includes(role));
  }

  /** Asks the appliance who we are; also right after a sign-in. */
  async ask(): Promise<void> {
    try {
      this.#begin(await api.session());
    } catch (thrown) {
      const problem = asProblem(thrown);
      if (problem.status === 401) this.#ended();
      else if (this.phase === 'asking') this.phase = 'unreachable';
    }
  }

  async leave(): Promise<void> {
    try {
      await api.signOut();
    } finally {
      clearTimeout(this.#timer);
      pending.clear();
      this.person = null;
      this.roles = [];
      this.left = true;
      this.phase = 'out';
    }
  }

  #begin(session: Session): void {
    // A choice that was not signed is nobody else's to see.
    if (this.person?.id !== session.person.id) pending.clear();
    this.person = session.person;
    this.roles = session.roles;
    this.left = false;
    this.phase = 'in';
    clearTimeout(this.#timer);
    const lasts_ms = Date.parse(session.expires_at) - Date.now();
    // A timer beyond 2^31 ms would fire at once.
    if (lasts_ms > 0 && lasts_ms < 2 ** 31) this.#timer = setTimeout(() => void this.ask(), lasts_ms + 1_000);
  }

  #ended(): void {
    clearTimeout(this.#timer);
    if (this.phase === 'out') return;
    this.phase = this.person === null ? 'out' : 'expired';
  }
}

export const session = new CurrentSession();
